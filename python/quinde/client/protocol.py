"""One connection of the client, as the pool, exchanges and asyncio see it.

`ResponseHandler` is the weak-referenceable object that a connection is known by. On the transport backend it
is a real `asyncio.Protocol` that passes what it gets to the core; on the reactor backend the core has the
socket and calls back here when an exchange is over or the connection is gone. Either way it tells the pool,
which it refers to weakly: a connection keeps no connector alive.

An exchange remembers the handler's `serial` at its start. The serial moves on when the exchange is over, so
that whoever still refers to that exchange afterwards can no longer touch a connection that has gone to
somebody else.
"""

from __future__ import annotations

import functools
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

from quinde import _core
from quinde.net import reactor
from quinde.net.layer import Carried

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable, Hashable

    from quinde.client.pool import Host, Pool
    from quinde.net.tls import SessionCache

__all__ = ("DEFAULT_WIRE_LIMITS", "ResponseHandler", "WireLimits")


class WireLimits(NamedTuple):
    """Say what a response may cost; fixed for the life of a connection.

    Args:
        max_line_size: bytes of the status line.
        max_field_size: bytes of one header field.
        max_headers: header fields.
        read_bufsize: low-water mark of the body's buffer in bytes; the high-water mark is twice as much.
    """

    max_line_size: int = 8190
    max_field_size: int = 8190
    max_headers: int = 128
    read_bufsize: int = 256 * 1024

    @property
    def max_head_size(self) -> int:
        """Bytes of a whole head: 64 KiB, and more where its parts may be more.

        By default it has room for the status line and seven of the largest fields, or for 512 bytes a field.
        """
        return max(65_536, self.max_line_size + 7 * self.max_field_size, 512 * self.max_headers)


DEFAULT_WIRE_LIMITS = WireLimits()


@functools.lru_cache(maxsize=64)
def _core_limits(limits: WireLimits) -> _core.Limits:
    # The core's own timers guard servers; a client's clock is the pool's and the request's.
    return _core.Limits(
        max_line_size=limits.max_line_size,
        max_field_size=limits.max_field_size,
        max_headers=limits.max_headers,
        max_head_size=limits.max_head_size,
        body_window=2 * limits.read_bufsize,
        head_timeout=0,
        keepalive_timeout=0,
        body_timeout=0,
    )


class ResponseHandler(Carried):
    """Stand for one connection to a server.

    Args:
        loop: the event loop.
        limits: what responses may cost.
        tally: where the connection counts.
    """

    host: Host | None = None
    idle_since = 0.0
    # Whether to close without TLS's goodbye, for transports: the core knows by itself.
    closes_abruptly = False
    _session_ended: Callable[[], None] | None = None

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        limits: WireLimits = DEFAULT_WIRE_LIMITS,
        tally: _core.Tally | None = None,
    ) -> None:
        self._loop = loop
        self._tally = tally
        self._pool: weakref.ref[Pool] | None = None
        self.key: Hashable = None
        self.limits = limits
        self.serial = 0
        self.connection: _core.Connection | None = None
        self._lost = False
        self._facade: asyncio.BaseTransport | None = None
        self._closed: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        state = "lost" if self._lost else "closing" if self.is_closing() else "open"
        return f"<{type(self).__name__} {self.key!r} {state}>"

    # --- opening

    def attach(self, sock: socket.socket, tls: _core.TlsSettings | None = None) -> None:
        """Give a connected socket to the core (reactor backend); the core owns it from now on."""
        limits = _core_limits(self.limits)
        window = 2 * self.limits.read_bufsize
        self.connection = reactor.engine().connect(
            sock.detach(), limits, self._on_idle, self._on_lost, window, self._tally, tls
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over a transport of asyncio's (transport backend)."""
        limits = _core_limits(self.limits)
        window = 2 * self.limits.read_bufsize
        self.connection = _core.Connection.attach_client(
            transport, limits, self._on_idle, self._on_lost, window, self._tally, self.carrier
        )

    def watch_session(self, sessions: SessionCache, key: Hashable) -> None:
        """Let a later connection resume the TLS session of this one."""
        assert self.connection is not None
        ssl_object = self.connection.ssl_object
        if ssl_object is not None:
            sessions.watch(key, ssl_object)
            self._session_ended = functools.partial(sessions.settle, key, ssl_object)

    def join(self, pool: Pool, key: Hashable) -> None:
        """Name the pool that is to be told when the connection is free or gone, and its key there."""
        self._pool = weakref.ref(pool)
        self.key = key

    # --- what asyncio tells

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        if self.connection is not None:
            self.connection.data_received(data)

    def eof_received(self) -> bool:
        """Pass the peer's FIN on."""
        return self.connection.eof_received() if self.connection is not None else False

    def connection_lost(self, exc: BaseException | None) -> None:
        """Pass the end on."""
        if self.connection is not None:
            self.connection.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on that the transport's buffer is full."""
        if self.connection is not None:
            self.connection.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the transport's buffer has room."""
        if self.connection is not None:
            self.connection.resume_writing()

    # --- what the core tells

    def _on_idle(self, _connection: _core.Connection) -> None:
        self.serial += 1
        pool = None if self._pool is None else self._pool()
        if pool is None:
            self.close()
        else:
            pool.recycle(self)

    def _on_lost(self, _connection: _core.Connection) -> None:
        self.serial += 1
        self._lost = True
        if self._session_ended is not None:
            self._session_ended()
            self._session_ended = None
        pool = None if self._pool is None else self._pool()
        if pool is not None:
            pool.lose(self, self.key)
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    # --- state

    @property
    def transport(self) -> Any:
        """The connection as an asyncio transport; None once it is gone."""
        connection = self.connection
        if connection is None or self._lost:
            return None
        if self._facade is None:
            from quinde.net.transport import transport_of

            self._facade = transport_of(connection, self)
        return self._facade

    def is_connected(self) -> bool:
        """Tell whether the connection is open."""
        return self.connection is not None and not self._lost and not self.connection.is_closing()

    def is_closing(self) -> bool:
        """Tell whether the connection is gone or about to be."""
        return not self.is_connected()

    def is_usable(self) -> bool:
        """Tell whether a request may be sent now."""
        return self.connection is not None and not self._lost and self.connection.is_usable()

    @property
    def should_close(self) -> bool:
        """Whether the connection cannot be used for another request, as far as is known now."""
        return not self.is_usable()

    @property
    def closed(self) -> asyncio.Future[None] | None:
        """A future that is done when the connection is gone; None if it is already."""
        if self._lost or self.connection is None:
            return None
        if self._closed is None:
            self._closed = self._loop.create_future()
        return self._closed

    # --- closing

    def _leave_pool(self) -> None:
        self.serial += 1
        pool = None if self._pool is None else self._pool()
        if pool is not None:
            pool.discard(self)
            if not self._lost and self.connection is not None:
                pool.closing.add(self)

    def close(self) -> None:
        """Close once what is queued has been sent, and give the slot back at once."""
        if self.closes_abruptly:
            self.abort()
            return
        self._leave_pool()
        if self.connection is not None:
            self.connection.close()

    def abort(self) -> None:
        """Close now, and give the slot back."""
        self._leave_pool()
        if self.connection is not None:
            self.connection.abort()

    def abort_exchange(self, serial: int) -> None:
        """Close now if the exchange that began at `serial` is still going on.

        Where another protocol has taken the connection over, what that has said is sent first.
        """
        if self.serial == serial:
            if self.connection is not None and self.connection.taken_over:
                self.close()
            else:
                self.abort()
