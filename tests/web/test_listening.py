"""Sockets for the reactor to accept from."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from quinde._core import Limits
from quinde.net import reactor
from quinde.web.listening import ReactorServer, bind_tcp, bind_unix, listen
from quinde.web.response import Response
from quinde.web.server import Server
from tests.support.servers import HOST

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the reactor is claimed for Linux alone")


def close(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


async def service() -> Any:
    async def handler(_request: Any) -> Response:
        return Response()

    return Server(handler, access_log=None).service


async def test_every_interface_is_bound() -> None:
    sockets = await bind_tcp(None, 0)
    families = [sock.family for sock in sockets]
    assert socket.AF_INET in families
    for sock in sockets:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        if sock.family == socket.AF_INET6:
            assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    close(sockets)


async def test_options() -> None:
    (sock,) = await bind_tcp(HOST, 0, reuse_address=False, reuse_port=True)
    assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
    sock.close()


async def test_missing_reuse_port_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "SO_REUSEPORT")
    with pytest.raises(ValueError, match="reuse_port"):
        await bind_tcp(HOST, 0, reuse_port=True)


async def test_addresses_that_are_not_here(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    there = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))
    here = (socket.AF_INET, socket.SOCK_STREAM, 6, "", (HOST, 0))
    unknown = (0x7FF, socket.SOCK_STREAM, 6, "", ("?", 0))

    async def resolve(addresses: list[Any]) -> list[socket.socket]:
        async def getaddrinfo(*_args: Any, **_options: Any) -> list[Any]:
            return addresses

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        return await bind_tcp("name", 0)

    caplog.set_level(logging.WARNING)
    close(await resolve([there, here, unknown]))
    assert "192.0.2.1" in caplog.text
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        await resolve([there])


async def test_server_tells_its_sockets_until_it_is_closed() -> None:
    (sock,) = await bind_tcp(HOST, 0)
    address, fd = sock.getsockname(), sock.fileno()
    server = listen([sock], await service(), Limits(), 5)
    assert isinstance(server, asyncio.AbstractServer)
    assert sock.fileno() == -1, "the core has it now"
    (told,) = server.sockets
    assert (told.getsockname(), told.fileno(), told.family) == (address, fd, socket.AF_INET)
    assert server.is_serving()
    assert server.get_loop() is asyncio.get_running_loop()
    assert "ListeningSocket" in repr(server)
    await server.start_serving()
    server.close()
    server.close()
    await server.wait_closed()
    assert not server.is_serving()
    assert server.sockets == ()
    assert told.fileno() == -1
    with pytest.raises(OSError):
        await asyncio.open_connection(*address)


async def test_serve_forever_closes_when_cancelled() -> None:
    server = listen(await bind_tcp(HOST, 0), await service(), Limits(), 5)
    serving = asyncio.create_task(server.serve_forever())
    await asyncio.sleep(0)
    serving.cancel()
    await asyncio.wait([serving])
    assert not server.is_serving()


async def test_failure_closes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    class FailingEngine:
        def __init__(self) -> None:
            self.fds: list[int] = []

        def listen(self, fd: int, _service: Any, _limits: Any, _tls: Any) -> Any:
            self.fds.append(fd)
            if len(self.fds) == 1:
                return self
            os.close(fd)
            raise OSError("no more")

        def close(self) -> None:
            os.close(self.fds[0])

    monkeypatch.setattr(reactor, "engine", FailingEngine)
    sockets = [*await bind_tcp(HOST, 0), *await bind_tcp(HOST, 0)]
    with pytest.raises(OSError, match="no more"):
        listen(sockets, await service(), Limits(), 5)
    assert [sock.fileno() for sock in sockets] == [-1, -1]


async def test_unix_path_is_removed_with_its_server(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    server = listen([bind_unix(path)], await service(), Limits(), 5, unlink=True)
    assert path.is_socket()
    server.close()
    assert not path.exists()


async def test_unix_path_of_somebody_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    first = listen([bind_unix(path)], await service(), Limits(), 5, unlink=True)
    second = listen([bind_unix(path)], await service(), Limits(), 5, unlink=True)
    first.close()
    assert path.is_socket()
    path.unlink()
    second.close()


async def test_abstract_socket() -> None:
    server = listen([bind_unix("\0quinde-test")], await service(), Limits(), 5)
    assert isinstance(server, ReactorServer)
    _, writer = await asyncio.open_unix_connection("\0quinde-test")
    writer.close()
    server.close()


def test_taken_unix_path_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(OSError, match="already in use"):
        bind_unix(path)
    with pytest.raises(FileNotFoundError):
        bind_unix(tmp_path / "missing" / "socket")
