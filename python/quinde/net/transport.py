"""`asyncio.Transport` for connections whose socket the core owns.

A façade for what user code asks a transport: addresses, the socket's options, closing, flow control.
Received bytes do not pass here: where a protocol has taken the connection over, the core gives them to it.
Where asyncio owns the socket (the transport backend), the façade stands before asyncio's own transport.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from quinde._core import Connection

__all__ = ("BorrowedSocket", "CarriedTransport", "CoreTransport", "transport_of")

# Unsent bytes above which writers wait (asyncio's number).
_HIGH_WATER = 64 * 1024


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

    It speaks HTTP until `set_protocol` gives it to somebody else; then it is a transport as any other.

    Args:
        connection: The core's connection.
        protocol: The protocol object of the connection.
    """

    __slots__ = ("__weakref__", "_connection", "_ended", "_protocol", "_taken")

    # For `loop.start_tls` of asyncio.
    _start_tls_compatible = True

    def __init__(self, connection: Connection, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self._connection = connection
        self._protocol = protocol
        self._taken = False
        self._ended = False

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

    def _force_close(self, exc: BaseException | None) -> None:
        # How TLS of asyncio's aborts what it stands on.
        self._connection.fail(exc)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Give the protocol object of the connection."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Give the connection to another protocol: HTTP ends here, as after an upgrade.

        What has come and is no part of the message that is being read, and all that comes from now on, goes
        to `protocol`, from the loop's next turn on; what waits to be sent is sent first. The handler or the
        exchange may go on, but says no more on this connection. HTTP's timeouts end. As with asyncio's
        transports, `connection_made` is not called.

        (What comes behind a request that offers no other protocol and is the last of its connection, by
        `Connection: close` or HTTP/1.0, is dropped as soon as it comes.)

        Args:
            protocol: An `asyncio.Protocol` or `asyncio.BufferedProtocol`.
        """
        self._protocol = protocol
        self._taken = True
        self._connection.take_over(self, protocol, isinstance(protocol, asyncio.BufferedProtocol))

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes of the protocol that was set.

        Before one was set only 100 (Continue), before an answer and as it stands: ``HTTP/1.1 100 Continue``.

        Raises:
            RuntimeError: The connection speaks HTTP: answer by a response. Or it was called after
                `write_eof()`.
            TypeError: `data` is not bytes-like.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        if not self._taken:
            self._connection.write(bytes(data))
            return
        if self._ended:
            raise RuntimeError("Cannot call write() after write_eof()")
        if data:
            self._connection.send(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Send bytes, as `write`."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """Whether the writing half can be closed alone: by a protocol that was set, without TLS."""
        return self._taken and self.get_extra_info("sslcontext") is None

    def write_eof(self) -> None:
        """Close the writing half when what is queued has been sent.

        Raises:
            NotImplementedError: The connection speaks HTTP or TLS; use `close()`.
        """
        if not self.can_write_eof():
            raise NotImplementedError("the writing half cannot be closed alone, use close()")
        self._ended = True
        self._connection.send_eof()

    def is_reading(self) -> bool:
        """Whether the connection is open for reading, and not paused."""
        return self._connection.is_reading()

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
        """The marks below and above which writers go on and wait: 16 and 64 KiB, if no others were set."""
        return self._connection.write_buffer_limits

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Have the protocol that was set wait above `high` bytes and go on when there are `low` or fewer.

        Args:
            high: By default 4 times `low`, or 64 KiB.
            low: By default a quarter of `high`.

        Raises:
            NotImplementedError: The connection speaks HTTP, whose marks are the core's.
            ValueError: It is not `high >= low >= 0`.
        """
        if not self._taken:
            raise NotImplementedError("while a connection speaks HTTP its write buffer's limits are fixed")
        if high is None:
            high = _HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._connection.set_write_buffer_limits(high, low)


class CarriedTransport(CoreTransport):
    """Show a connection that has a transport of the loop's.

    It is as that transport until another protocol is set.

    Args:
        connection: As of `CoreTransport`.
        protocol: As of `CoreTransport`.
        transport: The loop's transport.
    """

    __slots__ = ("_transport",)

    def __init__(
        self, connection: Connection, protocol: asyncio.BaseProtocol, transport: asyncio.Transport
    ) -> None:
        super().__init__(connection, protocol)
        self._transport = transport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Give what the transport gives."""
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Whether the connection is closed or about to be."""
        return self._transport.is_closing() or self._connection.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes, of whoever they are."""
        if self._taken:
            super().write(data)
        else:
            self._transport.write(data)

    def can_write_eof(self) -> bool:
        """Whether the writing half can be closed alone."""
        return self._transport.can_write_eof()

    def write_eof(self) -> None:
        """Close the writing half when what is queued has been sent."""
        if self._taken:
            super().write_eof()
        else:
            self._transport.write_eof()


def transport_of(connection: Connection, protocol: asyncio.BaseProtocol) -> CoreTransport:
    """Make the façade of a connection, before the loop's transport if that has the socket.

    Args:
        connection: As of `CoreTransport`.
        protocol: As of `CoreTransport`.
    """
    carrying = cast("asyncio.Transport | None", connection.transport)
    if carrying is None:
        return CoreTransport(connection, protocol)
    return CarriedTransport(connection, protocol, carrying)
