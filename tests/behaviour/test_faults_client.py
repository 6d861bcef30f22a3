"""Servers that stop at the worst moment: the right exception, a closed connection, a slot given back."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

import quinde
from quinde import web
from tests.behaviour.library import application
from tests.support.servers import serve_quinde, serve_raw

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
LARGE = bytes(32 * 1024 * 1024)


@pytest.mark.parametrize("reset", [False, True])
async def test_server_that_ends_after_each_byte(mode, reset):
    said = 0

    async def talk(wire):
        await wire.read_until(b"\r\n\r\n")
        await wire.send(ANSWER[:said])
        if reset:
            plain = wire.writer.get_extra_info("socket")
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.writer.transport.abort()

    connector = quinde.TCPConnector(limit=1)
    async with serve_raw(talk) as served, quinde.ClientSession(connector=connector) as session:
        for said in range(len(ANSWER)):  # noqa: B007  # `talk` reads it
            with pytest.raises(quinde.ClientError):
                async with asyncio.timeout(5), session.get(served.url) as response:
                    await response.read()
            connector._pool.assert_consistent()
            assert connector._pool.statistics()["slots_in_use"] == 0


async def test_request_cancelled_at_every_step(mode):
    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(5):
            await response.write(bytes(100_000))
            await asyncio.sleep(0)
        return response

    async def pieces():
        for _ in range(3):
            yield bytes(50_000)
            await asyncio.sleep(0)

    async def fetch(session, url, data):
        async with session.post(url, data=data) as response:
            return await response.read()

    connector = quinde.TCPConnector(limit=2)
    async with serve_quinde(application(handler)) as served:
        async with quinde.ClientSession(connector=connector) as session:
            for streamed in (False, True):
                for steps in range(30):
                    task = asyncio.create_task(fetch(session, served.url, pieces() if streamed else b"y"))
                    for _ in range(steps):
                        await asyncio.sleep(0)
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                    connector._pool.assert_consistent()
            bodies = await asyncio.gather(*(fetch(session, served.url, b"y") for _ in range(5)))
            assert [len(body) for body in bodies] == [500_000] * 5
            assert connector._pool.statistics()["slots_in_use"] == 0


@pytest.mark.parametrize("streamed", [False, True])
async def test_connection_with_half_a_request_unsent_is_not_used_again(mode, streamed):
    over = asyncio.Event()

    async def talk(wire):
        await wire.read_until(b"\r\n\r\n")
        wire.writer.transport.pause_reading()
        await wire.send(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")
        await over.wait()

    async def pieces():
        for at in range(0, len(LARGE), 65536):
            yield LARGE[at : at + 65536]

    connector = quinde.TCPConnector(limit=1)
    async with serve_raw(talk) as served, quinde.ClientSession(connector=connector) as session:
        try:
            for _ in range(3):
                data = pieces() if streamed else LARGE
                async with asyncio.timeout(5), session.post(served.url, data=data) as response:
                    assert await response.read() == b"no"
        finally:
            over.set()


@pytest.mark.plain("asyncio's TLS cannot close one half")
@pytest.mark.parametrize("words", [b"garbage\r\n\r\n", b""])
async def test_upload_to_a_server_that_fails_without_reading(mode, words):
    over = asyncio.Event()

    async def talk(wire):
        await wire.read_until(b"\r\n\r\n")
        wire.writer.transport.pause_reading()
        await wire.send(words)
        await wire.send_eof()
        await over.wait()

    async with serve_raw(talk) as served, quinde.ClientSession() as session:
        try:
            with pytest.raises(quinde.ClientError):
                async with asyncio.timeout(5):
                    await session.post(served.url, data=LARGE)
        finally:
            over.set()


@pytest.mark.parametrize("streamed", [False, True])
async def test_server_that_takes_nothing_of_an_upload(mode, streamed):
    over = asyncio.Event()

    async def talk(wire):
        await wire.read_until(b"\r\n\r\n")
        wire.writer.transport.pause_reading()
        await over.wait()

    async def pieces():
        for at in range(0, len(LARGE), 65536):
            yield LARGE[at : at + 65536]

    connector = quinde.TCPConnector(limit=1)
    async with serve_raw(talk) as served, quinde.ClientSession(connector=connector) as session:
        try:
            timeout = quinde.ClientTimeout(sock_write=0.1)
            with pytest.raises(quinde.SocketTimeoutError, match="Timeout on writing data to socket"):
                async with asyncio.timeout(5):
                    await session.post(served.url, data=pieces() if streamed else LARGE, timeout=timeout)
            connector._pool.assert_consistent()
            assert connector._pool.statistics()["slots_in_use"] == 0
        finally:
            over.set()


async def test_server_that_takes_an_upload_slowly(mode):
    async def talk(wire):
        await wire.read_until(b"\r\n\r\n")
        got = 0
        while got < len(LARGE):
            got += len(await wire.reader.read(1 << 20))
            await asyncio.sleep(0.01)
        await wire.send(ANSWER)

    async with serve_raw(talk) as served, quinde.ClientSession() as session:
        timeout = quinde.ClientTimeout(sock_write=0.2)
        async with session.post(served.url, data=LARGE, timeout=timeout) as response:
            assert await response.read() == b"hello"
