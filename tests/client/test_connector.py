"""Connectors: connections opened, kept, bounded in number and time, and no slot lost."""

from __future__ import annotations

import asyncio
import gc
import socket
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

from quinde.client.connector import BaseConnector, UnixConnector
from quinde.client.protocol import ResponseHandler, WireLimits
from quinde.client.request import ClientRequest
from quinde.client.tcp import TCPConnector
from quinde.client.timeouts import ClientTimeout
from quinde.errors import (
    ClientConnectionError,
    ConnectionTimeoutError,
    UnixClientConnectorError,
)
from tests.support.servers import serve_raw

if TYPE_CHECKING:
    from tests.support.modes import Mode
    from tests.support.wire import Wire

NO_LIMIT = ClientTimeout()


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
        assert connector.statistics()["slots_in_use"] == 1
        connector._pool.recycle(handler)
        second = await connector.connect(request, [], NO_LIMIT)
        assert second.protocol is handler
        second.close()
        assert connector.statistics()["slots_in_use"] == 0


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
        assert connector.statistics()["slots_in_use"] == 0


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
        assert connector.statistics()["slots_in_use"] == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert connector.statistics()["slots_in_use"] == 0


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


async def test_connection_with_other_limits_is_replaced(mode: Mode) -> None:
    async with serve_raw(listen) as served, TCPConnector(limit=1) as connector:
        first = await connector.connect(get(served.url), [], NO_LIMIT)
        handler = first.protocol
        assert handler is not None
        connector._pool.recycle(handler)
        second = await connector.connect(get(served.url, wire_limits=WireLimits(max_headers=5)), [], NO_LIMIT)
        assert second.protocol is not handler
        assert handler.is_closing()
        assert connector.statistics()["slots_in_use"] == 1


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


async def test_closing_does_not_wait_to_be_awaited(mode: Mode) -> None:
    async with serve_raw(listen) as served:
        connector = TCPConnector()
        connection = await connector.connect(get(served.url), [], NO_LIMIT)
        gone = BaseConnector.close(connector)
        assert connector.closed
        assert connection.protocol is None or connection.protocol.is_closing()
        await gone
        await connector.close()


async def test_base_connector_opens_nothing() -> None:
    async with BaseConnector(limit=3, limit_per_host=2, force_close=True) as connector:
        assert (connector.limit, connector.limit_per_host, connector.force_close) == (3, 2, True)
        with pytest.raises(NotImplementedError):
            await connector.connect(get("http://host/"), [], NO_LIMIT)
        assert connector.statistics()["slots_in_use"] == 0
    assert connector.closed
