"""The transport façade over a connection of the core."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest

from quinde.net.transport import BorrowedSocket, CarriedTransport, CoreTransport

if TYPE_CHECKING:
    from collections.abc import Iterator


class FakeConnection:
    """What the façade asks of `_core.Connection`."""

    peername = ("192.0.2.1", 1)
    sockname = ("192.0.2.2", 2)
    write_buffer_size = 7
    write_buffer_limits = (16384, 65536)
    ssl_object: Any = None
    ssl_context: Any = None

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.calls: list[Any] = []
        self.closing = False

    def fileno(self) -> int:
        return self.sock.fileno()

    def is_closing(self) -> bool:
        return self.closing

    def is_reading(self) -> bool:
        return not self.closing

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.calls.append((name, *args))


@pytest.fixture
def connection() -> Iterator[Any]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield FakeConnection(ours)


PROTOCOL = asyncio.Protocol()


def test_addresses_and_defaults(connection: Any) -> None:
    transport = CoreTransport(connection, PROTOCOL)
    assert transport.get_extra_info("peername") == ("192.0.2.1", 1)
    assert transport.get_extra_info("sockname") == ("192.0.2.2", 2)
    assert transport.get_extra_info("sslcontext") is None
    assert transport.get_extra_info("cipher", "none") == "none"
    assert transport.get_protocol() is PROTOCOL
    assert transport.get_write_buffer_size() == 7
    assert transport.get_write_buffer_limits() == (16384, 65536)
    assert "open" in repr(transport)


class Secured:
    """Stands for an `ssl.SSLObject`."""

    def __init__(self) -> None:
        self.ready = False

    def getpeercert(self) -> dict[str, str]:
        if not self.ready:
            raise ValueError("handshake not done yet")
        return {"subject": "us"}

    def cipher(self) -> tuple[str, str, int]:
        return ("C", "TLSv1.3", 256)

    def compression(self) -> None:
        return None


def test_what_tls_tells(connection: Any) -> None:
    transport = CoreTransport(connection, PROTOCOL)
    connection.ssl_object = secured = Secured()
    connection.ssl_context = context = object()
    assert transport.get_extra_info("ssl_object") is secured
    assert transport.get_extra_info("sslcontext") is context
    assert transport.get_extra_info("peercert", "none yet") == "none yet"
    secured.ready = True
    assert transport.get_extra_info("peercert") == {"subject": "us"}
    assert transport.get_extra_info("cipher") == ("C", "TLSv1.3", 256)
    assert transport.get_extra_info("compression", "none") == "none"


def test_commands_are_passed_on(connection: Any) -> None:
    transport = CoreTransport(connection, PROTOCOL)
    transport.pause_reading()
    transport.resume_reading()
    transport.write(bytearray(b"a"))
    transport.writelines([b"b", memoryview(b"c")])
    transport.close()
    transport.abort()
    assert connection.calls == [
        ("pause_reading",),
        ("resume_reading",),
        ("write", b"a"),
        ("write", b"bc"),
        ("hang_up",),
        ("close",),
        ("hang_up",),
        ("abort",),
    ]
    assert transport.is_reading()
    connection.closing = True
    assert transport.is_closing()
    assert not transport.is_reading()
    assert "closing" in repr(transport)


def test_what_it_cannot_do_is_refused(connection: Any) -> None:
    transport = CoreTransport(connection, PROTOCOL)
    assert not transport.can_write_eof()
    for call in (transport.write_eof, transport.set_write_buffer_limits):
        with pytest.raises(NotImplementedError):
            call()
    with pytest.raises(TypeError):
        transport.write("text")  # type: ignore[arg-type]
    assert connection.calls == []


class Buffered(asyncio.BufferedProtocol):
    """Another kind of protocol."""


@pytest.mark.parametrize("protocol", [asyncio.Protocol(), Buffered()])
def test_what_another_protocol_may_do(connection: Any, protocol: asyncio.BaseProtocol) -> None:
    transport = CoreTransport(connection, PROTOCOL)
    transport.set_protocol(protocol)
    assert transport.get_protocol() is protocol
    assert transport.can_write_eof()
    transport.write(b"")
    transport.write(memoryview(b"a"))
    transport.writelines([b"b", bytearray(b"c")])
    transport.set_write_buffer_limits()
    transport.set_write_buffer_limits(low=5)
    transport.set_write_buffer_limits(high=8)
    with pytest.raises(ValueError, match="must be >="):
        transport.set_write_buffer_limits(high=1, low=2)
    transport.write_eof()
    with pytest.raises(RuntimeError, match="write_eof"):
        transport.write(b"d")
    transport._force_close(None)
    assert connection.calls == [
        ("take_over", transport, protocol, isinstance(protocol, Buffered)),
        ("send", b"a"),
        ("send", b"bc"),
        ("set_write_buffer_limits", 65536, 16384),
        ("set_write_buffer_limits", 20, 5),
        ("set_write_buffer_limits", 8, 2),
        ("send_eof",),
        ("fail", None),
    ]
    connection.ssl_context = object()
    assert not transport.can_write_eof()
    with pytest.raises(NotImplementedError):
        transport.write_eof()


class Carrying:
    """A transport of the loop's."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": "there"}.get(name, default)

    def is_closing(self) -> bool:
        return self.closing

    def can_write_eof(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.calls.append((name, *args))


def test_before_a_transport_of_the_loop_s(connection: Any) -> None:
    carrying: Any = Carrying()
    transport = CarriedTransport(connection, PROTOCOL, carrying)
    assert transport.get_extra_info("peername") == "there"
    assert transport.get_extra_info("socket", "none") == "none"
    assert transport.can_write_eof()
    transport.write(b"a")
    transport.write_eof()
    assert (carrying.calls, connection.calls) == ([("write", b"a"), ("write_eof",)], [])
    transport.set_protocol(PROTOCOL)
    transport.write(b"b")
    transport.write_eof()
    assert [call[0] for call in connection.calls] == ["take_over", "send", "send_eof"]
    assert not transport.is_closing()
    carrying.closing = True
    assert transport.is_closing()


def test_socket_is_lent_and_never_closed(connection: Any) -> None:
    borrowed = CoreTransport(connection, PROTOCOL).get_extra_info("socket")
    assert isinstance(borrowed, BorrowedSocket)
    assert borrowed.fileno() == connection.sock.fileno()
    assert (borrowed.family, borrowed.type, borrowed.proto) == (socket.AF_UNIX, socket.SOCK_STREAM, 0)
    assert borrowed.gettimeout() == 0
    borrowed.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    assert borrowed.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= 4096
    assert borrowed.getsockname() == connection.sock.getsockname()
    assert borrowed.getpeername() == connection.sock.getpeername()
    assert connection.sock.fileno() >= 0
    assert not hasattr(borrowed, "recv")
    assert not hasattr(borrowed, "close")


def test_socket_of_a_connection_that_is_gone(connection: Any) -> None:
    transport = CoreTransport(connection, PROTOCOL)
    borrowed = transport.get_extra_info("socket")
    connection.sock.close()
    assert borrowed.fileno() == -1
    with pytest.raises(OSError, match="gone"):
        borrowed.getsockname()
    assert transport.get_extra_info("socket") is None
    assert repr(borrowed) == "<BorrowedSocket fd=-1>"
