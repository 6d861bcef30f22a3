"""Where connections come from: TCP with Happy Eyeballs, Unix sockets, and the limits that all connectors
share.

A connector opens connections and keeps them in its `Pool`; what goes over them is not its business.
Third-party connectors override `_create_connection`, `_wrap_create_connection` or `connect`: each is called
where aiohttp calls it, with the same arguments.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import socket
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

import aiohappyeyeballs

from quinde.client.connection import Connection
from quinde.client.counts import Counts
from quinde.client.pool import Pool
from quinde.client.protocol import ResponseHandler
from quinde.client.timeouts import Deadline, moment
from quinde.errors import (
    ClientConnectionError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ConnectionTimeoutError,
    InvalidUrlClientError,
    UnixClientConnectorError,
)
from quinde.net import reactor
from quinde.net.resolver import (
    AbstractResolver,
    CachedResolver,
    DefaultResolver,
    ResolveResult,
    is_canonical_ipv4,
    is_ip_address,
)

if TYPE_CHECKING:
    from types import TracebackType

    from quinde.client.request import ClientRequest, ConnectionKey
    from quinde.client.timeouts import ClientTimeout

__all__ = ("AddrInfoType", "BaseConnector", "SocketFactoryType", "TCPConnector", "UnixConnector")

AddrInfoType = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
"""One address as `socket.getaddrinfo` gives it."""

SocketFactoryType = Callable[[AddrInfoType], socket.socket]
"""Makes the socket for an address."""

_UNSET: Final = cast(float, object())
_CLOSE_PATIENCE: Final = 2.0
"""Seconds that `close()` waits at most for connections to be gone."""

_SCHEMES: Final = frozenset({"http", "https", "ws", "wss", ""})


class BaseConnector:
    """Keep connections, and bound their number.

    Args:
        keepalive_timeout: seconds for which an idle connection is kept, 15 by default; None for ever.
        force_close: close every connection after its response.
        limit: connections in use at once, 100 by default; 0 is no limit.
        limit_per_host: the same for one host, port and scheme; 0, the default, is no limit.
        loop: the event loop; the running one by default.
        timeout_ceil_threshold: limits above it, in seconds, end on whole seconds.

    Raises:
        ValueError: `keepalive_timeout` and `force_close` are both given; drop one.
    """

    allowed_protocol_schema_set = _SCHEMES

    _closed = True  # until the constructor has come to its end
    _source_traceback: traceback.StackSummary | None = None

    def __init__(
        self,
        *,
        keepalive_timeout: float | None = _UNSET,
        force_close: bool = False,
        limit: int = 100,
        limit_per_host: int = 0,
        loop: asyncio.AbstractEventLoop | None = None,
        timeout_ceil_threshold: float = 5,
    ) -> None:
        if force_close and keepalive_timeout is not _UNSET and keepalive_timeout is not None:
            raise ValueError("keepalive_timeout cannot be set if force_close is True")
        self._loop = loop or asyncio.get_running_loop()
        self._timeout_ceil_threshold = timeout_ceil_threshold
        self._force_close = force_close
        self._keepalive_timeout = 15.0 if keepalive_timeout is _UNSET else keepalive_timeout
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

        Now: `active` connections with a request, `idle` ones, slots `in_use` of `limit`, `waiters`, `hosts`.
        So far: `connections`, `connections_failed`; `requests`, with `retries` on a kept connection that had
        ended; `responses_1xx` (101) to `responses_5xx`; `bytes_received`, `bytes_sent` (wire) and
        `body_bytes_…` of these; `timeouts_…` by phase: `pool`, `connect`, `sock_connect`, `sock_read`,
        `write`, and `total` where that ended an exchange; `refused_<reason>` for each broken rule of HTTP.
        """
        return {**self._pool.statistics(), **self._counts.statistics()}

    # --- connections

    async def connect(self, req: ClientRequest, traces: list[Any], timeout: ClientTimeout) -> Connection:
        """Give a connection for a request: an idle one, or a new one as soon as the limits allow it.

        Args:
            req: the request that it is for.
            traces: taken for aiohttp's signature.
            timeout: how long it may take.

        Raises:
            ClientConnectorError: there is no connection to be had.
            ConnectionTimeoutError: it takes too long.
            ClientConnectionError: the connector is closed.
        """
        handler = await self._acquire(req, req.connection_key, timeout, None)
        return Connection(self, handler, self._loop)

    async def _acquire(
        self, req: ClientRequest, key: ConnectionKey, timeout: ClientTimeout, total_at: float | None
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
            host, member = await pool.acquire(key, until)
        except TimeoutError as error:
            self._counts.timeouts_pool += 1
            raise _timed_out(req, connect_at, until) from error
        if member is not None:
            handler = cast(ResponseHandler, member)
            if handler.limits == req.wire_limits:
                return handler
            host = pool.reject(handler)
        deadline = Deadline(until)
        try:
            with deadline:
                handler = await self._create_connection(req, [], timeout)
            if self._closed:
                handler.close()
                raise ClientConnectionError("Connector is closed.")
        except TimeoutError as error:
            pool.give_back(host)
            self._counts.timeouts_connect += deadline.fired
            self._counts.timeouts_sock_connect += not deadline.fired
            if isinstance(error, ConnectionTimeoutError):
                raise
            raise _timed_out(req, connect_at, until if deadline.fired else connect_at) from error
        except BaseException as error:
            pool.give_back(host)
            if isinstance(error, ClientConnectorError):
                self._counts.connections_failed += 1
            raise
        handler.join(pool, key)
        pool.adopt(host, handler)
        return handler

    def _new_handler(self, req: ClientRequest) -> Callable[[], ResponseHandler]:
        """Give the protocol factory for a connection."""
        return functools.partial(
            ResponseHandler, self._loop, limits=req.wire_limits, tally=self._counts.tally
        )

    async def _create_connection(
        self, req: ClientRequest, traces: list[Any], timeout: ClientTimeout
    ) -> ResponseHandler:
        """Open a connection; connectors say how."""
        raise NotImplementedError

    async def _hand_over(
        self, sock: socket.socket, factory: Callable[[], ResponseHandler]
    ) -> ResponseHandler:
        """Make a connection of a connected socket, on the backend that the loop has."""
        if reactor.backend() == "reactor":
            handler = factory()
            handler.attach(sock)
            return handler
        _, protocol = await self._loop.create_connection(factory, sock=sock)
        return protocol

    # --- the end

    def _close(self) -> list[asyncio.Future[Any]]:
        """Close everything at once; gives what to wait for."""
        if self._closed:
            return []
        self._closed = True
        members = self._pool.close()
        if self._loop.is_closed():
            return []
        for member in members:
            member.close()
        handlers = cast("set[ResponseHandler]", self._pool.closing)
        futures = [handler.closed for handler in handlers]
        return [future for future in futures if future is not None]

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close all connections, also those in use, and wait until they are gone, 2 seconds at most.

        Args:
            abort_ssl: taken for aiohttp's signature; there is no TLS yet.
        """
        futures = self._close()
        if futures:
            await asyncio.wait(futures, timeout=_CLOSE_PATIENCE)


def _start_timer(delay: float, callback: Callable[[], object]) -> Any:
    return reactor.engine().timer(delay, callback)


def _timed_out(req: ClientRequest, connect_at: float | None, fired: float | None) -> TimeoutError:
    """Make the error for a connection that took too long: `total` is told from the other limits."""
    if fired is not None and fired != connect_at:
        return TimeoutError()
    return ConnectionTimeoutError(f"Connection timeout to host {req.url}")


def _refuse_tls(req: ClientRequest) -> None:
    if req.is_ssl():
        missing = OSError(errno.EPROTONOSUPPORT, "TLS is not part of this version yet, http:// is")
        raise ClientConnectorSSLError(req.connection_key, missing)


class TCPConnector(BaseConnector):
    """Connect over TCP.

    Args:
        use_dns_cache: remember addresses.
        ttl_dns_cache: for how many seconds, 10 by default; None for ever.
        dns_cache_max_size: of how many hosts at most.
        family: AF_INET or AF_INET6 to use only one of them.
        ssl: True, the default; nothing else yet, since there is no TLS.
        local_addr: address and port to connect from.
        resolver: who turns names into addresses; the system by default.
        happy_eyeballs_delay: seconds to wait for one address before the next is tried too (RFC 8305 section
            5); None tries one after the other.
        interleave: how many addresses of the first family come before one of the other (RFC 8305 section 4).
        socket_factory: makes the socket for an address.
        options: see `BaseConnector`.

    Raises:
        NotImplementedError: `ssl` is something else than True.
    """

    allowed_protocol_schema_set = _SCHEMES | frozenset({"tcp"})

    def __init__(
        self,
        *,
        use_dns_cache: bool = True,
        ttl_dns_cache: float | None = 10,
        dns_cache_max_size: int = 1000,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        ssl: Any = True,
        local_addr: tuple[str, int] | None = None,
        resolver: AbstractResolver | None = None,
        keepalive_timeout: float | None = _UNSET,
        force_close: bool = False,
        limit: int = 100,
        limit_per_host: int = 0,
        loop: asyncio.AbstractEventLoop | None = None,
        timeout_ceil_threshold: float = 5,
        happy_eyeballs_delay: float | None = 0.25,
        interleave: int | None = None,
        socket_factory: SocketFactoryType | None = None,
    ) -> None:
        if ssl is not True and ssl is not None:
            raise NotImplementedError("ssl: TLS is not part of this version yet, leave it at True")
        super().__init__(
            keepalive_timeout=keepalive_timeout,
            force_close=force_close,
            limit=limit,
            limit_per_host=limit_per_host,
            loop=loop,
            timeout_ceil_threshold=timeout_ceil_threshold,
        )
        self._resolver_owner = resolver is None
        self._resolver = DefaultResolver(self._loop) if resolver is None else resolver
        self._use_dns_cache = use_dns_cache
        self._names = CachedResolver(self._resolver, ttl=ttl_dns_cache, max_size=dns_cache_max_size)
        self._family = family
        self._local_addr_infos = aiohappyeyeballs.addr_to_addr_infos(local_addr)
        self._happy_eyeballs_delay = happy_eyeballs_delay
        self._interleave = interleave
        self._socket_factory = socket_factory

    @property
    def family(self) -> int:
        """The address family in use, AF_UNSPEC for both."""
        return self._family

    @property
    def use_dns_cache(self) -> bool:
        """Whether addresses are remembered."""
        return self._use_dns_cache

    def clear_dns_cache(self, host: str | None = None, port: int | None = None) -> None:
        """Forget the addresses of one host and port, or of all.

        Raises:
            ValueError: only one of the two is given.
        """
        if host is not None and port is not None:
            self._names.forget(host, port)
        elif host is not None or port is not None:
            raise ValueError("either both host and port or none of them are allowed")
        else:
            self._names.clear()

    def _close(self) -> list[asyncio.Future[Any]]:
        return [*super()._close(), *self._names.cancel()]

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close all connections and lookups, and wait until they are gone, 2 seconds at most."""
        await super().close(abort_ssl=abort_ssl)
        if self._resolver_owner:
            await self._resolver.close()

    # --- connecting

    async def _resolve_host(self, host: str, port: int, traces: Any = None) -> list[ResolveResult]:
        """Give the addresses of a host.

        Raises:
            InvalidUrlClientError: the host is an IPv4 address in an unusual spelling.
            OSError: the name does not resolve.
        """
        if is_ip_address(host):
            if ":" not in host and not is_canonical_ipv4(host):
                raise InvalidUrlClientError(host, "is not a canonical IPv4 address")
            return [ResolveResult(hostname=host, host=host, port=port, family=self._family, proto=0, flags=0)]
        if not self._use_dns_cache:
            return await self._resolver.resolve(host, port, family=self._family)
        try:
            return await self._names.resolve(host, port, self._family)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                raise ClientConnectionError("Connector is closed.") from None
            raise

    async def _create_connection(
        self, req: ClientRequest, traces: list[Any], timeout: ClientTimeout
    ) -> ResponseHandler:
        _, handler = await self._create_direct_connection(req, traces, timeout)
        return handler

    async def _create_direct_connection(
        self,
        req: ClientRequest,
        traces: list[Any],
        timeout: ClientTimeout,
        *,
        client_error: type[ClientConnectorError] = ClientConnectorError,
    ) -> tuple[Any, ResponseHandler]:
        """Resolve the host, and try its addresses until one answers."""
        _refuse_tls(req)
        host = req.host
        if host.endswith(".."):
            host = host.rstrip(".") + "."  # one dot says that a name is complete, more say nothing
        port = req.port
        assert port is not None
        try:
            addresses = await self._resolve_host(host, port, traces=traces)
        except TimeoutError:
            raise
        except OSError as error:
            raise ClientConnectorDNSError(req.connection_key, error) from error
        infos = self._address_infos(addresses)
        failure: Exception = client_error(
            req.connection_key,
            OSError(errno.EADDRNOTAVAIL, f"no address of {host} fits the connector's family"),
        )
        while infos:
            try:
                return await self._wrap_create_connection(
                    self._new_handler(req),
                    timeout=timeout,
                    ssl=None,
                    addr_infos=infos,
                    server_hostname=None,
                    req=req,
                    client_error=client_error,
                )
            except (ClientConnectorError, TimeoutError) as error:
                failure = error
                aiohappyeyeballs.pop_addr_infos_interleave(infos, self._interleave)
        raise failure

    def _address_infos(self, addresses: list[ResolveResult]) -> list[AddrInfoType]:
        infos: list[AddrInfoType] = []
        for address in addresses:
            host, port = address["host"], address["port"]
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            if self._family in {socket.AF_UNSPEC, family}:
                where = (host, port, 0, 0) if family == socket.AF_INET6 else (host, port)
                infos.append((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where))
        return infos

    async def _wrap_create_connection(
        self,
        *args: Any,
        addr_infos: list[AddrInfoType],
        req: ClientRequest,
        timeout: ClientTimeout,
        client_error: type[ClientConnectorError] = ClientConnectorError,
        **kwargs: Any,
    ) -> tuple[Any, ResponseHandler]:
        """Connect to the first of some addresses that answers (RFC 8305).

        Args:
            args: the protocol factory.
            addr_infos: the addresses.
            req: the request that the connection is for.
            timeout: of which `sock_connect` counts.
            client_error: what a failure is raised as.
            kwargs: taken for aiohttp's signature: TLS settings, None in this version.

        Returns:
            The transport (None on the reactor backend) and the protocol.
        """
        until = moment(timeout.sock_connect, time.monotonic(), timeout.ceil_threshold)
        try:
            with Deadline(until):
                sock = await aiohappyeyeballs.start_connection(
                    addr_infos=cast(Any, addr_infos),
                    local_addr_infos=self._local_addr_infos,
                    happy_eyeballs_delay=self._happy_eyeballs_delay,
                    interleave=self._interleave,
                    loop=self._loop,
                    socket_factory=cast(Any, self._socket_factory),
                )
                try:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    handler = await self._hand_over(sock, args[0])
                except BaseException:
                    sock.close()
                    raise
        except TimeoutError as error:
            if error.errno is None:
                raise
            raise client_error(req.connection_key, error) from error
        except OSError as error:
            raise client_error(req.connection_key, error) from error
        connection = handler.connection
        return None if connection is None else connection.transport, handler


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

    allowed_protocol_schema_set = _SCHEMES | frozenset({"unix"})

    def __init__(
        self,
        path: str,
        force_close: bool = False,
        keepalive_timeout: float | None = _UNSET,
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
        self, req: ClientRequest, traces: list[Any], timeout: ClientTimeout
    ) -> ResponseHandler:
        _refuse_tls(req)
        until = moment(timeout.sock_connect, time.monotonic(), timeout.ceil_threshold)
        try:
            with Deadline(until):
                sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                try:
                    sock.setblocking(False)
                    await self._loop.sock_connect(sock, self._path)
                    factory = self._new_handler(req)
                    if reactor.backend() == "reactor":
                        return await self._hand_over(sock, factory)
                    _, handler = await self._loop.create_unix_connection(factory, sock=sock)
                except BaseException:
                    sock.close()
                    raise
                return handler
        except TimeoutError as error:
            if error.errno is None:
                raise
            raise UnixClientConnectorError(self._path, req.connection_key, error) from error
        except OSError as error:
            raise UnixClientConnectorError(self._path, req.connection_key, error) from error
