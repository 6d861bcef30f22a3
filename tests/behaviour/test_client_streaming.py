"""Reading bodies piece by piece, and writing them so, with back-pressure on both ways."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from tests.support.servers import answering, serve_raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.wire import Wire

LINES = b"one\ntwo\nthree"


@pytest.fixture
def lib() -> Any:
    """The library under test."""
    return quinde


def chunked(*chunks: bytes) -> bytes:
    """One answer in these chunks."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body


def sized(body: bytes) -> bytes:
    """One answer with its length."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize("answer", [sized(LINES), chunked(b"on", b"e\ntwo", b"\nthr", b"ee")])
async def test_lines(lib: Any, answer: bytes) -> None:
    async with serve_raw(answering(answer)) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert [line async for line in response.content] == [b"one\n", b"two\n", b"three"]
            assert response.content.at_eof()
            assert await response.content.readline() == b""


async def test_fixed_pieces(lib: Any) -> None:
    body = bytes(range(256)) * 100
    async with serve_raw(answering(sized(body))) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            pieces = [piece async for piece in response.content.iter_chunked(1024)]
    assert b"".join(pieces) == body
    assert max(map(len, pieces)) <= 1024


async def test_exact_reads(lib: Any) -> None:
    async with serve_raw(answering(chunked(b"ab", b"cde", b"f"))) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert await response.content.readexactly(4) == b"abcd"
            with pytest.raises(asyncio.IncompleteReadError) as caught:
                await response.content.readexactly(4)
            assert (caught.value.partial, caught.value.expected) == (b"ef", 4)


async def test_until_a_separator(lib: Any) -> None:
    async with serve_raw(answering(chunked(b"a-", b"-b--", b"c"))) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert await response.content.readuntil(b"--") == b"a--"
            assert await response.content.readuntil(b"--") == b"b--"
            assert await response.content.readuntil(b"--") == b"c"
            with pytest.raises(ValueError, match="Separator should be at least one-byte string"):
                await response.content.readuntil(b"")


async def test_http_chunks_are_told_apart(lib: Any) -> None:
    async with serve_raw(answering(chunked(b"first", b"second"))) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            pieces = [piece async for piece in response.content.iter_chunks()]
    assert pieces == [(b"first", True), (b"second", True)]


async def test_pieces_of_a_sized_body_end_no_chunk(lib: Any) -> None:
    async with serve_raw(answering(sized(b"whole"))) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert [piece async for piece in response.content.iter_chunks()] == [(b"whole", False)]
            assert await response.content.readchunk() == (b"", False)


async def test_bytes_arrive_as_they_are_sent(lib: Any) -> None:
    read = asyncio.Semaphore(0)

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\nfirst")
        for piece in (b"later", b"final"):
            await read.acquire()
            await wire.send(piece)

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert await response.content.readany() == b"first"
            assert not response.content.is_eof()
            for piece in (b"later", b"final"):
                # It waits already when the bytes come.
                reading = asyncio.create_task(response.content.readany())
                await asyncio.sleep(0)
                read.release()
                assert await asyncio.wait_for(reading, 5) == piece
            assert await response.content.readany() == b""


async def test_read_after_a_part_gives_the_rest(lib: Any) -> None:
    async with serve_raw(answering(sized(b"0123456789"))) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert await response.content.read(3) == b"012"
            assert await response.read() == b"3456789"
            assert await response.read() == b"3456789"


async def test_second_reader_is_refused(lib: Any) -> None:
    hold = asyncio.Event()

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        await hold.wait()
        await wire.send(b"body")

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            first = asyncio.create_task(response.content.read(10))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="another coroutine is already waiting for incoming data"):
                await response.content.read(10)
            hold.set()
            assert await first == b"body"


async def test_cancelled_read_can_be_tried_again(lib: Any) -> None:
    hold = asyncio.Event()

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        await hold.wait()
        await wire.send(b"body")

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await response.content.read(10)
            hold.set()
            assert await response.content.read(10) == b"body"


async def test_large_body_arrives_whole(lib: Any) -> None:
    body = bytes(range(256)) * 32768  # 8 MiB
    async with serve_raw(answering(sized(body))) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert await response.read() == body
        async with client.get(served.url) as response:
            assert b"".join([piece async for piece in response.content.iter_chunked(65536)]) == body


async def test_unread_body_stops_the_server(lib: Any) -> None:
    """The server cannot send more than the window and the system's buffers while nobody reads."""
    sent = 0
    stuck = asyncio.Event()
    total = 64 << 20

    async def talk(wire: Wire) -> None:
        nonlocal sent
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        piece = bytes(256 << 10)
        while sent < total:
            writing = asyncio.ensure_future(wire.send(piece))
            done, _ = await asyncio.wait([writing], timeout=0.2)
            if not done:
                stuck.set()
                await writing
            sent += len(piece)

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            await stuck.wait()
            assert sent < total // 2
            read = 0
            async for piece in response.content.iter_any():
                read += len(piece)
            assert read == total


async def test_long_iteration_gives_others_a_turn() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    async with serve_raw(answering(sized(bytes(100_000)))) as served, quinde.ClientSession() as client:
        async with client.get(served.url) as response:
            await response.content.wait_eof()
            ticking = asyncio.create_task(tick())
            count = 0
            async for _ in response.content.iter_chunked(10):
                count += 1
            ticking.cancel()
    assert count == 10_000
    assert ticks > 50


async def test_upload_is_held_back_by_a_slow_server(lib: Any) -> None:
    made = 0
    stuck = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal made
        for _ in range(512):
            made += 1
            yield bytes(64 << 10)

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await stuck.wait()
        wire.writer.transport.resume_reading()  # type: ignore[attr-defined]
        while size := int(await wire.read_until(b"\r\n"), 16):
            await wire.read_exactly(size + 2)
        await wire.read_exactly(2)
        await wire.send(sized(b"ok"))

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        posting = asyncio.ensure_future(client.post(served.url, data=pieces()))
        before = -1
        while not made or made != before:  # until it has begun and makes no progress any more
            before = made
            await asyncio.wait([posting], timeout=0.1)
        assert 0 < made < 400
        stuck.set()
        async with await posting as response:
            assert await response.text() == "ok"
    assert made == 512


async def test_answer_before_the_upload_is_over(lib: Any) -> None:
    ended = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"begin"
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"begin\r\n")
        await wire.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await wire.reader.read()

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.post(served.url, data=pieces()) as response:
            assert response.status == 413
        await ended.wait()
