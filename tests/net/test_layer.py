"""TLS on transports: who stands on it sees the transport below; a handshake given up leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from quinde.net.layer import Carried, TlsLayer, connect
from tests.support import certs
from tests.support.servers import listening_socket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.modes import Mode

LARGE = 32 * 1024 * 1024


class Upper(Carried):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.told: list[str] = []
        self.made: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        self.resumed = asyncio.Event()
        self.received, self.expected, self.all = 0, 5, asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.made.set_result(self.carrier)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        if self.received >= self.expected:
            self.told.append("all")
            self.all.set()

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.resumed.set()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.ended.set_result(exc)


@asynccontextmanager
async def secured_server(uppers: list[Upper]) -> AsyncIterator[int]:
    def accept() -> TlsLayer:
        upper = Upper()
        uppers.append(upper)
        return TlsLayer(
            upper, certs.server_context(), is_server=True, handshake_timeout=5, shutdown_timeout=1
        )

    listener = listening_socket()
    server = await asyncio.get_running_loop().create_server(accept, sock=listener)
    try:
        yield listener.getsockname()[1]
    finally:
        server.close()


async def connected(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return sock


secure = partial(
    connect,
    context=certs.client_context(),
    server_hostname="localhost",
    handshake_timeout=5,
    shutdown_timeout=1,
)


async def test_protocols_see_what_the_carrier_has_to_send(mode: Mode) -> None:
    uppers: list[Upper] = []
    async with secured_server(uppers) as port:
        client = Upper()
        await secure(await connected(port), client)
        server = uppers[0]
        for end in (client, server):
            carrier = await end.made
            assert carrier is end.carrier is not end.transport
            assert end.transport.get_extra_info("ssl_object") is not None
            carrier.set_write_buffer_limits(high=1, low=0)
        client.transport.write(b"hello")
        client.transport.pause_reading()
        server.transport.write(bytes(LARGE))
        assert server.told == ["pause"]
        assert server.carrier.get_write_buffer_size() > LARGE // 2  # type: ignore[union-attr]
        assert server.transport.get_write_buffer_size() == 0
        client.expected = LARGE
        client.transport.resume_reading()
        async with asyncio.timeout(10):
            await server.resumed.wait()
            await client.all.wait()
        assert server.told == ["pause", "all"]
        client.transport.close()
        assert await client.ended is None
        assert await server.ended is None
        assert client.carrier is server.carrier is None


async def test_protocols_see_at_once_that_the_carrier_has_failed(mode: Mode) -> None:
    uppers: list[Upper] = []
    async with secured_server(uppers) as port:
        client = Upper()
        sock = await connected(port)
        await secure(sock, client)
        server = uppers[0]
        carrier = await server.made
        client.transport.abort()
        await client.ended
        for _ in range(2):  # the first brings the reset, if that has not come yet
            server.transport.write(b"x")
        assert carrier.is_closing()
        await server.ended


@pytest.mark.parametrize("steps", range(1, 9))
async def test_handshake_that_is_given_up_leaves_nothing(mode: Mode, steps: int) -> None:
    uppers: list[Upper] = []
    async with secured_server(uppers) as port:
        sock = await connected(port)
        client = Upper()
        handshake = asyncio.create_task(secure(sock, client))
        for _ in range(steps):
            await asyncio.sleep(0)
        handshake.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await handshake
        if not handshake.cancelled():
            client.transport.abort()
        # The server hears of it at once, not when a handshake has taken too long.
        async with asyncio.timeout(3):
            while sock.fileno() >= 0:  # noqa: ASYNC110  # no event tells of it
                await asyncio.sleep(0)
        assert not client.made.done() or await client.ended is None
        assert client.carrier is None
    del sock, client, handshake
    gc.collect()  # nothing says that it is unclosed


async def test_peer_that_goes_during_the_handshake(mode: Mode) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sock = await connected(listener.getsockname()[1])
        peer, _ = listener.accept()
        client = Upper()
        handshake = asyncio.create_task(secure(sock, client))
        await asyncio.sleep(0)
        peer.close()
        with pytest.raises(ConnectionError):
            await handshake
        assert not client.made.done()


async def test_certificate_for_another_host(mode: Mode) -> None:
    uppers: list[Upper] = []
    async with secured_server(uppers) as port:
        client = Upper()
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            await secure(await connected(port), client, server_hostname="elsewhere.test")
        assert not client.made.done()
