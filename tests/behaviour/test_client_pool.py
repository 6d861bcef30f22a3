"""Connections: kept, shared, bounded, given back, closed; and a storm of cancellations over real sockets."""

from __future__ import annotations

import asyncio
import random
import tempfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from tests.support.servers import answering, serve_raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.modes import Mode
    from tests.support.servers import Served
    from tests.support.wire import Wire


@pytest.fixture
def lib() -> Any:
    """The library under test."""
    return quinde


class Counts:
    """What a server has seen of connections."""

    def __init__(self) -> None:
        self.opened = 0
        self.open = 0
        self.peak = 0
        self.requests = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.none_left = asyncio.Event()


@asynccontextmanager
async def counting(fields: bytes = b"") -> AsyncIterator[tuple[Served, Counts]]:
    """Answer `ok`, keep connections, and count; answers wait for `gate`."""
    counts = Counts()

    async def talk(wire: Wire) -> None:
        counts.opened += 1
        counts.open += 1
        counts.peak = max(counts.peak, counts.open)
        counts.none_left.clear()
        try:
            while await wire.reader.readuntil(b"\r\n\r\n"):
                counts.requests += 1
                await counts.gate.wait()
                await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n%s\r\nok" % fields)
                if b"close" in fields:
                    return
        finally:
            counts.open -= 1
            if not counts.open:
                counts.none_left.set()

    async with serve_raw(talk) as served:
        yield served, counts


async def fetch(client: Any, url: str) -> str:
    """Get a text."""
    async with client.get(url) as response:
        text: str = await response.text()
        return text


async def test_connection_is_kept(lib: Any) -> None:
    async with counting() as (served, counts), lib.ClientSession() as client:
        for _ in range(5):
            assert await fetch(client, served.url) == "ok"
        assert counts.opened == 1


async def test_concurrent_requests_have_connections_of_their_own(lib: Any) -> None:
    async with counting() as (served, counts), lib.ClientSession() as client:
        counts.gate.clear()
        tasks = [asyncio.ensure_future(fetch(client, served.url)) for _ in range(5)]
        while counts.requests < 5:
            await asyncio.wait(tasks, timeout=0.01)
        counts.gate.set()
        assert await asyncio.gather(*tasks) == ["ok"] * 5
        assert counts.opened == 5


@pytest.mark.parametrize("options", [{"limit": 2}, {"limit_per_host": 2}, {"limit": 0, "limit_per_host": 2}])
async def test_limits(lib: Any, options: dict[str, int]) -> None:
    async with counting() as (served, counts):
        async with lib.ClientSession(connector=lib.TCPConnector(**options)) as client:
            assert await asyncio.gather(*(fetch(client, served.url) for _ in range(20))) == ["ok"] * 20
        assert counts.peak <= 2
        assert counts.requests == 20


async def test_force_close(lib: Any) -> None:
    async with counting() as (served, counts):
        async with lib.ClientSession(connector=lib.TCPConnector(force_close=True)) as client:
            for _ in range(3):
                async with client.get(served.url) as response:
                    assert await response.text() == "ok"
                    assert response.request_info.headers["Connection"] == "close"
        assert counts.opened == 3


async def test_connection_that_the_server_will_close_is_not_kept(lib: Any) -> None:
    async with counting(b"Connection: close\r\n") as (served, counts), lib.ClientSession() as client:
        for _ in range(3):
            assert await fetch(client, served.url) == "ok"
        assert counts.opened == 3


async def test_connection_is_not_kept_if_the_request_says_so() -> None:
    """RFC 9112 section 9.6: who says close sends no more; aiohttp leaves that to the server."""
    async with (
        counting() as (served, counts),
        quinde.ClientSession(headers={"Connection": "close"}) as client,
    ):
        for _ in range(2):
            assert await fetch(client, served.url) == "ok"
        await counts.none_left.wait()
        assert counts.opened == 2


async def test_idle_connection_is_closed_in_time(lib: Any) -> None:
    async with counting() as (served, counts):
        async with lib.ClientSession(connector=lib.TCPConnector(keepalive_timeout=0.1)) as client:
            assert await fetch(client, served.url) == "ok"
            await counts.none_left.wait()
            assert await fetch(client, served.url) == "ok"
        assert counts.opened == 2


async def test_closing_the_session_closes_the_connections(lib: Any) -> None:
    async with counting() as (served, counts):
        async with lib.ClientSession() as client:
            await asyncio.gather(*(fetch(client, served.url) for _ in range(3)))
        await counts.none_left.wait()


async def test_closing_the_session_ends_what_is_under_way(lib: Any) -> None:
    async with counting() as (served, counts), lib.ClientSession() as client:
        counts.gate.clear()
        task = asyncio.ensure_future(fetch(client, served.url))
        while not counts.requests:
            await asyncio.wait([task], timeout=0.01)
        await client.close()
        with pytest.raises((lib.ClientError, RuntimeError)):
            await task
        counts.gate.set()


async def test_cancelled_request_closes_its_connection(lib: Any) -> None:
    async with counting() as (served, counts):
        async with lib.ClientSession(connector=lib.TCPConnector(limit=1)) as client:
            counts.gate.clear()
            task = asyncio.ensure_future(fetch(client, served.url))
            while not counts.requests:
                await asyncio.wait([task], timeout=0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            counts.gate.set()
            assert await fetch(client, served.url) == "ok"
        assert counts.opened == 2


async def test_timed_out_request_gives_its_place_back(lib: Any) -> None:
    async with counting() as (served, counts):
        async with lib.ClientSession(connector=lib.TCPConnector(limit=1)) as client:
            counts.gate.clear()
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await client.get(served.url, timeout=lib.ClientTimeout(total=0.05))
            counts.gate.set()
            assert await fetch(client, served.url) == "ok"


async def test_refused_connection_gives_its_place_back(lib: Any) -> None:
    async with counting() as (served, _):
        async with lib.ClientSession(connector=lib.TCPConnector(limit=1)) as client:
            for _ in range(3):
                with pytest.raises(lib.ClientConnectorError):
                    await client.get("http://127.0.0.1:1/")
            assert await fetch(client, served.url) == "ok"


async def test_connector_can_be_shared(lib: Any) -> None:
    async with counting() as (served, counts), lib.TCPConnector() as connector:
        for _ in range(2):
            async with lib.ClientSession(connector=connector, connector_owner=False) as client:
                assert await fetch(client, served.url) == "ok"
        assert counts.opened == 1
        assert not connector.closed
    assert connector.closed


@pytest.mark.plain("the URLs of the test are http")
async def test_unix_socket(lib: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/socket"
        talk = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nunix")
        connector = lib.UnixConnector(path)
        async with serve_raw(talk, path), lib.ClientSession(connector=connector) as client:
            assert await fetch(client, "http://any.host/") == "unix"
        connector = lib.UnixConnector(path + "-none")
        async with lib.ClientSession(connector=connector) as client:
            assert connector.path == path + "-none"
            with pytest.raises(
                lib.ClientConnectorError, match=r"Cannot connect to unix socket .*-none ssl:default"
            ):
                await client.get("http://any.host/")


@pytest.mark.plain("it looks for the absence of TLS")
async def test_transport_tells_addresses(lib: Any) -> None:
    async with counting() as (served, counts), lib.ClientSession() as client:
        counts.gate.clear()

        async def look() -> None:
            async with client.get(served.url) as response:
                await response.read()

        task = asyncio.ensure_future(look())
        counts.gate.set()
        await task

    async def stall(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        await wire.reader.read()

    async with serve_raw(stall) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            transport = response.connection.transport
            assert transport.get_extra_info("peername") == (served.host, served.port)
            assert transport.get_extra_info("sockname")[0] == "127.0.0.1"
            assert transport.get_extra_info("ssl_object") is None
            assert not transport.is_closing()


async def test_responses_with_other_limits_do_not_share_a_connection() -> None:
    async with counting() as (served, counts), quinde.ClientSession() as client:
        assert await fetch(client, served.url) == "ok"
        async with client.get(served.url, max_headers=5) as response:
            assert await response.text() == "ok"
        assert counts.opened == 2


async def test_closing_waits_until_connections_are_gone() -> None:
    async with counting() as (served, counts):
        client = quinde.ClientSession()
        await asyncio.gather(*(fetch(client, served.url) for _ in range(5)))
        connector = client.connector
        assert connector is not None
        handlers = list(connector._pool.idle_members())
        await client.close()
        assert len(handlers) == 5
        assert all(handler.closed is None for handler in handlers)  # type: ignore[attr-defined]
        assert connector._pool.closing == set()
        assert counts.opened == 5


@pytest.mark.parametrize("options", [{"limit": 7}, {"limit": 20, "limit_per_host": 5}, {"limit": 0}])
async def test_storm_of_cancellations(mode: Mode, options: dict[str, int]) -> None:  # noqa: C901 -- many ways to end
    """Requests are cancelled at random moments; afterwards no slot is lost."""
    rng = random.Random(str(options))

    async def talk(wire: Wire) -> None:
        while await wire.reader.readuntil(b"\r\n\r\n"):
            for _ in range(rng.randrange(3)):
                await asyncio.sleep(0)
            kind = rng.random()
            if kind < 0.1:
                return
            await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo")
            if kind < 0.2:
                return
            await asyncio.sleep(0)
            await wire.send(b"dy")

    async with (
        serve_raw(talk) as served,
        quinde.ClientSession(connector=quinde.TCPConnector(**options)) as client,
    ):
        pool = client.connector._pool  # type: ignore[union-attr]

        async def use() -> None:
            kind = rng.random()
            if kind < 0.5:
                async with client.get(served.url) as response:
                    await response.read()
            elif kind < 0.7:
                async with client.get(served.url):
                    pass
            elif kind < 0.9:
                async with client.post(served.url, data=b"x" * rng.randrange(10)) as response:
                    await response.content.read(1)
            else:
                response = await client.get(served.url, timeout=quinde.ClientTimeout(total=0.001))
                await response.read()

        tasks: list[asyncio.Task[None]] = []
        for _ in range(300 if mode.tls else 1500):  # nearly each has a handshake of its own
            tasks.append(asyncio.create_task(use()))
            if rng.random() < 0.5:
                rng.choice(tasks[-40:]).cancel()
            if rng.random() < 0.3:
                await asyncio.sleep(0)
                pool.assert_consistent()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        pool.assert_consistent()
        statistics = pool.statistics()
        assert (
            statistics["requests_in_flight"],
            statistics["slots_in_use"],
            statistics["requests_waiting"],
        ) == (0, 0, 0)
        unexpected = [
            result
            for result in results
            if result is not None
            and not isinstance(result, quinde.ClientError | TimeoutError | asyncio.CancelledError)
        ]
        assert unexpected == []
        assert await fetch_ok(client, served.url)


async def fetch_ok(client: quinde.ClientSession, url: str) -> bool:
    """Try until the moody server answers: the pool works."""
    for _ in range(50):
        try:
            if await fetch(client, url) == "body":
                return True
        except quinde.ClientError:
            pass
    return False
