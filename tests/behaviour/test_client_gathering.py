"""Large bodies that are read whole: much is awaited at once, and nothing that has come is overlooked."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from tests.support.servers import listening_socket, serve_raw

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.modes import Mode
    from tests.support.wire import Wire

BODY = bytes(range(256)) * 4096
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)
SMALL = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsmall"


@pytest.fixture
def lib() -> Any:
    """The library under test."""
    return quinde


def in_pieces(*sizes: int) -> Callable[[Wire], Awaitable[None]]:
    """A server that sends pieces of these sizes in turns, and then a small answer."""

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(HEAD)
        offset = 0
        while offset < len(BODY):
            for size in sizes:
                await wire.send(BODY[offset : offset + size])
                offset += size
                await asyncio.sleep(0)
        await wire.read_until(b"\r\n\r\n")
        await wire.send(SMALL)  # on the same connection
        await wire.read_to_end()

    return talk


@pytest.mark.parametrize(
    "sizes",
    [(1 << 20,), (300_000, 1), (65_536,), (16_384, 5), (99_991, 200_003), (7_001,)],
    ids=lambda sizes: "+".join(map(str, sizes)),
)
async def test_pieces_of_any_size_and_what_follows_them(lib: Any, sizes: tuple[int, ...]) -> None:
    async with serve_raw(in_pieces(*sizes)) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert await response.read() == BODY
        async with client.get(served.url) as response:
            assert await response.read() == b"small"


async def test_rest_comes_when_all_before_it_was_read(lib: Any) -> None:
    """Each piece is sent only when the one before lies with the client: none waits for a later one."""
    for rest in (1, 1000, 20_000, 64_000, 90_000, 280_000):

        async def talk(wire: Wire, rest: int = rest) -> None:
            await wire.read_until(b"\r\n\r\n")
            await wire.send(HEAD + BODY[:-rest])
            await asyncio.sleep(0.01)
            await wire.send(BODY[-rest:])
            await wire.read_to_end()

        async with serve_raw(talk) as served, lib.ClientSession() as client:
            async with client.get(served.url) as response:
                assert await response.read() == BODY


async def test_rest_is_not_waited_for_after_a_drive_that_read_its_fill(mode: Mode) -> None:
    """The kernel is told how few bytes are left also when one receive was all that a drive may have."""
    if mode.backend != "reactor":
        pytest.skip("asyncio reads there")
    body, rest = BODY * 2, 50_000

    def roomy(info: Any) -> socket.socket:
        made = socket.socket(*info[:3])
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        if made.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < 4 << 20:
            made.close()
            pytest.skip("the system allows no receive buffer that holds so much at once")
        return made

    loop = asyncio.get_running_loop()
    connector = quinde.TCPConnector(socket_factory=roomy)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        async with quinde.ClientSession(connector=connector) as client:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
            asked = asyncio.ensure_future(client.get(url))
            peer, _ = await loop.sock_accept(listening)
            with peer:
                await loop.sock_recv(peer, 65_536)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:1000])
                async with await asked as response, asyncio.timeout(10):
                    assert response.connection is not None
                    assert response.connection.transport is not None
                    wire = response.connection.transport.get_extra_info("socket")
                    reading = asyncio.ensure_future(response.read())
                    while wire.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1:  # noqa: ASYNC110  # nobody tells
                        await asyncio.sleep(0)
                    # All of it lies in the kernel before the loop has a turn.
                    peer.settimeout(10)
                    peer.sendall(body[1000:-rest])
                    counted = connector.statistics
                    while counted()["body_bytes_received"] < len(body) - rest:  # noqa: ASYNC110  # likewise
                        await asyncio.sleep(0)
                    assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) <= rest
                    peer.sendall(body[-rest:])
                    assert await reading == body


async def test_slow_peer_makes_progress_with_every_piece(lib: Any) -> None:
    """A read time-out begins anew with bytes that are too few to be worth a turn of the loop."""

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(HEAD)
        for offset in range(0, 6000, 1000):
            await wire.send(BODY[offset : offset + 1000])
            await asyncio.sleep(0.2)
        await wire.send(BODY[6000:])
        await wire.read_to_end()

    timeout = lib.ClientTimeout(sock_read=0.7)
    async with serve_raw(talk) as served, lib.ClientSession(timeout=timeout) as client:
        async with client.get(served.url) as response:
            assert await response.read() == BODY


@pytest.mark.plain("the peer is a thread with a bare socket")
async def test_what_came_while_the_loop_was_blocked_is_no_silence() -> None:
    ask, sent = threading.Event(), threading.Event()

    def serve(listener: socket.socket) -> None:
        with listener, listener.accept()[0] as peer:
            peer.recv(65_536)
            peer.sendall(HEAD)
            ask.wait(10)
            peer.sendall(BODY[:1000])
            sent.set()
            ask.clear()
            ask.wait(10)
            peer.sendall(BODY[1000:])
            peer.recv(1)

    listener = listening_socket()
    listener.setblocking(True)
    thread = threading.Thread(target=serve, args=(listener,))
    url = "http://{}:{}/".format(*listener.getsockname())
    thread.start()
    async with quinde.ClientSession(timeout=quinde.ClientTimeout(sock_read=0.2)) as client:
        async with client.get(url) as response:
            reading = asyncio.ensure_future(response.read())
            await asyncio.sleep(0)  # it waits for all
            ask.set()
            sent.wait(10)
            time.sleep(0.3)  # noqa: ASYNC251  # what a program should not do
            await asyncio.sleep(0)
            ask.set()
            assert await reading == BODY
    await asyncio.to_thread(thread.join)


@pytest.mark.parametrize("sock_read", [0.05, 0.3])
async def test_silence_is_noticed_on_time(lib: Any, sock_read: float) -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(HEAD + BODY[:100_000])
        await wire.read_to_end()

    timeout = lib.ClientTimeout(sock_read=sock_read)
    async with serve_raw(talk) as served, lib.ClientSession(timeout=timeout) as client:
        async with client.get(served.url) as response:
            start = asyncio.get_running_loop().time()
            with pytest.raises(lib.SocketTimeoutError):
                await response.read()
            waited = asyncio.get_running_loop().time() - start
    assert waited < 5, "and not in a later age"


async def test_end_before_its_time_is_told_at_once(lib: Any) -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(HEAD + BODY[:100_000])

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            with pytest.raises(lib.ClientPayloadError):
                await response.read()


async def test_reader_by_pieces_after_a_cancelled_reader_of_all() -> None:
    """What the cancelled one had received is not lost, as it is with aiohttp."""
    asked = asyncio.Event()

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(HEAD + BODY[:1000])
        await asked.wait()
        await wire.send(BODY[1000:1001])
        await wire.read_to_end()

    async with serve_raw(talk) as served, quinde.ClientSession() as client:
        async with client.get(served.url) as response:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await response.content.read()
            got = b""
            async with asyncio.timeout(5):
                while len(got) < 1000:
                    got += await response.content.readany()
                asked.set()
                got += await response.content.readany()
            assert got == BODY[:1001]
