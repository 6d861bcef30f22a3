"""Where the HTTP chunks of a received body end, on both ends of a connection.

HTTP gives them no meaning, but peers exist that send a message a chunk, and aiohttp tells them.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from quinde import web
from tests.support.servers import answering, serve_quinde, serve_raw
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from tests.support.wire import Wire

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
Pieces = list[tuple[bytes, bool]]


def chunk(data: bytes) -> bytes:
    """One chunk, or the end of the body if there are no data."""
    return b"%x\r\n%s\r\n" % (len(data), data)


async def read(answer: bytes) -> Pieces:
    """What the client reads of an answer, chunk by chunk."""
    async with serve_raw(answering(answer)) as served, quinde.ClientSession() as client:
        async with client.get(served.url) as response:
            return [piece async for piece in response.content.iter_chunks()]


async def test_a_chunk_in_parts() -> None:
    parts = [asyncio.Event() for _ in range(3)]

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(HEAD + b"5\r\nfi")
        for part, data in zip(parts, (b"rst", b"\r\n", b"3\r\nabc\r\n0\r\n\r\n"), strict=True):
            await part.wait()
            await wire.send(data)

    async with serve_raw(talk) as served, quinde.ClientSession() as client:
        async with client.get(served.url) as response:
            assert await response.content.readchunk() == (b"fi", False)
            parts[0].set()
            assert await response.content.readchunk() == (b"rst", True)
            parts[1].set()
            parts[2].set()
            assert await response.content.readchunk() == (b"abc", True)
            assert await response.content.readchunk() == (b"", False)


async def test_chunks_beside_other_reads() -> None:
    answer = HEAD + b"".join(map(chunk, (b"one\ntwo", b"three", b"four", b"")))
    async with serve_raw(answering(answer)) as served, quinde.ClientSession() as client:
        async with client.get(served.url) as response:
            content = response.content
            assert await content.readline() == b"one\n"
            assert await content.readchunk() == (b"two", True)
            assert await content.readexactly(5) == b"three"
            assert await content.readchunk() == (b"", True)
            assert await content.readany() == b"four"
            assert await content.readchunk() == (b"", True)
            assert await content.readchunk() == (b"", False)


async def test_no_tiny_chunk_is_lost() -> None:
    """More of them than would be read ahead."""
    count = 100_000
    pieces = await read(HEAD + b"".join(chunk(b"%d" % (at % 10)) for at in range(count)) + chunk(b""))
    assert pieces == [(b"%d" % (at % 10), True) for at in range(count)]


async def test_large_chunks_come_in_parts() -> None:
    sizes = (300_000, 1, 700_000)
    pieces = await read(HEAD + b"".join(chunk(bytes(size)) for size in sizes) + chunk(b""))
    ends, at = [], 0
    for data, is_end in pieces:
        at += len(data)
        if is_end:
            ends.append(at)
    assert ends == [300_000, 300_001, 1_000_001]


async def test_chunks_of_a_coded_body() -> None:
    encoder = zlib.compressobj(wbits=31)
    texts = (b"first", b"second" * 50_000, b"third")
    chunks = [chunk(encoder.compress(text) + encoder.flush(zlib.Z_SYNC_FLUSH)) for text in texts]
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    pieces = await read(head + b"".join(chunks) + chunk(encoder.flush()) + chunk(b""))
    joined: list[bytes] = [b""]
    for data, is_end in pieces:
        joined[-1] += data
        if is_end:
            joined.append(b"")
    assert joined == [*texts, b""]


@pytest.mark.parametrize("reads", [0, 1, 5])
async def test_a_server_tells_them(reads: int) -> None:
    """Also for the next request of the connection, whatever was read of the first."""
    seen: list[Pieces] = []

    async def handler(request: web.Request) -> web.Response:
        content: Any = request.content
        if not seen:
            seen.append([await content.readchunk() for _ in range(reads)])
        else:
            seen.append([piece async for piece in content.iter_chunks()])
        return web.Response()

    app = web.Application()
    app.router.add_post("/", handler)
    body = b"".join(map(chunk, (b"ab", b"c", b"def", b"")))
    request = b"POST / HTTP/1.1\r\nHost: quinde.test\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    async with serve_quinde(app) as served, open_wire(served) as wire:
        for _ in range(2):
            await wire.send(request)
            assert (await wire.read_answer()).status == 200
    pieces: Pieces = [(b"ab", True), (b"c", True), (b"def", True)]
    assert seen == [[*pieces, (b"", False), (b"", False)][:reads], pieces]
