"""The body of an answer: length, compression, back-pressure."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import Any

import pytest

from quinde.web.writer import Compressor, IncompleteBodyError, ResponseWriter
from tests.web.incoming import FakeIncoming


def writer(incoming: Any, **options: Any) -> ResponseWriter:
    return ResponseWriter(incoming, **{"length": None, "empty": False, **options})


async def test_pieces_pass() -> None:
    incoming = FakeIncoming()
    body = writer(incoming)
    for piece in (b"a", bytearray(b"b"), memoryview(b"c"), memoryview(bytearray(b"d"))):
        await body.write(piece)
    await body.write(b"")
    await body.write_eof(b"e")
    assert incoming.sent == [b"a", b"b", b"c", b"d", b"e", "eof"]
    assert body.output_size == 5


async def test_declared_length_cuts() -> None:
    incoming = FakeIncoming()
    body = writer(incoming, length=3)
    await body.write(b"ab")
    await body.write(b"cd")
    await body.write(b"e")
    await body.write_eof(b"f")
    assert incoming.sent == [b"ab", b"c", b"", "eof"]
    assert body.length == 0


async def test_missing_bytes_are_an_error() -> None:
    body = writer(FakeIncoming(), length=3)
    await body.write(b"ab")
    with pytest.raises(IncompleteBodyError, match="1 of the declared bytes"):
        await body.write_eof()


async def test_empty_answers_take_nothing() -> None:
    incoming = FakeIncoming()
    body = writer(incoming, length=3, empty=True)
    await body.write(b"ab")
    await body.write_eof(b"c")
    assert incoming.sent == [b"", "eof"]


async def test_slow_peer_holds_the_writer() -> None:
    incoming = FakeIncoming()
    incoming.flowing = False
    incoming.drained = asyncio.get_running_loop().create_future()
    writing = asyncio.create_task(writer(incoming).write(b"a"))
    await asyncio.sleep(0)
    assert not writing.done()
    incoming.drained.set_result(None)
    await writing


@pytest.mark.parametrize("max_sync_size", [10, 1_000_000])
async def test_compression(max_sync_size: int) -> None:
    text = b"quinde " * 1000
    for coding, decompress in (("gzip", gzip.decompress), ("deflate", zlib.decompress)):
        incoming = FakeIncoming()
        compressor = Compressor(coding, zlib.Z_FILTERED, max_sync_size=max_sync_size)
        body = writer(incoming, compressor=compressor)
        await body.write(text)
        await body.write_eof(b"end")
        assert decompress(b"".join(incoming.sent[:-1])) == text + b"end"


async def test_unknown_coding_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Compressor("br")
