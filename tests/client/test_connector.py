"""Connectors: addresses tried in order, names asked once, errors with host and cause, no slot lost."""

from __future__ import annotations

import asyncio
import gc
import socket
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

from quinde.client.connector import BaseConnector, TCPConnector, UnixConnector
from quinde.client.protocol import ResponseHandler, WireLimits
from quinde.client.request import ClientRequest
from quinde.client.timeouts import ClientTimeout
from quinde.errors import (
    ClientConnectionError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ConnectionTimeoutError,
    InvalidUrlClientError,
    UnixClientConnectorError,
)
from quinde.net.resolver import AbstractResolver, ResolveResult
from tests.support.servers import closed_port, serve_raw

if TYPE_CHECKING:
    from tests.support.modes import Mode
    from tests.support.wire import Wire

NO_LIMIT = ClientTimeout()


class Names(AbstractResolver):
    """Knows every name, at these addresses."""

    def __init__(self, *addresses: str, error: OSError | None = None) -> None:
        self.addresses = addresses
        self.error = error
        self.asked: list[tuple[str, int]] = []
        self.closed = False

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        self.asked.append((host, port))
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return [
            ResolveResult(hostname=host, host=ip, port=port, family=family, proto=0, flags=0)
            for ip in self.addresses
        ]

    async def close(self) -> None:
        self.closed = True


def get(url: str, **options: Any) -> ClientRequest:
    """A GET."""
    return ClientRequest("GET", URL(url), **options)


async def listen(wire: Wire) -> None:
    """Say nothing until the peer goes."""
    await wire.reader.read()


async def test_connection_is_opened_kept_and_used_again(mode: Mode) -> None:
    async with serve_raw(listen) as served, TCPConnector() as connector:
        request = get(served.url)
        first = await connector.connect(request, [], NO_LIMIT)
        handler = first.protocol
        assert isinstance(handler, ResponseHandler)
        assert connector.statistics()["in_use"] == 1
        connector._pool.recycle(handler)
        second = await connector.connect(request, [], NO_LIMIT)
        assert second.protocol is handler
        second.close()
        assert connector.statistics()["in_use"] == 0


async def test_next_address_is_tried(mode: Mode) -> None:
    async with serve_raw(listen) as served:
        names = Names("127.9.9.9", "127.0.0.1")
        async with TCPConnector(resolver=names, happy_eyeballs_delay=None) as connector:
            connection = await connector.connect(get(f"http://name:{served.port}/"), [], NO_LIMIT)
            assert connection.transport.get_extra_info("peername")[0] == "127.0.0.1"
        assert names.asked == [("name", served.port)]
        assert not names.closed, "a resolver that was handed in stays open"


async def test_all_addresses_refuse() -> None:
    port = closed_port()
    async with TCPConnector(resolver=Names("127.0.0.2", "127.0.0.1")) as connector:
        with pytest.raises(ClientConnectorError) as caught:
            await connector.connect(get(f"http://name:{port}/"), [], NO_LIMIT)
        assert (caught.value.host, caught.value.port) == ("name", port)
        assert connector.statistics()["in_use"] == 0


async def test_no_address_of_the_family() -> None:
    async with TCPConnector(resolver=Names("::1"), family=socket.AF_INET) as connector:
        assert connector.family == socket.AF_INET
        with pytest.raises(ClientConnectorError, match="no address of name fits"):
            await connector.connect(get("http://name/"), [], NO_LIMIT)


async def test_unknown_name() -> None:
    error = socket.gaierror(socket.EAI_NONAME, "no such name")
    async with TCPConnector(resolver=Names(error=error)) as connector:
        with pytest.raises(ClientConnectorDNSError, match=r"name:80 ssl:default \[no such name\]") as caught:
            await connector.connect(get("http://name/"), [], NO_LIMIT)
        assert caught.value.__cause__ is error


@pytest.mark.parametrize("use_cache", [True, False])
async def test_names_are_remembered_if_wanted(use_cache: bool) -> None:
    names = Names("127.0.0.1")
    port = closed_port()
    async with TCPConnector(resolver=names, use_dns_cache=use_cache) as connector:
        assert connector.use_dns_cache == use_cache
        for _ in range(3):
            with pytest.raises(ClientConnectorError):
                await connector.connect(get(f"http://name:{port}/"), [], NO_LIMIT)
        assert len(names.asked) == (1 if use_cache else 3)
        connector.clear_dns_cache("name", port)
        with pytest.raises(ClientConnectorError):
            await connector.connect(get(f"http://name:{port}/"), [], NO_LIMIT)
        assert len(names.asked) == (2 if use_cache else 4)
        connector.clear_dns_cache()
        with pytest.raises(ValueError, match="either both host and port or none"):
            connector.clear_dns_cache("name")


async def test_addresses_are_not_asked_for() -> None:
    names = Names()
    async with TCPConnector(resolver=names) as connector:
        for url in (f"http://127.0.0.1:{closed_port()}/", f"http://[::1]:{closed_port()}/"):
            with pytest.raises(ClientConnectorError):
                await connector.connect(get(url), [], NO_LIMIT)
        with pytest.raises(InvalidUrlClientError, match="is not a canonical IPv4 address"):
            await connector.connect(get("http://127.1/"), [], NO_LIMIT)
    assert names.asked == []


async def test_dots_at_the_end_of_a_name() -> None:
    names = Names(error=OSError("x"))
    async with TCPConnector(resolver=names) as connector:
        for url in ("http://name./", "http://name.../"):
            with pytest.raises(ClientConnectorDNSError):
                await connector.connect(get(url), [], NO_LIMIT)
    assert names.asked == [("name.", 80)] * 2


async def test_own_sockets_and_local_address(mode: Mode) -> None:
    made: list[Any] = []

    def make(info: Any) -> socket.socket:
        made.append(info[0])
        return socket.socket(*info[:3])

    async with serve_raw(listen) as served:
        async with TCPConnector(socket_factory=make, local_addr=("127.0.0.7", 0)) as connector:
            connection = await connector.connect(get(served.url), [], NO_LIMIT)
            assert connection.transport.get_extra_info("sockname")[0] == "127.0.0.7"
    assert made == [socket.AF_INET]


async def test_tls_is_refused() -> None:
    for connector in (TCPConnector(), UnixConnector("/nowhere")):
        async with connector:
            with pytest.raises(ClientConnectorSSLError, match="TLS is not part of this version"):
                await connector.connect(get("https://host/"), [], NO_LIMIT)
            assert connector.statistics()["in_use"] == 0
    with pytest.raises(NotImplementedError, match="ssl"):
        TCPConnector(ssl=False)


async def test_unix_socket_that_is_not_there() -> None:
    async with UnixConnector("/no/such/socket") as connector:
        with pytest.raises(
            UnixClientConnectorError, match="Cannot connect to unix socket /no/such/socket"
        ) as caught:
            await connector.connect(get("http://host/"), [], NO_LIMIT)
        assert caught.value.path == connector.path == "/no/such/socket"


class Stuck(TCPConnector):
    """Connects when the test says so."""

    gate: asyncio.Event

    async def _create_connection(self, *args: Any) -> ResponseHandler:
        await self.gate.wait()
        return await super()._create_connection(*args)


@pytest.mark.parametrize("name", ["connect"])
async def test_too_slow(name: str) -> None:
    async with Stuck(limit=1) as connector:
        connector.gate = asyncio.Event()
        for _ in range(2):
            with pytest.raises(ConnectionTimeoutError, match="Connection timeout to host http://host/"):
                await connector.connect(get("http://host/"), [], ClientTimeout(**{name: 0.02}))
        assert connector.statistics()["in_use"] == 0


async def test_too_slow_to_answer_at_all() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(4):  # fill the queue: further connections are neither taken nor refused
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    async with TCPConnector() as connector:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(ConnectionTimeoutError):
            await connector.connect(get(url), [], ClientTimeout(sock_connect=0.05))
    for sock in (*fillers, listener):
        sock.close()


async def test_cancelled_connecting_gives_the_slot_back() -> None:
    async with Stuck(limit=1) as connector:
        connector.gate = asyncio.Event()
        task = asyncio.create_task(connector.connect(get("http://host/"), [], NO_LIMIT))
        await asyncio.sleep(0)
        assert connector.statistics()["in_use"] == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert connector.statistics()["in_use"] == 0


async def test_closing_while_connecting(mode: Mode) -> None:
    async with serve_raw(listen) as served:
        connector = Stuck()
        connector.gate = asyncio.Event()
        task = asyncio.create_task(connector.connect(get(served.url), [], NO_LIMIT))
        await asyncio.sleep(0)
        await connector.close()
        connector.gate.set()
        with pytest.raises(ClientConnectionError, match="Connector is closed"):
            await task
        with pytest.raises(ClientConnectionError, match="Connector is closed"):
            await connector.connect(get(served.url), [], NO_LIMIT)
        await connector.close()


async def test_closing_while_a_name_is_looked_up() -> None:
    class Never(Names):
        async def resolve(self, *_: Any, **__: Any) -> list[ResolveResult]:
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    connector = TCPConnector(resolver=Never())
    task = asyncio.create_task(connector.connect(get("http://name/"), [], NO_LIMIT))
    for _ in range(3):
        await asyncio.sleep(0)
    await connector.close()
    with pytest.raises(ClientConnectionError, match="Connector is closed"):
        await task


async def test_connection_with_other_limits_is_replaced(mode: Mode) -> None:
    async with serve_raw(listen) as served, TCPConnector(limit=1) as connector:
        first = await connector.connect(get(served.url), [], NO_LIMIT)
        handler = first.protocol
        assert handler is not None
        connector._pool.recycle(handler)
        second = await connector.connect(get(served.url, wire_limits=WireLimits(max_headers=5)), [], NO_LIMIT)
        assert second.protocol is not handler
        assert handler.is_closing()
        assert connector.statistics()["in_use"] == 1


async def test_forgotten_connector_warns_and_closes() -> None:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["message"]))
    gone = asyncio.Event()

    async def talk(wire: Wire) -> None:
        await wire.reader.read()
        gone.set()

    async with serve_raw(talk) as served:
        connector = TCPConnector()
        connection = await connector.connect(get(served.url), [], NO_LIMIT)
        connector._pool.recycle(connection.protocol)  # type: ignore[arg-type]
        del connection
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del connector
            gc.collect()
        assert [str(entry.message).split(" <")[0] for entry in caught] == ["Unclosed connector"]
        await gone.wait()
    assert told == ["Unclosed connector"]


async def test_connector_without_connections_is_forgotten_silently() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        connector = TCPConnector()
        del connector
        gc.collect()


async def test_base_connector_opens_nothing() -> None:
    async with BaseConnector(limit=3, limit_per_host=2, force_close=True) as connector:
        assert (connector.limit, connector.limit_per_host, connector.force_close) == (3, 2, True)
        with pytest.raises(NotImplementedError):
            await connector.connect(get("http://host/"), [], NO_LIMIT)
        assert connector.statistics()["in_use"] == 0
    assert connector.closed
