"""Sites: the addresses at which a runner's server listens.

A site asks once, when it starts, which backend new connections get; after that both look the same to it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import warnings
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from yarl import URL

from quinde._core import TlsSettings
from quinde.net import reactor
from quinde.net.layer import TlsLayer
from quinde.net.tls import SHUTDOWN_TIMEOUT, check_server_context, handshake_patience
from quinde.web.limits import Limits, core_limits
from quinde.web.listening import bind_tcp, bind_unix, listen
from quinde.web.protocol import RequestHandler

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from quinde.web.runner import BaseRunner
    from quinde.web.server import Server

__all__ = ("BaseSite", "SockSite", "TCPSite", "UnixSite")


class BaseSite(ABC):
    """An address at which a server listens, between `start()` and `stop()`.

    Args:
        runner: The runner; its `setup()` has been awaited.
        shutdown_timeout: Deprecated, see the runner.
        ssl_context: Serves over TLS (`https://`) with this context's certificate; None serves plain HTTP.
        backlog: How many connections the kernel may keep waiting.
        limits: What a client of this site may cost, where that is not the server's.

    Raises:
        RuntimeError: The runner has not been set up.
        TypeError: `ssl_context` is no context.
        ValueError: `ssl_context` is one for clients.
    """

    def __init__(
        self,
        runner: BaseRunner,
        *,
        shutdown_timeout: float = 60.0,
        ssl_context: ssl.SSLContext | None = None,
        backlog: int = 128,
        limits: Limits | None = None,
    ) -> None:
        if runner.server is None:
            raise RuntimeError("Call runner.setup() before making a site")
        if ssl_context is not None:
            check_server_context(ssl_context)
        if shutdown_timeout != 60.0:
            warnings.warn("shutdown_timeout should be set on BaseRunner", DeprecationWarning, stacklevel=3)
            runner._shutdown_timeout = shutdown_timeout
        self._runner = runner
        self._ssl_context = ssl_context
        self._backlog = backlog
        own = limits and limits.over(runner.server.limits)
        # With limits of its own it also counts its own connections.
        self._limits = runner.server.core_limits if own is None else core_limits(own)
        self._handshake_timeout = (own or runner.server.limits).handshake_timeout
        self._server: asyncio.AbstractServer | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """The URL of the site."""

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The address cannot be bound.
            OverflowError: There is no such port.
            RuntimeError: The site has been started, or the runner has been cleaned up.
        """
        server = self._runner.server
        if server is None:
            raise RuntimeError("The runner has been cleaned up: set it up again and make a new site")
        self._runner._reg_site(self)
        self._server = await self._listen(server)

    async def stop(self) -> None:
        """Listen no more; connections that are there stay.

        Raises:
            RuntimeError: The site has not been started.
        """
        self._runner._check_site(self)
        if self._server is not None:  # None: start() failed
            self._server.close()
        self._runner._unreg_site(self)

    @property
    def _scheme(self) -> str:
        return "http" if self._ssl_context is None else "https"

    def _core_tls(self) -> TlsSettings | None:
        """How the core secures connections."""
        if self._ssl_context is None:
            return None
        return TlsSettings(self._ssl_context, handshake_timeout=self._handshake_timeout)

    @property
    def addresses(self) -> list[Any]:
        """The addresses that are listened at, as `socket.getsockname()` gives them."""
        sockets = cast("tuple[socket.socket, ...]", getattr(self._server, "sockets", None) or ())
        return [sock.getsockname() for sock in sockets]

    def _factory(self, server: Server) -> Callable[[], asyncio.BaseProtocol]:
        """Give what makes protocols, where asyncio accepts."""
        make: Callable[[], RequestHandler] = server
        if self._limits is not server.core_limits:
            make = partial(RequestHandler, server, limits=self._limits)
        context = self._ssl_context
        if context is None:
            return make
        return lambda: TlsLayer(
            make(),
            context,
            is_server=True,
            handshake_timeout=handshake_patience(self._handshake_timeout),
            shutdown_timeout=SHUTDOWN_TIMEOUT,
        )

    @abstractmethod
    async def _listen(self, server: Server) -> asyncio.AbstractServer: ...


class TCPSite(BaseSite):
    """A TCP port, at every address of a host.

    Args:
        runner: As of `BaseSite`.
        host: A name or an address; None is every interface.
        port: The port; None is 8080, with TLS 8443; 0 a free one (see `port`).
        shutdown_timeout: As of `BaseSite`.
        ssl_context: As of `BaseSite`.
        backlog: As of `BaseSite`.
        reuse_address: Bind also when old connections of the port linger; None is True but on Windows.
        reuse_port: Share the port with other processes that ask for it too.
        limits: As of `BaseSite`.
    """

    def __init__(
        self,
        runner: BaseRunner,
        host: str | None = None,
        port: int | None = None,
        *,
        shutdown_timeout: float = 60.0,
        ssl_context: ssl.SSLContext | None = None,
        backlog: int = 128,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(
            runner,
            shutdown_timeout=shutdown_timeout,
            ssl_context=ssl_context,
            backlog=backlog,
            limits=limits,
        )
        self._host = host
        self._port = port if port is not None else 8080 if ssl_context is None else 8443
        self._reuse_address = reuse_address
        self._reuse_port = reuse_port

    @property
    def port(self) -> int:
        """The port that is listened at; before the start, the one asked for."""
        addresses = self.addresses
        if addresses:
            self._port = addresses[0][1]
        return self._port

    @property
    def name(self) -> str:
        """The URL of the site; of all interfaces ``http://0.0.0.0:<port>``."""
        return str(URL.build(scheme=self._scheme, host=self._host or "0.0.0.0", port=self.port))  # noqa: S104

    async def _listen(self, server: Server) -> asyncio.AbstractServer:
        if isinstance(self._port, int) and not 0 <= self._port <= 65535:  # as text it is a service's name
            # The system's resolver cuts off what it cannot hold: 70,000 would be port 4,464.
            raise OverflowError(f"port must be 0-65535, not {self._port}")
        reuse: dict[str, Any] = {"reuse_address": self._reuse_address, "reuse_port": self._reuse_port}
        try:
            if reactor.backend() == "reactor":
                sockets = await bind_tcp(self._host, self._port, **reuse)
                return listen(sockets, server.service, self._limits, self._backlog, tls=self._core_tls())
            return await asyncio.get_running_loop().create_server(
                self._factory(server), self._host, self._port, backlog=self._backlog, **reuse
            )
        except socket.gaierror as error:
            raise socket.gaierror(error.errno, f"cannot listen at {self._host!r}: {error.strerror}") from None


class UnixSite(BaseSite):
    """A Unix socket.

    Args:
        runner: As of `BaseSite`.
        path: Its path; a socket that is left there is replaced.
        shutdown_timeout: As of `BaseSite`.
        ssl_context: As of `BaseSite`.
        backlog: As of `BaseSite`.
        limits: As of `BaseSite`.
    """

    def __init__(
        self,
        runner: BaseRunner,
        path: str | os.PathLike[str],
        *,
        shutdown_timeout: float = 60.0,
        ssl_context: ssl.SSLContext | None = None,
        backlog: int = 128,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(
            runner,
            shutdown_timeout=shutdown_timeout,
            ssl_context=ssl_context,
            backlog=backlog,
            limits=limits,
        )
        self._path = path

    @property
    def name(self) -> str:
        """The URL of the site, ``http://unix:<path>:``."""
        return f"{self._scheme}://unix:{os.fspath(self._path)}:"

    async def _listen(self, server: Server) -> asyncio.AbstractServer:
        try:
            if reactor.backend() == "reactor":
                sockets = [bind_unix(self._path)]
                return listen(
                    sockets, server.service, self._limits, self._backlog, tls=self._core_tls(), unlink=True
                )
            return await asyncio.get_running_loop().create_unix_server(
                self._factory(server), os.fspath(self._path), backlog=self._backlog
            )
        except OSError as error:
            if error.errno != errno.EADDRINUSE:  # this one's words have the path
                error.filename = os.fspath(self._path)
            raise


class SockSite(BaseSite):
    """A socket that was bound elsewhere; it is closed with the site.

    Args:
        runner: As of `BaseSite`.
        sock: The socket.
        shutdown_timeout: As of `BaseSite`.
        ssl_context: As of `BaseSite`.
        backlog: As of `BaseSite`.
        limits: As of `BaseSite`.
    """

    def __init__(
        self,
        runner: BaseRunner,
        sock: socket.socket,
        *,
        shutdown_timeout: float = 60.0,
        ssl_context: ssl.SSLContext | None = None,
        backlog: int = 128,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(
            runner,
            shutdown_timeout=shutdown_timeout,
            ssl_context=ssl_context,
            backlog=backlog,
            limits=limits,
        )
        self._sock = sock
        address = sock.getsockname()
        if hasattr(socket, "AF_UNIX") and sock.family == socket.AF_UNIX:
            self._name = f"{self._scheme}://unix:{address}:"
        else:
            self._name = str(URL.build(scheme=self._scheme, host=address[0], port=address[1]))

    @property
    def name(self) -> str:
        """The URL of the socket's address."""
        return self._name

    async def _listen(self, server: Server) -> asyncio.AbstractServer:
        if reactor.backend() == "reactor":
            return listen(
                [self._sock], server.service, self._limits, self._backlog, tls=self._core_tls(), owned=True
            )
        return await asyncio.get_running_loop().create_server(
            self._factory(server), sock=self._sock, backlog=self._backlog
        )
