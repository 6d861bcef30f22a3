"""`RequestHandler`: the protocol object of one server connection.

On the transport backend a real `asyncio.Protocol` that passes what it gets to the core. On the reactor
nothing passes here: it is made when user code asks for `request.protocol` or `request.transport`, once a
connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from quinde._core import Connection
from quinde.net.layer import Carried
from quinde.net.transport import CoreTransport, transport_of

if TYPE_CHECKING:
    import asyncio
    import ssl
    from logging import Logger

    from quinde import _core
    from quinde.web.server import Server

__all__ = ("RequestHandler",)


_PASSED_ON = ("data_received", "pause_writing", "resume_writing")


class RequestHandler(Carried):
    """Stand for one connection of a server.

    Args:
        server: The server.
        connection: The core's connection, if there is one already (on the reactor).
        limits: Those of the site; None for the server's.
    """

    _transport: asyncio.Transport | None = None

    def __init__(
        self, server: Server, connection: Connection | None = None, *, limits: _core.Limits | None = None
    ) -> None:
        self._server = server
        self._connection = connection
        self._limits = server.core_limits if limits is None else limits

    def __repr__(self) -> str:
        state = "disconnected" if self.transport is None else "connected"
        return f"<{type(self).__name__} {state}>"

    # --- the asyncio.Protocol -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Attach the core to a transport."""
        connection = Connection.attach_server(transport, self._server.service, self._limits, self.carrier)
        connection.facade = self
        self._connection = connection
        self._transport = cast("asyncio.Transport", transport)
        if self.carrier is not None or transport.get_extra_info("sslcontext") is not None:
            self._server.service.count_handshake()
        # Straight to the core: these are called for each piece that arrives. A transport that looked its
        # protocol's methods up before this call (uvloop's do) is told to look again.
        for name in _PASSED_ON:
            setattr(self, name, getattr(connection, name))
        self._transport.set_protocol(self)

    def carrier_lost(self, exc: BaseException | None) -> None:
        """Count a handshake that has come to nothing; what was wrong with it is told."""
        if self._connection is None:
            self._server.service.count_failed_handshake(isinstance(exc, ConnectionAbortedError))
            if exc is not None and not isinstance(exc, ConnectionError):
                peername = None if self.carrier is None else self.carrier.get_extra_info("peername")
                self._server.log_failed_handshake(peername, exc)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on to the core, where a transport does not find the core's own method."""
        if self._connection is not None:
            self._connection.data_received(data)

    def pause_writing(self) -> None:
        """Tell the core that the transport has too much to send."""
        if self._connection is not None:
            self._connection.pause_writing()

    def resume_writing(self) -> None:
        """Tell the core that the transport has room again."""
        if self._connection is not None:
            self._connection.resume_writing()

    def eof_received(self) -> bool:
        """Tell the core that the peer will send no more; True keeps the transport open for the answer."""
        return self._connection is not None and self._connection.eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell the core that the connection is gone, and let go of it."""
        connection, self._connection = self._connection, None
        self._transport = None
        # The bound methods above refer to the connection, and it to this object.
        for name in _PASSED_ON:
            self.__dict__.pop(name, None)
        if connection is not None:
            connection.connection_lost(exc)
            connection.facade = None

    # --- what user code asks --------------------------------------------------------------------------------

    @property
    def server(self) -> Server:
        """The server whose connection this is, for its `statistics()` and `connections`; not in aiohttp."""
        return self._server

    @property
    def transport(self) -> asyncio.Transport | None:
        """The transport; None when the connection is gone."""
        connection = self._connection
        if connection is None:
            return self._transport
        # Nobody tells this object when the reactor closes a connection.
        if connection.transport is None and connection.fileno() < 0:
            self._transport = None
        elif not isinstance(self._transport, CoreTransport):
            self._transport = transport_of(connection, self)
        return self._transport

    @property
    def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS context of the connection; None if it is a plain one, or gone."""
        transport = self.transport
        return None if transport is None else transport.get_extra_info("sslcontext")

    @property
    def peername(self) -> Any:
        """The peer's address as asyncio gives it; None if it is not known any more."""
        return None if self._connection is None else self._connection.peername

    @property
    def sockname(self) -> Any:
        """This end's address as asyncio gives it; None if it is not known any more."""
        return None if self._connection is None else self._connection.sockname

    @property
    def keepalive_timeout(self) -> float:
        """Seconds that the connection may be idle between requests."""
        limits = None if self._connection is None else self._connection.limits
        timeout: float = (limits or self._server.limits).keepalive_timeout
        return timeout

    @property
    def logger(self) -> Logger:
        """Where errors of handlers are logged."""
        return self._server.logger

    @property
    def debug(self) -> bool:
        """Whether answers show tracebacks."""
        return self._server.debug

    def force_close(self) -> None:
        """Close the connection after what is queued has been sent; an answer in progress stays incomplete."""
        if self._connection is not None:
            self._connection.close()
