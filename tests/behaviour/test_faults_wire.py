"""Bytes that come all at once, and peers that vanish between two bytes: nobody hangs, nothing is logged."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

import quinde
from quinde import web
from quinde.net import reactor
from tests.behaviour.library import application, request
from tests.support.servers import listening_socket, serve_quinde
from tests.support.wire import open_wire

ROOM = 4 << 20


def reset(wire):
    """Close with a reset."""
    sock = wire.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.writer.transport.abort()


def roomy(sock):
    """Give a socket large buffers, and skip the test where the system does not."""
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, ROOM)
        if sock.getsockopt(socket.SOL_SOCKET, option) < ROOM:
            pytest.skip("the system's socket buffers are too small (net.core.rmem_max, wmem_max)")
    return sock


def chunked(size):
    """A chunked body of about so many bytes."""
    chunk = b"%x\r\n%s\r\n" % (60_000, bytes(60_000))
    return chunk * (size // 60_000) + b"0\r\n\r\n"


async def test_response_that_waits_as_a_whole(mode):
    # More than one drive receives, and no further byte that would begin another one.
    def factory(info):
        return roomy(socket.socket(info[0], info[1], info[2]))

    loop = asyncio.get_running_loop()
    body = chunked(3 << 20)
    with listening_socket() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        connector = quinde.TCPConnector(socket_factory=factory)
        async with asyncio.timeout(5), quinde.ClientSession(connector=connector) as session:
            asking = asyncio.ensure_future(session.get(url))
            peer, _ = await loop.sock_accept(listener)
            with roomy(peer):
                await loop.sock_recv(peer, 65536)
                answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body
                assert peer.send(answer) == len(answer)
                response = await asking
                assert len(await response.read()) == 60_000 * ((3 << 20) // 60_000)


async def test_request_that_waits_as_a_whole(mode):
    async def handler(request):
        return web.Response(text=str(len(await request.read())))

    loop = asyncio.get_running_loop()
    app = web.Application(client_max_size=8 << 20)
    app.router.add_post("/", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = roomy(listening_socket())
    await web.SockSite(runner, listener).start()
    try:
        with socket.socket() as peer:
            roomy(peer).setblocking(False)
            await loop.sock_connect(peer, listener.getsockname())
            head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            sent = head + chunked(3 << 20)
            assert peer.send(sent) == len(sent)
            async with asyncio.timeout(5):
                answer = await loop.sock_recv(peer, 65536)
            assert answer.endswith(b"\r\n\r\n%d" % (60_000 * ((3 << 20) // 60_000)))
    finally:
        await runner.cleanup()


async def test_writer_that_never_waits_notices_that_its_peer_is_gone(mode):
    ended = asyncio.Event()

    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await go.wait()
        try:
            # Without a moment for the loop: a client that reads all makes nobody wait.
            for _ in range(10_000):
                await response.write(b"x" * 100)
        except ConnectionResetError:
            ended.set()
        return response

    go = asyncio.Event()
    async with serve_quinde(application(handler)) as served:
        async with open_wire(served) as wire:
            await wire.send(request())
            await wire.read_head()
            reset(wire)
            go.set()
        async with asyncio.timeout(5):
            await ended.wait()


@pytest.mark.plain("asyncio's TLS cannot close one half, nor end while nobody reads")
@pytest.mark.limit(10)
@pytest.mark.parametrize(
    "sent",
    [
        request("GET", "/large") * 100,
        request("POST", "/hang", "Content-Length: 9999999") + bytes(1_000_000),
        request("GET", "/hang") + request("GET", "/large") * 1000,
    ],
    ids=["answers unread", "body unread", "requests waiting"],
)
@pytest.mark.parametrize("half_closed", [False, True])
async def test_no_turn_is_made_while_nothing_can_be_done(mode, sent, half_closed):
    go = asyncio.Event()

    async def handler(request):
        if request.path == "/hang":
            await go.wait()
        return web.Response(body=bytes(100_000))

    async with serve_quinde(application(handler)) as served:
        async with open_wire(served) as wire:
            wire.writer.transport.pause_reading()
            wire.writer.write(sent)
            if half_closed:
                wire.writer.write_eof()
            quiet = before = 0
            while quiet < 1000:  # never, where a connection is driven again and again
                turns = reactor.engine().statistics()["turns"]
                quiet = quiet + 1 if turns == before else 0
                before = turns
                await asyncio.sleep(0)
            wire.writer.transport.abort()
        go.set()
