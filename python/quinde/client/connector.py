"""Where connections come from: what all connectors share, and the one for Unix sockets (TCP: `tcp`).

A connector opens connections and keeps them in its `Pool`; what goes over them is not its business.
Third-party connectors override `_create_connection`, `_wrap_create_connection` or `connect`: each is called
where aiohttp calls it, with the same arguments.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import sys
import time
import traceback
import warnings
from typing import TYPE_CHECKING, Any, Final, cast

from quinde.client.connection import Connection
from quinde.client.counts import Counts
from quinde.client.pool import Pool
from quinde.client.protocol import ResponseHandler
from quinde.client.timeouts import Deadline, moment, total_over
from quinde.client.tls import Security, check_fingerprint, connect_error, hand_over, security_for
from quinde.errors import (
    ClientConnectionError,
    ClientConnectorError,
    ConnectionTimeoutError,
    ServerFingerprintMismatch,
    UnixClientConnectorError,
)
from quinde.net import reactor
from quinde.net.tls import SessionCache

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Sequence
    from types import TracebackType

    from quinde.client.request import ClientRequest, ConnectionKey
    from quinde.client.timeouts import ClientTimeout
    from quinde.client.tracing import ConnectorTrace, Trace

__all__ = ("UNSET", "BaseConnector", "UnixConnector", "watcher")

UNSET: Final = cast(float, object())
"""Says that a timeout was not given, where None has a meaning."""

_CLOSE_PATIENCE: Final = 2.0
"""Seconds that `close()` waits at most for connections to be gone."""

SCHEMES: Final = frozenset({"http", "https", "ws", "wss", ""})


class BaseConnector:
    """Keep connections, and bound their number.

    Args:
        keepalive_timeout: seconds for which an idle connection is kept, 15 by default; None for ever.
        force_close: close every connection after its response.
        limit: connections in use at once, 100 by default; 0 is no limit.
        limit_per_host: the same for one host, port and scheme; 0, the default, is no limit.
        enable_cleanup_closed: taken for aiohttp's signature; connections are never left half closed.
        loop: the event loop; the running one by default.
        timeout_ceil_threshold: limits above it, in seconds, end on whole seconds.
        ssl_shutdown_timeout: seconds to wait for the peer's close_notify when a TLS connection is closed;
            0, the default, or None closes without one.

    Raises:
        ValueError: `keepalive_timeout` and `force_close` are both given; drop one.
    """

    allowed_protocol_schema_set = SCHEMES

    _closed = True  # until the constructor has come to its end
    _source_traceback: traceback.StackSummary | None = None

    def __init__(
        self,
        *,
        keepalive_timeout: float | None = UNSET,
        force_close: bool = False,
        limit: int = 100,
        limit_per_host: int = 0,
        enable_cleanup_closed: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        timeout_ceil_threshold: float = 5,
        ssl_shutdown_timeout: float | None = 0,
    ) -> None:
        if force_close and keepalive_timeout is not UNSET and keepalive_timeout is not None:
            raise ValueError("keepalive_timeout cannot be set if force_close is True")
        self._loop = loop or asyncio.get_running_loop()
        self._timeout_ceil_threshold = timeout_ceil_threshold
        self._ssl_shutdown_timeout = ssl_shutdown_timeout or 0.0
        self._tls_sessions = SessionCache()
        self._force_close = force_close
        self._keepalive_timeout = 15.0 if keepalive_timeout is UNSET else keepalive_timeout
        self._counts = Counts()
        self._pool = Pool(
            limit=limit,
            limit_per_host=limit_per_host,
            keepalive_timeout=self._keepalive_timeout,
            force_close=force_close,
            start_timer=_start_timer,
        )
        if self._loop.get_debug():
            self._source_traceback = traceback.extract_stack(sys._getframe(1))
        self._closed = False

    def __del__(self) -> None:
        if self._closed:
            return
        members = self._pool.close()
        self._closed = True
        if not members or self._loop.is_closed():
            return
        for member in members:
            reactor.call_in_loop(self._loop, member.close)
        warnings.warn(f"Unclosed connector {self!r}", ResourceWarning, source=self, stacklevel=1)
        context: dict[str, Any] = {
            "connector": self,
            "connections": [repr(member) for member in members],
            "message": "Unclosed connector",
        }
        if self._source_traceback is not None:
            context["source_traceback"] = self._source_traceback
        self._loop.call_exception_handler(context)

    async def __aenter__(self) -> BaseConnector:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        exc_traceback: TracebackType | None = None,
    ) -> None:
        await self.close()

    # --- state

    @property
    def closed(self) -> bool:
        """Whether `close()` has been called."""
        return self._closed

    @property
    def force_close(self) -> bool:
        """Whether every connection is closed after its response."""
        return self._force_close

    @property
    def limit(self) -> int:
        """Connections in use at once; 0 is no limit."""
        return self._pool.limit

    @property
    def limit_per_host(self) -> int:
        """Connections in use at once to one host, port and scheme; 0 is no limit."""
        return self._pool.limit_per_host

    def statistics(self) -> dict[str, int]:
        """Tell, in plain integers, what is open and what has been counted since the connector was made.

        Now: `requests_in_flight`, `requests_waiting` for a slot, `connections_idle`, `slots_in_use` of
        `limit` (by requests in flight and those that connect), `hosts` with any of these. So far:

        * `connections` made, with TLS where it is asked for; `connections_failed` to be, whatever the reason,
          time included, but for a request that was cancelled; `connections_lost`, closed or reset by the
          server before the answer to a request began, or reset within it;
        * TLS: `handshakes`, `handshakes_failed`;
        * `requests` sent, of these `retries` after a lost connection; `responses_1xx` (101 only) to
          `responses_5xx`, by class of status;
        * `bytes_received`, `bytes_sent` on the wire (on the transport backend those within TLS);
          `body_bytes_received`, `body_bytes_sent` of these are bodies, without framing;
        * waits that were too long, by what was waited for: `timeouts_pool`, `timeouts_connect` (also by
          `total`), `timeouts_sock_connect`, `timeouts_handshake`, `timeouts_sock_read`, `timeouts_write`,
          and `timeouts_total` of an exchange or a middleware;
        * `refused_<reason>` for each rule of HTTP that a message broke, as `refused_bad_chunk`.
        """
        return {**self._pool.statistics(), **self._counts.statistics()}

    # --- connections

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        """Give a connection for a request: an idle one, or a new one as soon as the limits allow it.

        Args:
            req: the request that it is for.
            traces: are told of it.
            timeout: how long it may take.

        Raises:
            ClientConnectorError: there is no connection to be had.
            ConnectionTimeoutError: it takes too long.
            ClientConnectionError: the connector is closed.
        """
        handler = await self._acquire(req, req.connection_key, timeout, None, traces)
        return Connection(self, handler, self._loop)

    async def _acquire(
        self,
        req: ClientRequest,
        key: ConnectionKey,
        timeout: ClientTimeout,
        total_at: float | None,
        traces: Sequence[Trace] = (),
    ) -> ResponseHandler:
        """Give a connection that is in use for the caller from now on.

        Raises:
            TimeoutError: `total_at`, a moment of the monotonic clock, has come.
        """
        pool = self._pool
        connect_at = moment(timeout.connect, time.monotonic(), timeout.ceil_threshold)
        until = (
            connect_at if total_at is None else total_at if connect_at is None else min(connect_at, total_at)
        )
        try:
            host, member = await pool.acquire(key, until, watcher(traces))
        except TimeoutError as error:
            self._counts.timeouts_pool += 1
            scarce = f"no connection was free: limit={pool.limit}, limit_per_host={pool.limit_per_host}"
            raise _timed_out(req, connect_at, until, scarce) from error
        if member is not None:
            handler = cast(ResponseHandler, member)
            if handler.limits == req.wire_limits:
                try:
                    for trace in traces:
                        await trace.send_connection_reuseconn()
                except BaseException:
                    pool.recycle(handler)
                    raise
                return handler
            host = pool.reject(handler)
        deadline = Deadline(until)
        try:
            with deadline:
                handler = await self._open(req, timeout, traces)
            if self._closed:
                handler.close()
                raise ClientConnectionError("Connector is closed.")
        except TimeoutError as error:
            pool.give_back(host)
            self._counts.connections_failed += 1
            self._counts.timeouts_connect += deadline.fired
            self._counts.timeouts_sock_connect += not deadline.fired
            if isinstance(error, ConnectionTimeoutError):
                raise
            if not deadline.fired:
                raise _timed_out(req, connect_at, connect_at, "sock_connect") from error
            raise _timed_out(req, connect_at, until, "connecting") from error
        except BaseException as error:
            pool.give_back(host)
            if isinstance(error, ClientConnectorError | ServerFingerprintMismatch):
                self._counts.connections_failed += 1
            raise
        self._counts.connections += 1
        handler.join(pool, key)
        pool.adopt(host, handler)
        return handler

    async def _open(
        self, req: ClientRequest, timeout: ClientTimeout, traces: Sequence[Trace]
    ) -> ResponseHandler:
        """Open a connection, and tell of it."""
        for trace in traces:
            await trace.send_connection_create_start()
        handler = await self._create_connection(req, list(traces), timeout)
        try:
            for trace in traces:
                await trace.send_connection_create_end()
        except BaseException:
            handler.abort()
            raise
        return handler

    def _new_handler(self, req: ClientRequest) -> Callable[[], ResponseHandler]:
        """Give the protocol factory for a connection."""
        return functools.partial(
            ResponseHandler, self._loop, limits=req.wire_limits, tally=self._counts.tally
        )

    async def _create_connection(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> ResponseHandler:
        """Open a connection; connectors say how."""
        raise NotImplementedError

    async def _hand_over(
        self,
        sock: socket.socket,
        factory: Callable[[], ResponseHandler],
        security: Security | None,
        traces: Sequence[Trace],
    ) -> ResponseHandler:
        """Make a connection of a connected socket, and secure it."""
        if security is not None:
            for trace in traces:
                await trace.send_tls_handshake_start(security.server_hostname)
        try:
            handler = await hand_over(
                sock, factory, self._loop, security, self._tls_sessions, self._ssl_shutdown_timeout
            )
        except OSError as error:
            if security is not None:
                self._counts.handshakes_failed += 1
                # What both the core and asyncio raise when it took too long.
                self._counts.timeouts_handshake += isinstance(error, ConnectionAbortedError)
            raise
        self._counts.handshakes += security is not None
        if security is not None and traces:
            try:
                ssl_object = handler.transport.get_extra_info("ssl_object")
                for trace in traces:
                    await trace.send_tls_handshake_end(security.server_hostname, ssl_object)
            except BaseException:
                handler.abort()
                raise
        return handler

    # --- the end

    def _close(self, *, abruptly: bool = False) -> list[asyncio.Future[Any]]:
        """Close everything at once; gives what to wait for."""
        if self._closed:
            return []
        self._closed = True
        members = self._pool.close()
        self._tls_sessions.clear()
        if self._loop.is_closed():
            return []
        for member in members:
            if abruptly:
                member.abort()
            else:
                member.close()
        handlers = cast("set[ResponseHandler]", self._pool.closing)
        futures = [handler.closed for handler in handlers]
        return [future for future in futures if future is not None]

    def close(self, *, abort_ssl: bool = False) -> Awaitable[None]:
        """Close all connections at once, also those in use.

        Args:
            abort_ssl: do not wait for anybody's close_notify, whatever `ssl_shutdown_timeout` is.

        Returns:
            What can be awaited until they are gone, 2 seconds at most.
        """
        return _Gone(self._close(abruptly=abort_ssl))


class _Gone:
    """Wait for connections that are closing; nobody has to."""

    def __init__(self, futures: list[asyncio.Future[Any]]) -> None:
        self._futures = futures

    def __await__(self) -> Generator[Any, None, None]:
        if self._futures:
            yield from asyncio.wait(self._futures, timeout=_CLOSE_PATIENCE).__await__()


def watcher(traces: Sequence[Trace] | None) -> ConnectorTrace | None:
    """Make what pool and resolver tell of a request; None where nobody listens."""
    if not traces:
        return None
    from quinde.client.tracing import ConnectorTrace

    return ConnectorTrace(traces)


def _start_timer(delay: float, callback: Callable[[], object]) -> Any:
    return reactor.engine().timer(delay, callback)


def _timed_out(req: ClientRequest, connect_at: float | None, fired: float | None, where: str) -> TimeoutError:
    """Make the error for a connection that took too long: `total` is told from the other limits."""
    if fired is not None and fired != connect_at:
        return total_over(where)
    return ConnectionTimeoutError(f"Connection timeout to host {req.url} ({where})")


class UnixConnector(BaseConnector):
    """Connect to a Unix socket, whatever host the URL names.

    Args:
        path: of the socket.
        force_close: see `BaseConnector`.
        keepalive_timeout: see `BaseConnector`.
        limit: see `BaseConnector`.
        limit_per_host: see `BaseConnector`.
        loop: see `BaseConnector`.
    """

    allowed_protocol_schema_set = SCHEMES | frozenset({"unix"})

    def __init__(
        self,
        path: str,
        force_close: bool = False,
        keepalive_timeout: float | None = UNSET,
        limit: int = 100,
        limit_per_host: int = 0,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(
            force_close=force_close,
            keepalive_timeout=keepalive_timeout,
            limit=limit,
            limit_per_host=limit_per_host,
            loop=loop,
        )
        self._path = path

    @property
    def path(self) -> str:
        """The path of the socket."""
        return self._path

    async def _create_connection(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> ResponseHandler:
        security = security_for(req)
        until = moment(timeout.sock_connect, time.monotonic(), timeout.ceil_threshold)
        try:
            with Deadline(until):
                sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                try:
                    sock.setblocking(False)
                    for trace in traces:
                        await trace.send_socket_connect_start(self._path)
                    await self._loop.sock_connect(sock, self._path)
                    for trace in traces:
                        await trace.send_socket_connect_end(self._path, self._path)
                    handler = await self._hand_over(sock, self._new_handler(req), security, traces)
                except BaseException:
                    sock.close()
                    raise
        except OSError as error:
            if isinstance(error, TimeoutError) and error.errno is None:
                raise
            failed = functools.partial(UnixClientConnectorError, self._path)
            raise connect_error(req.connection_key, error, failed) from error
        check_fingerprint(security, handler)
        return handler
