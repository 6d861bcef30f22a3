"""Decoding alone: exact output, bounded steps, every split, and input that is none."""

from __future__ import annotations

import asyncio
import gzip
import random
import zlib

import pytest

from quinde._core import Body
from quinde.errors import ClientPayloadError, ContentEncodingError
from quinde.http.compression import DecodedBody, Inflater, coding_to_decode

TEXT = bytes(random.Random(1).choices(b"abcdefgh ", k=5000))


def raw_deflate(data: bytes) -> bytes:
    """Deflate without zlib's frame."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


FORMS = [
    # Without the time: these become names of tests, which must be the same in each process.
    ("gzip", gzip.compress(TEXT, mtime=0)),
    ("gzip", gzip.compress(TEXT[:100], mtime=0) + gzip.compress(TEXT[100:], mtime=0)),
    ("gzip", gzip.compress(b"", mtime=0) + gzip.compress(TEXT, mtime=0) + gzip.compress(b"", mtime=0)),
    ("deflate", zlib.compress(TEXT)),
    ("deflate", raw_deflate(TEXT)),
    ("deflate", zlib.compress(TEXT[:100]) + zlib.compress(TEXT[100:])),
]


def drain(inflater: Inflater, step: int) -> bytes:
    """Take all there is, in steps."""
    parts = []
    while part := inflater.decode(step):
        assert len(part) <= step
        parts.append(part)
    assert not inflater.pending
    return b"".join(parts)


@pytest.mark.parametrize(
    ("value", "coding"),
    [
        ("gzip", "gzip"),
        ("DEFLATE", "deflate"),
        ("identity", None),
        ("gzip, br", None),
        ("", None),
        (None, None),
    ],
)
def test_coding_to_decode(value: str | None, coding: str | None) -> None:
    assert coding_to_decode(value) == coding


@pytest.mark.parametrize("value", ["br", "zstd", "Br"])
def test_known_codings_that_are_not_there_yet(value: str) -> None:
    with pytest.raises(ContentEncodingError, match=f"Can not decode content-encoding: {value.lower()}"):
        coding_to_decode(value)


@pytest.mark.parametrize(("coding", "data"), FORMS)
@pytest.mark.parametrize("step", [1, 7, 1000, 1 << 20])
def test_whole(coding: str, data: bytes, step: int) -> None:
    inflater = Inflater(coding)
    inflater.feed(data)
    assert drain(inflater, step) == TEXT
    inflater.finish()


@pytest.mark.parametrize(("coding", "data"), FORMS)
def test_byte_by_byte(coding: str, data: bytes) -> None:
    inflater = Inflater(coding)
    output = b""
    for at in range(len(data)):
        inflater.feed(data[at : at + 1])
        output += drain(inflater, 100)
    inflater.finish()
    assert output == TEXT


@pytest.mark.parametrize(("coding", "data"), FORMS)
def test_every_split(coding: str, data: bytes) -> None:
    for at in range(0, len(data), max(1, len(data) // 200)):
        inflater = Inflater(coding)
        inflater.feed(data[:at])
        output = inflater.decode(50)
        inflater.feed(data[at:])
        assert output + drain(inflater, 1 << 20) == TEXT


def test_output_never_exceeds_what_is_asked_for() -> None:
    inflater = Inflater("gzip")
    inflater.feed(gzip.compress(bytes(50 << 20)))
    total = 0
    while part := inflater.decode(64 << 10):
        assert len(part) <= 64 << 10
        total += len(part)
    assert total == 50 << 20


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_nonsense(coding: str) -> None:
    inflater = Inflater(coding)
    inflater.feed(b"nonsense, not compressed")
    with pytest.raises(ContentEncodingError, match=coding):
        drain(inflater, 100)


def test_garbage_after_a_member() -> None:
    inflater = Inflater("gzip")
    inflater.feed(gzip.compress(TEXT) + b"garbage")
    with pytest.raises(ContentEncodingError):
        drain(inflater, 1 << 20)


def test_flood_of_empty_members() -> None:
    inflater = Inflater("gzip")
    inflater.feed(gzip.compress(b"") * 2000)
    with pytest.raises(ContentEncodingError, match="too many members"):
        inflater.decode()


def test_cut_off() -> None:
    inflater = Inflater("deflate")
    inflater.finish()  # nothing at all is fine
    inflater.feed(zlib.compress(TEXT)[:-5])
    drain(inflater, 1 << 20)
    with pytest.raises(ContentEncodingError, match="deflate"):
        inflater.finish()


# --- a body that is decoded while it is read


async def test_body_is_decoded_as_it_is_taken() -> None:
    raw = Body(asyncio.get_running_loop())
    body = DecodedBody(raw, "gzip", ClientPayloadError)
    data = gzip.compress(TEXT)
    assert (body.buffered, body.eof, body.take(), body.take_chunk()) == (0, False, b"", b"")
    raw.feed_data(data[:200])
    assert body.buffered > 0
    first = body.take(5)
    assert first == TEXT[:5]
    rest = body.take()
    body.feed_data(data[200:])
    body.feed_eof()
    while piece := body.take_chunk():
        rest += piece
    assert first + rest == TEXT
    assert body.eof
    assert body.exception is None
    assert body.total == len(TEXT)
    assert body.raw.total == len(data)


async def test_body_waits_for_what_can_be_decoded() -> None:
    body = DecodedBody(Body(asyncio.get_running_loop()), "gzip", ClientPayloadError)
    future = body.wait()
    assert future is not None
    body.feed_data(gzip.compress(TEXT))
    await future
    assert body.wait() is None
    body.feed_eof()
    assert body.take(10) == TEXT[:10]
    body.unread(TEXT[5:10])
    assert body.take(10) == TEXT[5:10] + TEXT[10:15]


async def test_end_waits_for_the_last_decoded_byte() -> None:
    body = DecodedBody(Body(asyncio.get_running_loop()), "gzip", ClientPayloadError)
    body.feed_data(gzip.compress(bytes(600 << 10)))
    body.feed_eof()
    assert body.buffered == 256 << 10
    assert not body.eof
    sizes = []
    while piece := body.take():
        sizes.append(len(piece))
    assert sizes == [256 << 10, 256 << 10, 88 << 10]
    assert body.eof


async def test_body_s_nonsense_is_the_reader_s_error() -> None:
    body = DecodedBody(Body(asyncio.get_running_loop()), "gzip", ClientPayloadError)
    body.feed_data(b"nonsense")
    assert body.wait() is None
    assert isinstance(body.exception, ClientPayloadError)
    assert isinstance(body.exception.__cause__, ContentEncodingError)
    assert body.take() == b""


async def test_body_cut_off_below() -> None:
    body = DecodedBody(Body(asyncio.get_running_loop()), "gzip", ClientPayloadError)
    error = ClientPayloadError("cut")
    body.set_exception(error)
    assert body.exception is error


async def test_callback_at_the_end() -> None:
    body = DecodedBody(Body(asyncio.get_running_loop()), "gzip", ClientPayloadError)
    called: list[bool] = []
    body.on_eof(lambda: called.append(True))
    assert called == []
    body.feed_eof()
    assert called == [True]
