"""`RequestHandler`; on the wire: tests/behaviour/test_server_sites.py."""

from __future__ import annotations

import asyncio
import errno
import gc
import weakref
from typing import Any

from quinde.net.transport import CarriedTransport, CoreTransport
from quinde.web.protocol import RequestHandler
from quinde.web.response import Response
from quinde.web.server import Server


class Recorder(asyncio.Transport):
    """A transport that remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.protocol: Any = None
        self.closed = False

    def write(self, data: Any) -> None:
        self.sent += data

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("192.0.2.1", 1), "sockname": ("192.0.2.2", 2)}.get(name, default)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


async def handler(_request: Any) -> Response:
    return Response(text="hello")


def server() -> Server:
    return Server(handler, access_log=None, keepalive_timeout=7)


REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_life_on_a_transport() -> None:
    protocol = server()()
    assert protocol.transport is None
    assert "disconnected" in repr(protocol)
    transport = Recorder()
    protocol.connection_made(transport)
    shown = protocol.transport
    assert isinstance(shown, CarriedTransport)
    assert protocol.transport is shown
    assert shown.get_extra_info("peername") == ("192.0.2.1", 1)
    assert transport.protocol is protocol
    assert (protocol.peername, protocol.sockname) == (("192.0.2.1", 1), ("192.0.2.2", 2))
    assert protocol.keepalive_timeout == 7
    assert protocol.ssl_context is None
    assert not protocol.debug
    assert protocol.logger.name == "quinde.server"
    assert " connected" in repr(protocol)
    protocol.data_received(REQUEST)
    async with asyncio.timeout(5):
        while not transport.sent.endswith(b"hello"):  # noqa: ASYNC110  # bytes are the news
            await asyncio.sleep(0)
    protocol.force_close()
    assert transport.closed
    protocol.connection_lost(None)
    assert protocol.transport is None
    assert (protocol.peername, protocol.sockname) == (None, None)
    protocol.force_close()


async def test_transports_that_looked_methods_up_early() -> None:
    """uvloop's do: the methods of the class must work as well."""
    protocol = server()()
    early = RequestHandler.data_received, RequestHandler.pause_writing, RequestHandler.resume_writing
    for method, *args in ((early[0], b"x"), (early[1],), (early[2],)):
        method(protocol, *args)  # before connection_made: nothing to tell
    transport = Recorder()
    protocol.connection_made(transport)
    early[1](protocol)
    early[0](protocol, REQUEST)
    early[2](protocol)
    async with asyncio.timeout(5):
        while not transport.sent.endswith(b"hello"):  # noqa: ASYNC110
            await asyncio.sleep(0)
    protocol.connection_lost(None)


async def test_refused_peer_that_has_reset_the_connection() -> None:
    """The transport learns of the reset when its socket is shut down; that is nobody's error."""

    class Reset(Recorder):
        def can_write_eof(self) -> bool:
            return True

        def write_eof(self) -> None:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    protocol = server()()
    transport = Reset()
    protocol.connection_made(transport)
    protocol.data_received(b"garbage\r\n\r\n")
    assert transport.sent.startswith(b"HTTP/1.1 400 ")
    protocol.connection_lost(None)


async def test_nothing_is_kept_after_the_end() -> None:
    protocol = server()()
    protocol.connection_made(Recorder())
    reference = weakref.ref(protocol)
    protocol.connection_lost(ConnectionResetError())
    del protocol
    gc.collect()
    assert reference() is None


class FakeConnection:
    """A connection of the reactor."""

    transport = None
    peername = sockname = None
    fd = 5

    def fileno(self) -> int:
        return self.fd


async def test_facade_of_a_connection_of_the_reactor() -> None:
    connection: Any = FakeConnection()
    protocol = RequestHandler(server(), connection)
    transport = protocol.transport
    assert isinstance(transport, CoreTransport)
    assert protocol.transport is transport
    connection.fd = -1
    assert protocol.transport is None
