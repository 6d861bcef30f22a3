"""Servers on free ports, as async context managers that give a `Served`; leaving the block stops them.

* `serve_quinde(app)`: a `quinde.web.Application`, on the backend that the `mode` fixture has chosen.
* `serve_aiohttp(app)`: an `aiohttp.web.Application`, to compare with.
* `serve_raw(talk)`: whatever bytes the coroutine function `talk(wire)` says to each connection.
* `answering(data)`: a `talk` that waits for one request head, says `data` and closes.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support import certs
from tests.support.wire import Wire, open_wire

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

    import aiohttp.web

    import quinde.web

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Served:
    """Where a server listens, and what runs it."""

    host: str
    port: int
    path: str | None = None
    runner: Any = None
    tls: bool = field(default_factory=certs.is_secured)

    @property
    def url(self) -> str:
        """The root URL, without a slash at its end."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"


def listening_socket() -> socket.socket:
    """Bind a listening TCP socket to a free port of the loopback interface."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, 0))
    listener.listen(128)
    listener.setblocking(False)
    return listener


def closed_port() -> int:
    """Name a port where nobody listens (it was free a moment ago)."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def serve_quinde(app: quinde.web.Application, **options: Any) -> AsyncIterator[Served]:
    """Serve a quinde application.

    Args:
        app: the application.
        options: for `AppRunner`; there is no access log unless asked for.
    """
    from quinde import web

    options.setdefault("access_log", None)
    async with _running(web.AppRunner(app, **options), web.SockSite) as served:
        yield served


@asynccontextmanager
async def serve_aiohttp(app: aiohttp.web.Application, **options: Any) -> AsyncIterator[Served]:
    """Serve an aiohttp application; `options` are for its `AppRunner`."""
    from aiohttp import web

    options.setdefault("access_log", None)
    async with _running(web.AppRunner(app, **options), web.SockSite) as served:
        yield served


def _server_context() -> ssl.SSLContext | None:
    return certs.server_context() if certs.is_secured() else None


@asynccontextmanager
async def _running(runner: Any, site_type: Any) -> AsyncIterator[Served]:
    listener = listening_socket()
    port = listener.getsockname()[1]
    await runner.setup()
    try:
        await site_type(runner, listener, ssl_context=_server_context()).start()
        yield Served(HOST, port, runner=runner)
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serve_raw(
    talk: Callable[[Wire], Awaitable[None]], path: str | None = None
) -> AsyncIterator[Served]:
    """Accept connections and let `talk` hold the conversation; the connection is closed when it returns.

    An exception in `talk` fails the test when the block is left, except that the peer may go at any time.
    The end of the block cancels the conversations that go on.

    Args:
        talk: what is said to one connection.
        path: listen on this Unix socket, instead of a TCP port.
    """
    talks: dict[asyncio.Task[None], Wire] = {}
    failures: list[Exception] = []
    over = False

    async def converse(wire: Wire) -> None:
        try:
            await talk(wire)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the peer has gone
        except Exception as error:  # told at the end of the block, where pytest sees it
            failures.append(error)
        finally:
            wire.writer.close()

    # No coroutine function: streams of Python 3.11 take a cancelled conversation for a failed callback.
    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if over:  # accepted by the loop before the server was closed
            writer.transport.abort()
            return
        wire = Wire(reader, writer)
        talks[asyncio.create_task(converse(wire))] = wire

    if path is None:
        listener = listening_socket()
        port = listener.getsockname()[1]
        server = await asyncio.start_server(accept, sock=listener, limit=1 << 24, ssl=_server_context())
    else:
        port = 0
        server = await asyncio.start_unix_server(accept, path, limit=1 << 24, ssl=_server_context())
    try:
        yield Served(HOST, port, path)
    finally:
        over = True
        await _see_off(Served(HOST, port, path))
        server.close()
        for task, wire in talks.items():
            task.cancel()
            transport = wire.writer.transport
            # Python 3.11 fails to abort a transport that has closed itself after its last bytes; a TLS one
            # cannot even tell then how many are left.
            with suppress(AttributeError):
                if not transport.is_closing() or transport.get_write_buffer_size():
                    transport.abort()
        closings = [wire.close() for wire in talks.values()]
        await asyncio.gather(*talks, *closings, return_exceptions=True)
    if failures:
        raise failures[0]


async def _see_off(served: Served) -> None:
    """Be the last to come: connections are accepted in order, so none is half accepted after this one.

    A loop in debug mode complains of a connection whose acceptance the end of the loop cancels.
    """
    async with open_wire(served) as wire:
        try:
            await wire.read_to_end()
        except ConnectionError:
            pass  # aborted


def answering(data: bytes) -> Callable[[Wire], Awaitable[None]]:
    """A conversation of one answer: wait for the end of a request head, say `data`, close."""

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(data)

    return talk
