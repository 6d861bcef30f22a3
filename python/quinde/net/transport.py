"""`asyncio.Transport` for connections whose socket the core owns.

A façade for what user code asks a transport: addresses, the socket's options, closing, flow control. The
bytes do not pass here. Where asyncio owns the socket (the transport backend), its own transport is shown
instead.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from quinde._core import Connection

__all__ = ("BorrowedSocket", "CoreTransport")

# The core's marks for unsent bytes: writers wait above the first and go on below the second (asyncio's
# numbers).
_HIGH_WATER = 64 * 1024
_LOW_WATER = 16 * 1024


class BorrowedSocket:
    """Look at, and set options of, a socket that the core owns; there is no way to read, write or close it.

    Args:
        connection: The core's connection.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __repr__(self) -> str:
        return f"<{type(self).__name__} fd={self.fileno()}>"

    def fileno(self) -> int:
        """The file descriptor; -1 when the connection is gone."""
        return self._connection.fileno()

    @property
    def family(self) -> int:
        """The address family.

        Raises:
            OSError: The connection is gone; so with the others.
        """
        return self._ask("family")  # type: ignore[no-any-return]

    @property
    def type(self) -> int:
        """The socket type."""
        return self._ask("type")  # type: ignore[no-any-return]

    @property
    def proto(self) -> int:
        """The protocol."""
        return self._ask("proto")  # type: ignore[no-any-return]

    def getpeername(self) -> Any:
        """The peer's address."""
        return self._call("getpeername")

    def getsockname(self) -> Any:
        """This end's address."""
        return self._call("getsockname")

    def getsockopt(self, *args: Any) -> Any:
        """As `socket.socket.getsockopt`."""
        return self._call("getsockopt", *args)

    def setsockopt(self, *args: Any) -> None:
        """As `socket.socket.setsockopt`."""
        self._call("setsockopt", *args)

    def gettimeout(self) -> float:
        """Always 0: the core's sockets do not block."""
        return 0.0

    def _ask(self, name: str) -> Any:
        borrowed = self._borrow()
        try:
            return getattr(borrowed, name)
        finally:
            borrowed.detach()

    def _call(self, name: str, *args: Any) -> Any:
        borrowed = self._borrow()
        try:
            return getattr(borrowed, name)(*args)
        finally:
            borrowed.detach()

    def _borrow(self) -> socket.socket:
        # A socket object that lived on would close a descriptor that may be somebody else's by then.
        fd = self.fileno()
        if fd < 0:
            raise OSError(9, "the connection is gone")
        return socket.socket(fileno=fd)


def _borrowed_socket(connection: Connection) -> BorrowedSocket | None:
    return BorrowedSocket(connection) if connection.fileno() >= 0 else None


def _ask_tls(method: str) -> Callable[[Connection], Any]:
    def ask(connection: Connection) -> Any:
        ssl_object = connection.ssl_object
        try:
            return None if ssl_object is None else getattr(ssl_object, method)()
        except ValueError:  # the handshake is not done yet
            return None

    return ask


_EXTRA_INFO: Final[dict[str, Callable[[Connection], Any]]] = {
    "peername": lambda connection: connection.peername,
    "sockname": lambda connection: connection.sockname,
    "socket": _borrowed_socket,
    "sslcontext": lambda connection: connection.ssl_context,
    "ssl_object": lambda connection: connection.ssl_object,
    "peercert": _ask_tls("getpeercert"),
    "cipher": _ask_tls("cipher"),
    "compression": _ask_tls("compression"),
}


class CoreTransport(asyncio.Transport):
    """Show a connection of the core as a transport.

    Args:
        connection: The core's connection.
        protocol: The protocol object of the connection.
    """

    __slots__ = ("__weakref__", "_connection", "_protocol")

    def __init__(self, connection: Connection, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self._connection = connection
        self._protocol = protocol

    def __repr__(self) -> str:
        state = "closing" if self.is_closing() else "open"
        return f"<{type(self).__name__} {state} peer={self._connection.peername!r}>"

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Give what asyncio's transports give under that name, or the default if there is no such thing.

        Args:
            name: `peername`, `sockname`, `socket`; with TLS also `sslcontext`, `ssl_object`, `peercert`,
                `cipher` and `compression`.
            default: in place of None.
        """
        look = _EXTRA_INFO.get(name)
        value = None if look is None else look(self._connection)
        return default if value is None else value

    def is_closing(self) -> bool:
        """Whether the connection is closed or about to be."""
        return self._connection.is_closing()

    def close(self) -> None:
        """Close the connection after what is queued has been sent; a client's response is cut off."""
        self._connection.hang_up()
        self._connection.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._connection.hang_up()
        self._connection.abort()

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Give the protocol object of the connection."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Refuse: the core speaks HTTP on this connection.

        Raises:
            NotImplementedError: Always. With QUINDE_IO=transport the loop's own transports are used.
        """
        raise NotImplementedError(
            "a connection of the reactor keeps its protocol; QUINDE_IO=transport allows a change"
        )

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send raw bytes; only an upgraded connection takes them.

        An answer's 100 (Continue) may be written before it, as it stands: ``HTTP/1.1 100 Continue``.

        Raises:
            RuntimeError: The connection speaks HTTP; answer by a response.
        """
        self._connection.write(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Send raw bytes, as `write`."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """Whether the writing half can be closed alone: no."""
        return False

    def write_eof(self) -> None:
        """Refuse to close the writing half alone.

        Raises:
            NotImplementedError: Always; use `close()`.
        """
        raise NotImplementedError("the writing half cannot be closed alone, use close()")

    def is_reading(self) -> bool:
        """Whether the connection is open for reading."""
        return not self.is_closing()

    def pause_reading(self) -> None:
        """Receive nothing until `resume_reading()`."""
        self._connection.pause_reading()

    def resume_reading(self) -> None:
        """Receive again."""
        self._connection.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Bytes that wait to be sent."""
        return self._connection.write_buffer_size

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The marks below and above which writers go on and wait."""
        return _LOW_WATER, _HIGH_WATER

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Refuse: the marks are the core's.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            f"the write buffer's limits are fixed at {_LOW_WATER} and {_HIGH_WATER} bytes"
        )
