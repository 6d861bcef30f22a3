"""Where servers listen: TCP, Unix and given sockets; and the protocol factory below them."""

from __future__ import annotations

import asyncio
import socket
import stat
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.behaviour.library import application, quinde_only, request, web
from tests.support.servers import HOST, Served, closed_port, listening_socket
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.modes import Mode

pytestmark = pytest.mark.plain("test_tls_server.py has the sites of TLS")


async def hello(_request: Any) -> Any:
    return web.Response(text="hello")


@asynccontextmanager
async def set_up(**options: Any) -> AsyncIterator[Any]:
    """A runner of an application that says hello."""
    options.setdefault("access_log", None)
    runner = web.AppRunner(application(hello), **options)
    await runner.setup()
    try:
        yield runner
    finally:
        await runner.cleanup()


async def says_hello(served: Served) -> bool:
    async with open_wire(served) as wire:
        await wire.send(request())
        return (await wire.read_answer()).body == b"hello"


async def test_tcp_site_takes_a_free_port() -> None:
    async with set_up() as runner:
        site = web.TCPSite(runner, HOST, 0)
        assert site.port == 0
        await site.start()
        assert site.port > 0
        assert site.name == f"http://{HOST}:{site.port}"
        assert runner.addresses == [(HOST, site.port)]
        assert runner.sites == {site}
        assert await says_hello(Served(HOST, site.port))


async def test_tcp_site_of_every_interface() -> None:
    async with set_up() as runner:
        port = closed_port()
        site = web.TCPSite(runner, None, port)
        await site.start()
        assert site.name == f"http://0.0.0.0:{port}"
        families = {len(address) for address in runner.addresses}
        assert await says_hello(Served(HOST, port))
        if 4 in families:
            assert await says_hello(Served("::1", port))


async def test_default_port() -> None:
    async with set_up() as runner:
        assert web.TCPSite(runner).port == 8080


async def test_taken_port_names_the_address() -> None:
    async with set_up() as runner:
        with listening_socket() as taken:
            port = taken.getsockname()[1]
            site = web.TCPSite(runner, HOST, port)
            with pytest.raises(OSError, match=rf"{HOST}', {port}"):
                await site.start()
        await site.stop()
        assert runner.sites == set()


@quinde_only  # aiohttp takes 70,000 for 4,464 where the host is no address
@pytest.mark.parametrize("host", [HOST, "localhost", None])
@pytest.mark.parametrize("port", [-1, 65536, 70000])
async def test_ports_that_are_none(host: str | None, port: int) -> None:
    async with set_up() as runner:
        with pytest.raises(OverflowError, match="0-65535"):
            await web.TCPSite(runner, host, port).start()


async def test_a_port_may_be_text() -> None:
    """As it comes from the environment."""
    async with set_up() as runner:
        port = closed_port()
        await web.TCPSite(runner, HOST, str(port)).start()
        assert await says_hello(Served(HOST, port))


@quinde_only  # aiohttp leaves it to the reader to find out
async def test_what_cannot_be_listened_at_is_named(tmp_path: Path) -> None:
    async with set_up() as runner:
        with pytest.raises(socket.gaierror, match=r"cannot listen at 'nohost\.invalid'"):
            await web.TCPSite(runner, "nohost.invalid", 0).start()
        path = str(tmp_path / "missing" / "socket")
        with pytest.raises(FileNotFoundError, match=path):
            await web.UnixSite(runner, path).start()


async def test_shared_port() -> None:
    async with set_up() as one, set_up() as other:
        first = web.TCPSite(one, HOST, 0, reuse_port=True)
        await first.start()
        await web.TCPSite(other, HOST, first.port, reuse_port=True).start()
        assert await says_hello(Served(HOST, first.port))


async def test_unix_site(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    async with set_up() as runner:
        site = web.UnixSite(runner, path)
        await site.start()
        assert site.name == f"http://unix:{path}:"
        assert runner.addresses == [str(path)]
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert await says_hello(Served("", 0, str(path)))


async def test_unix_site_replaces_what_a_dead_process_left(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    async with set_up() as runner:
        await web.UnixSite(runner, path).start()
        assert await says_hello(Served("", 0, path))


async def test_unix_site_spares_files(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("precious")
    async with set_up() as runner:
        with pytest.raises(OSError):
            await web.UnixSite(runner, path).start()
    assert path.read_text() == "precious"


async def test_remote_of_a_unix_socket(tmp_path: Path) -> None:
    async def handler(asked: Any) -> Any:
        return web.Response(text=repr((asked.remote, asked.get_extra_info("sockname"))))

    runner = web.AppRunner(application(handler), access_log=None)
    await runner.setup()
    path = str(tmp_path / "socket")
    await web.UnixSite(runner, path).start()
    async with open_wire(Served("", 0, path)) as wire:
        await wire.send(request())
        assert (await wire.read_answer()).body == repr(("", path)).encode()
    await runner.cleanup()


async def test_sock_site_closes_its_socket() -> None:
    sock = listening_socket()
    port = sock.getsockname()[1]
    async with set_up() as runner:
        site = web.SockSite(runner, sock)
        await site.start()
        assert site.name == f"http://{HOST}:{port}"
        assert runner.addresses == [(HOST, port)]
        assert sock.getsockname() == (HOST, port)
        assert await says_hello(Served(HOST, port))
        await site.stop()
        assert sock.fileno() == -1
        assert runner.sites == set()


async def test_connections_outlive_their_site() -> None:
    async with set_up() as runner:
        site = web.TCPSite(runner, HOST, 0)
        await site.start()
        async with open_wire(Served(HOST, site.port)) as wire:
            await wire.send(request())
            await wire.read_answer()
            await site.stop()
            await wire.send(request())
            assert (await wire.read_answer()).body == b"hello"


async def test_sites_of_both_kinds_at_once(tmp_path: Path) -> None:
    async with set_up() as runner:
        tcp, unix = web.TCPSite(runner, HOST, 0), web.UnixSite(runner, tmp_path / "socket")
        await tcp.start()
        await unix.start()
        assert len(runner.addresses) == 2
        assert await says_hello(Served(HOST, tcp.port))
        assert await says_hello(Served("", 0, str(tmp_path / "socket")))


async def test_wrong_order_is_told() -> None:
    runner = web.AppRunner(application(hello))
    with pytest.raises(RuntimeError, match=r"setup\(\)"):
        web.TCPSite(runner, HOST, 0)
    async with set_up() as ready:
        site = web.TCPSite(ready, HOST, 0)
        with pytest.raises(RuntimeError, match="not registered"):
            await site.stop()
        await site.start()
        with pytest.raises(RuntimeError, match="already registered"):
            await site.start()


def test_an_application_is_asked_for() -> None:
    with pytest.raises(TypeError, match=r"web\.Application"):
        web.AppRunner(hello)


@quinde_only
# --- the low level ------------------------------------------------------------------------------------------


async def describe(asked: Any) -> Any:
    """What a low-level handler sees."""
    return web.Response(
        text=f"{type(asked).__name__} {asked.method} {asked.path} {(await asked.read()).decode()}"
    )


async def test_server_runner() -> None:
    server = web.Server(describe, access_log=None)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    async with open_wire(Served(HOST, site.port)) as wire:
        await wire.send(request("POST", "/x", body=b"body"))
        assert (await wire.read_answer()).body == b"BaseRequest POST /x body"
        assert server.requests_count == 1
        assert len(server.connections) == 1
    await runner.cleanup()


async def test_server_as_a_protocol_factory(mode: Mode) -> None:
    server = web.Server(describe, access_log=None)
    listener = await asyncio.get_running_loop().create_server(server, HOST, 0)
    port = listener.sockets[0].getsockname()[1]
    async with open_wire(Served(HOST, port)) as wire:
        for _ in range(2):
            await wire.send(request("POST", "/x", body=b"body"))
            assert (await wire.read_answer()).body == b"BaseRequest POST /x body"
        (protocol,) = server.connections
        assert isinstance(protocol, web.RequestHandler)
        assert protocol.transport is not None
        assert protocol.peername == wire.writer.get_extra_info("sockname")
        listener.close()
        server.pre_shutdown()
        await server.shutdown(1)
        assert await wire.read_to_end() == b""


async def test_protocol_by_hand() -> None:
    """What a test of a framework does: a transport of its own, bytes in, bytes out."""

    class Recorder(asyncio.Transport):
        def __init__(self) -> None:
            super().__init__()
            self.sent = bytearray()
            self.closed = False

        def write(self, data: Any) -> None:
            self.sent += data

        def get_extra_info(self, name: str, default: Any = None) -> Any:
            return default

        def is_closing(self) -> bool:
            return self.closed

        def close(self) -> None:
            self.closed = True

        abort = close

        def pause_reading(self) -> None: ...

        def resume_reading(self) -> None: ...

        def set_protocol(self, protocol: Any) -> None: ...

    server = web.Server(describe, access_log=None)
    protocol = server()
    transport = Recorder()
    protocol.connection_made(transport)
    protocol.data_received(request("GET", "/by-hand"))
    async with asyncio.timeout(5):
        while not transport.sent.endswith(b"BaseRequest GET /by-hand "):  # noqa: ASYNC110  # bytes are the news
            await asyncio.sleep(0)
    protocol.connection_lost(None)
    assert protocol.transport is None
    await server.shutdown(1)
    assert server.connections == []
