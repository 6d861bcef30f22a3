"""Encoded bodies: decoded on their way, in bounded steps, with a cap."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest

import quinde
from tests.support.servers import answering, serve_raw

TEXT = b"It is a truth universally acknowledged. " * 1000


@pytest.fixture
def lib() -> Any:
    """The library under test."""
    return quinde


def raw_deflate(data: bytes) -> bytes:
    """Deflate without zlib's frame, as some servers send it."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def encoded(coding: str, body: bytes, *, chunk: int = 0) -> bytes:
    """One answer with an encoded body, in chunks if `chunk` says how large."""
    if not chunk:
        return b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s" % (
            coding.encode(),
            len(body),
            body,
        )
    pieces = [body[at : at + chunk] for at in range(0, len(body), chunk)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nTransfer-Encoding: chunked\r\n\r\n%s" % (
        coding.encode(),
        framed,
    )


CODED = [
    # Without the time: these become names of tests, which must be the same in each process.
    ("gzip", gzip.compress(TEXT, mtime=0)),
    ("GZIP", gzip.compress(TEXT, mtime=0)),
    ("deflate", zlib.compress(TEXT)),
    ("deflate", raw_deflate(TEXT)),
    (
        "gzip",
        gzip.compress(TEXT[:7], mtime=0) + gzip.compress(b"", mtime=0) + gzip.compress(TEXT[7:], mtime=0),
    ),
    ("identity", TEXT),
    ("unknown", TEXT),
]


@pytest.mark.parametrize(("coding", "body"), CODED)
@pytest.mark.parametrize("chunk", [0, 1, 100])
async def test_decoded(lib: Any, coding: str, body: bytes, chunk: int) -> None:
    async with (
        serve_raw(answering(encoded(coding, body, chunk=chunk))) as served,
        lib.ClientSession() as client,
    ):
        async with client.get(served.url) as response:
            assert await response.read() == TEXT
            assert response.headers["Content-Encoding"] == coding


@pytest.mark.parametrize(("coding", "body"), CODED)
async def test_decoded_piece_by_piece(lib: Any, coding: str, body: bytes) -> None:
    async with serve_raw(answering(encoded(coding, body, chunk=50))) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            pieces = [piece async for piece in response.content.iter_chunked(1000)]
    assert b"".join(pieces) == TEXT
    assert max(map(len, pieces)) <= 1000


@pytest.mark.parametrize("where", ["session", "call"])
async def test_left_as_it_is_on_demand(lib: Any, where: str) -> None:
    body = gzip.compress(TEXT)
    session = {"auto_decompress": False} if where == "session" else {}
    call = {"auto_decompress": False} if where == "call" else {}
    async with serve_raw(answering(encoded("gzip", body))) as served, lib.ClientSession(**session) as client:
        async with client.get(served.url, **call) as response:
            assert await response.read() == body


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("way", ["read", "stream"])
async def test_nonsense(lib: Any, coding: str, way: str) -> None:
    async with serve_raw(answering(encoded(coding, b"this is not compressed"))) as served:
        async with lib.ClientSession() as client:
            with pytest.raises(lib.ClientPayloadError, match=f"Can not decode content-encoding: {coding}"):
                async with client.get(served.url) as response:
                    await (response.read() if way == "read" else response.content.read())


async def test_cut_off_deflate(lib: Any) -> None:
    async with serve_raw(answering(encoded("deflate", zlib.compress(TEXT)[:-20]))) as served:
        async with lib.ClientSession() as client:
            with pytest.raises((lib.ClientPayloadError, lib.ClientResponseError), match="deflate"):
                async with client.get(served.url) as response:
                    await response.read()


async def test_cut_off_gzip_gives_what_there_was(lib: Any) -> None:
    async with serve_raw(answering(encoded("gzip", gzip.compress(TEXT)[:-20]))) as served:
        async with lib.ClientSession() as client, client.get(served.url) as response:
            assert TEXT.startswith(await response.read())


async def test_empty_encoded_body(lib: Any) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"
    async with serve_raw(answering(answer)) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert await response.read() == b""


async def test_raw_bytes_are_counted(lib: Any) -> None:
    body = gzip.compress(TEXT)
    async with serve_raw(answering(encoded("gzip", body))) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert await response.content.read() == TEXT
            assert response.content.total_raw_bytes == len(body)
            assert response.content.total_bytes == len(TEXT)


async def test_head_of_an_encoded_resource(lib: Any) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100\r\n\r\n"
    async with serve_raw(answering(answer)) as served, lib.ClientSession() as client:
        async with client.head(served.url) as response:
            assert await response.read() == b""


BOMB = gzip.compress(bytes(4 << 20))


@pytest.mark.parametrize("where", ["session", "call"])
@pytest.mark.parametrize("chunk", [0, 1000])
async def test_cap(where: str, chunk: int) -> None:
    session: dict[str, Any] = {"max_decompressed_size": 1 << 20} if where == "session" else {}
    call: dict[str, Any] = {"max_decompressed_size": 1 << 20} if where == "call" else {}
    async with serve_raw(answering(encoded("gzip", BOMB, chunk=chunk))) as served:
        async with quinde.ClientSession(**session) as client:
            with pytest.raises(quinde.ClientPayloadError, match="max_decompressed_size"):
                async with client.get(served.url, **call) as response:
                    await response.read()
            assert client.connector is not None
            assert client.connector.statistics()["slots_in_use"] == 0


@pytest.mark.parametrize("limit", [4 << 20, None])
async def test_cap_is_exact_and_can_be_lifted(limit: int | None) -> None:
    async with serve_raw(answering(encoded("gzip", BOMB))) as served, quinde.ClientSession() as client:
        async with client.get(served.url, max_decompressed_size=limit) as response:
            assert len(await response.read()) == 4 << 20


async def test_cap_leaves_streams_and_plain_bodies_alone() -> None:
    async with serve_raw(answering(encoded("gzip", BOMB))) as served:
        async with (
            quinde.ClientSession(max_decompressed_size=10) as client,
            client.get(served.url) as response,
        ):
            sizes = [len(piece) async for piece in response.content.iter_any()]
    assert sum(sizes) == 4 << 20
    assert max(sizes) <= 256 << 10
    async with serve_raw(answering(encoded("identity", TEXT))) as served:
        async with (
            quinde.ClientSession(max_decompressed_size=10) as client,
            client.get(served.url) as response,
        ):
            assert await response.read() == TEXT


async def test_codings_that_cannot_be_decoded_yet_are_named() -> None:
    for way in ("read", "content"):
        async with (
            serve_raw(answering(encoded("br", b"\x0b\x02\x80"))) as served,
            quinde.ClientSession() as client,
        ):
            async with client.get(served.url) as response:
                with pytest.raises(quinde.ClientPayloadError, match="Can not decode content-encoding: br"):
                    await (response.read() if way == "read" else response.content.read())
