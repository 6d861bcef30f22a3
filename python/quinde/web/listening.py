"""Listening sockets of the reactor: made as `loop.create_server` makes them, then owned by the core.

`ReactorServer` has the face of `asyncio.Server`, so that a site does not care which backend it stands on.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import sys
from typing import TYPE_CHECKING, Any

from quinde.log import server_logger
from quinde.net import reactor

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable

    from quinde._core import Limits, Listener, Service, TlsSettings

__all__ = ("ListeningSocket", "ReactorServer", "bind_tcp", "bind_unix", "listen")

logger: logging.Logger = server_logger


class ListeningSocket:
    """Tell about a listening socket that the core owns: family, type and address.

    Args:
        sock: The socket, while it is still Python's.
    """

    __slots__ = ("_fd", "_name", "family", "proto", "type")

    def __init__(self, sock: socket.socket) -> None:
        self.family = sock.family
        self.type = sock.type
        self.proto = sock.proto
        self._name = sock.getsockname()
        self._fd = sock.fileno()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} fd={self._fd} {self._name!r}>"

    def getsockname(self) -> Any:
        """The address that it is bound to."""
        return self._name

    def fileno(self) -> int:
        """The file descriptor, -1 once it is closed."""
        return self._fd

    def forget(self) -> None:
        """Note that the core has closed it."""
        self._fd = -1


class ReactorServer(asyncio.AbstractServer):
    """Listening sockets that the reactor accepts from.

    Args:
        listeners: The core's listeners.
        sockets: What to tell of them.
        owned: Sockets of the user's that share the listeners' sockets and are closed with them.
        unlink: Paths of Unix sockets to remove at the end, each with the inode that was bound.
    """

    def __init__(
        self,
        listeners: list[Listener],
        sockets: list[ListeningSocket],
        owned: list[socket.socket],
        unlink: list[tuple[str, int]],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listeners = listeners
        self._sockets = sockets
        self._owned = owned
        self._unlink = unlink

    def __repr__(self) -> str:
        return f"<{type(self).__name__} sockets={self.sockets!r}>"

    @property
    def sockets(self) -> tuple[ListeningSocket, ...]:
        """The listening sockets; empty once closed."""
        return tuple(self._sockets)

    def is_serving(self) -> bool:
        """Whether connections are accepted."""
        return bool(self._listeners)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The event loop."""
        return self._loop

    def close(self) -> None:
        """Accept no more connections; those that are there stay."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.close()
        for sock in self._sockets:
            sock.forget()
        self._sockets = []
        for owned in self._owned:
            owned.close()
        for path, inode in self._unlink:
            _unlink(path, inode)
        self._owned, self._unlink = [], []

    async def start_serving(self) -> None:
        """Do nothing: connections are accepted from the start."""

    async def serve_forever(self) -> None:
        """Wait until cancelled, then close."""
        try:
            await self._loop.create_future()
        finally:
            self.close()

    async def wait_closed(self) -> None:
        """Return at once: a closed listener is closed."""


def listen(
    sockets: Iterable[socket.socket],
    service: Service,
    limits: Limits,
    backlog: int,
    *,
    tls: TlsSettings | None = None,
    owned: bool = False,
    unlink: bool = False,
) -> ReactorServer:
    """Let the reactor accept from bound sockets.

    Args:
        sockets: The sockets; they are the core's afterwards.
        service: What to do with connections.
        limits: What each may cost.
        backlog: How many the kernel may keep waiting.
        tls: How connections are secured; None leaves them plain.
        owned: The sockets are the user's: they stay usable, and are closed when the server is.
        unlink: Remove the path of Unix sockets when the server is closed.
    """
    engine = reactor.engine()
    listeners: list[Listener] = []
    told: list[ListeningSocket] = []
    kept: list[socket.socket] = []
    paths: list[tuple[str, int]] = []
    sockets = list(sockets)
    try:
        for sock in sockets:
            sock.setblocking(False)
            sock.listen(backlog)
            told.append(ListeningSocket(sock))
            name = sock.getsockname()
            if unlink and isinstance(name, str) and name:
                paths.append((name, os.stat(name).st_ino))  # a path as the kernel has it
            if owned:
                kept.append(sock)
                fd = os.dup(sock.fileno())
            else:
                fd = sock.detach()
            listeners.append(engine.listen(fd, service, limits, tls))
    except BaseException:
        for listener in listeners:
            listener.close()
        for sock in sockets:
            sock.close()
        raise
    return ReactorServer(listeners, told, kept, paths)


async def bind_tcp(
    host: str | None, port: int, *, reuse_address: bool | None = None, reuse_port: bool | None = None
) -> list[socket.socket]:
    """Bind a socket to every address of a host.

    Args:
        host: A name or an address; None or empty is every interface.
        port: The port; 0 takes a free one for each address.
        reuse_address: Bind also when old connections of the port linger; None is True but on Windows.
        reuse_port: Share the port with other processes that ask for it too.

    Raises:
        OSError: An address cannot be bound; the message names it.
        ValueError: `reuse_port` is not known here.
    """
    if reuse_address is None:
        reuse_address = os.name == "posix" and sys.platform != "cygwin"
    if reuse_port and not hasattr(socket, "SO_REUSEPORT"):
        raise ValueError("reuse_port is not supported by this platform")
    loop = asyncio.get_running_loop()
    addresses = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, proto, _, address in dict.fromkeys(addresses):
            sock = _open(family, kind, proto)
            if sock is None:
                continue
            sockets.append(sock)
            if reuse_address:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                # Else the address for every interface would take the IPv4 port as well.
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if not _bind(sock, address):
                sockets.pop().close()
        if not sockets:
            raise OSError(
                errno.EADDRNOTAVAIL, f"could not bind on any address out of {[a[4] for a in addresses]!r}"
            )
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _open(family: int, kind: int, proto: int) -> socket.socket | None:
    try:
        return socket.socket(family, kind, proto)
    except OSError:
        # The resolver knows a family that the kernel does not.
        logger.debug("cannot make a socket of family %r", family)
        return None


def _bind(sock: socket.socket, address: Any) -> bool:
    try:
        sock.bind(address)
    except OSError as exc:
        if exc.errno == errno.EADDRNOTAVAIL:
            # A name may resolve to addresses that no interface has; the others will do.
            logger.warning("cannot bind on address %r: %s", address, exc.strerror)
            return False
        message = f"error while attempting to bind on address {address!r}: {(exc.strerror or '').lower()}"
        raise OSError(exc.errno, message) from None
    return True


def bind_unix(path: str | os.PathLike[str]) -> socket.socket:
    """Bind a Unix socket, in place of one that a former process left at the path.

    Raises:
        OSError: The path is taken by something else, or cannot be written.
    """
    name = os.fspath(path)
    if name[:1] not in {"\0", ""}:
        try:
            if stat.S_ISSOCK(os.stat(name).st_mode):
                os.remove(name)
        except FileNotFoundError:
            pass
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(name)
    except OSError as exc:
        sock.close()
        if exc.errno == errno.EADDRINUSE:
            raise OSError(errno.EADDRINUSE, f"Address {name!r} is already in use") from None
        raise
    return sock


def _unlink(path: str, inode: int) -> None:
    """Remove the path of a Unix socket, unless something else is there by now."""
    try:
        if os.stat(path).st_ino == inode:
            os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as exc:
        logger.warning("cannot remove the Unix socket %r: %s", path, exc)
