"""The connector for TCP: names resolved and remembered, addresses tried in parallel (RFC 8305), TLS."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import aiohappyeyeballs

from quinde.client.connector import SCHEMES, UNSET, BaseConnector, watcher
from quinde.client.timeouts import Deadline, moment
from quinde.client.tls import Security, check_fingerprint, connect_error, security_for
from quinde.errors import (
    ClientConnectionError,
    ClientConnectorDNSError,
    ClientConnectorError,
    InvalidUrlClientError,
    ServerFingerprintMismatch,
)
from quinde.net.resolver import (
    AbstractResolver,
    CachedResolver,
    DefaultResolver,
    ResolveResult,
    is_canonical_ipv4,
    is_ip_address,
)
from quinde.net.tls import SSLChoice, choose

if TYPE_CHECKING:
    from ssl import SSLContext

    from quinde.client.protocol import ResponseHandler
    from quinde.client.request import ClientRequest
    from quinde.client.timeouts import ClientTimeout
    from quinde.client.tracing import Trace

__all__ = ("AddrInfoType", "SocketFactoryType", "TCPConnector")

AddrInfoType = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
"""One address as `socket.getaddrinfo` gives it."""

SocketFactoryType = Callable[[AddrInfoType], socket.socket]
"""Makes the socket for an address."""


class TCPConnector(BaseConnector):
    """Connect over TCP.

    Args:
        use_dns_cache: remember addresses.
        ttl_dns_cache: for how many seconds, 10 by default; None for ever.
        dns_cache_max_size: of how many hosts at most.
        family: AF_INET or AF_INET6 to use only one of them.
        ssl: how `https://` is verified where a request does not say: True, the default, by the system's
            store; False not at all; an `ssl.SSLContext`; or a `Fingerprint`.
        local_addr: address and port to connect from.
        resolver: who turns names into addresses; the system by default.
        happy_eyeballs_delay: seconds to wait for one address before the next is tried too (RFC 8305 section
            5); None tries one after the other.
        interleave: how many addresses of the first family come before one of the other (RFC 8305 section 4).
        socket_factory: makes the socket for an address.
        verify_ssl: deprecated, see `ssl`.
        fingerprint: deprecated, see `ssl`.
        ssl_context: deprecated, see `ssl`.
        keepalive_timeout: see `BaseConnector`, as the others.

    Raises:
        TypeError: `ssl` is something else.
        ValueError: more than one setting of TLS is given.
    """

    allowed_protocol_schema_set = SCHEMES | frozenset({"tcp"})

    def __init__(
        self,
        *,
        use_dns_cache: bool = True,
        ttl_dns_cache: float | None = 10,
        dns_cache_max_size: int = 1000,
        family: socket.AddressFamily = socket.AF_UNSPEC,
        ssl: SSLChoice = True,
        verify_ssl: bool = True,
        fingerprint: bytes | None = None,
        ssl_context: SSLContext | None = None,
        enable_cleanup_closed: bool = False,
        local_addr: tuple[str, int] | None = None,
        resolver: AbstractResolver | None = None,
        keepalive_timeout: float | None = UNSET,
        force_close: bool = False,
        limit: int = 100,
        limit_per_host: int = 0,
        loop: asyncio.AbstractEventLoop | None = None,
        timeout_ceil_threshold: float = 5,
        happy_eyeballs_delay: float | None = 0.25,
        interleave: int | None = None,
        socket_factory: SocketFactoryType | None = None,
        ssl_shutdown_timeout: float | None = 0,
    ) -> None:
        self._ssl = choose(ssl, verify_ssl, ssl_context, fingerprint)
        super().__init__(
            keepalive_timeout=keepalive_timeout,
            force_close=force_close,
            limit=limit,
            limit_per_host=limit_per_host,
            enable_cleanup_closed=enable_cleanup_closed,
            loop=loop,
            timeout_ceil_threshold=timeout_ceil_threshold,
            ssl_shutdown_timeout=ssl_shutdown_timeout,
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

    def _close(self, *, abruptly: bool = False) -> list[asyncio.Future[Any]]:
        return [*super()._close(abruptly=abruptly), *self._names.cancel()]

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close all connections and lookups, and wait until they are gone, 2 seconds at most."""
        await super().close(abort_ssl=abort_ssl)
        if self._resolver_owner:
            await self._resolver.close()

    # --- connecting

    async def _resolve_host(
        self, host: str, port: int, traces: Sequence[Trace] | None = None
    ) -> list[ResolveResult]:
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
            for trace in traces or ():
                await trace.send_dns_resolvehost_start(host)
            addresses = await self._resolver.resolve(host, port, family=self._family)
            for trace in traces or ():
                await trace.send_dns_resolvehost_end(host)
            return addresses
        try:
            return await self._names.resolve(host, port, self._family, watcher(traces))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                raise ClientConnectionError("Connector is closed.") from None
            raise

    async def _create_connection(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> ResponseHandler:
        _, handler = await self._create_direct_connection(req, traces, timeout)
        return handler

    async def _create_direct_connection(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: ClientTimeout,
        *,
        client_error: type[ClientConnectorError] = ClientConnectorError,
    ) -> tuple[Any, ResponseHandler]:
        """Resolve the host, and try its addresses until one answers."""
        security = security_for(req, self._ssl)
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
                transport, handler = await self._wrap_create_connection(
                    self._new_handler(req),
                    timeout=timeout,
                    ssl=None if security is None else security.context,
                    addr_infos=infos,
                    server_hostname=None if security is None else security.server_hostname,
                    req=req,
                    client_error=client_error,
                )
                check_fingerprint(security, handler)
            except (ClientConnectorError, ServerFingerprintMismatch, TimeoutError) as error:
                failure = error
                aiohappyeyeballs.pop_addr_infos_interleave(infos, self._interleave)
            else:
                return transport, handler
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
        ssl: SSLContext | None = None,
        server_hostname: str | None = None,
        **kwargs: Any,
    ) -> tuple[Any, ResponseHandler]:
        """Connect to the first of some addresses that answers (RFC 8305).

        Args:
            args: the protocol factory.
            addr_infos: the addresses.
            req: the request that the connection is for.
            timeout: of which `sock_connect` counts.
            client_error: what a failure is raised as.
            ssl: the context, None without TLS.
            server_hostname: whom the certificate must be for.
            kwargs: taken for aiohttp's signature.

        Returns:
            The transport (None on the reactor backend) and the protocol.
        """
        security = None
        if ssl is not None:
            security = Security(ssl, server_hostname or req.host, None, req.connection_key)
        until = moment(timeout.sock_connect, time.monotonic(), timeout.ceil_threshold)
        traces = req._traces  # aiohttp's signature has no place for them
        try:
            with Deadline(until):
                for trace in traces:
                    await trace.send_socket_connect_start(req.host)
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
                    for trace in traces:
                        await trace.send_socket_connect_end(req.host, sock.getpeername())
                    handler = await self._hand_over(sock, args[0], security, traces)
                except BaseException:
                    sock.close()
                    raise
        except OSError as error:
            if isinstance(error, TimeoutError) and error.errno is None:
                raise
            raise connect_error(req.connection_key, error, client_error) from error
        connection = handler.connection
        return None if connection is None else connection.transport, handler
