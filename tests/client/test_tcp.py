"""The TCP connector: addresses tried in order, names asked once, errors with host and cause."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

from quinde.client.request import ClientRequest
from quinde.client.tcp import TCPConnector
from quinde.client.timeouts import ClientTimeout
from quinde.errors import (
    ClientConnectionError,
    ClientConnectorDNSError,
    ClientConnectorError,
    InvalidUrlClientError,
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
        assert connector.statistics()["slots_in_use"] == 0


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
