"""What `statistics()` of a server and of a connector tells: each counter, moved by what it counts."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from quinde.net.resolver import AbstractResolver
from tests.behaviour.library import application, quinde_only, request, serve, web
from tests.support.servers import answering, closed_port, serve_raw
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from tests.support.modes import Mode
    from tests.support.servers import Served
    from tests.support.wire import Wire

pytestmark = quinde_only

SERVER_KEYS = {
    "connections", "connections_open", "connections_refused", "handshakes", "handshakes_failed",
    "requests", "requests_in_flight", "requests_waiting", "handlers",
    "responses_1xx", "responses_2xx", "responses_3xx", "responses_4xx", "responses_5xx",
    "bytes_received", "bytes_sent", "body_bytes_received", "body_bytes_sent",
    "timeouts_head", "timeouts_body", "timeouts_discard", "timeouts_idle", "timeouts_linger",
    "timeouts_write", "timeouts_handshake",
}  # fmt: skip
CONNECTOR_KEYS = {
    "requests_in_flight", "requests_waiting", "connections_idle", "slots_in_use", "hosts",
    "connections", "connections_failed", "connections_lost", "handshakes", "handshakes_failed",
    "requests", "retries",
    "responses_1xx", "responses_2xx", "responses_3xx", "responses_4xx", "responses_5xx",
    "bytes_received", "bytes_sent", "body_bytes_received", "body_bytes_sent",
    "timeouts_pool", "timeouts_connect", "timeouts_sock_connect", "timeouts_sock_read", "timeouts_write",
    "timeouts_total", "timeouts_handshake",
}  # fmt: skip


async def echo(asked: Any) -> Any:
    return web.Response(body=await asked.read(), status=int(asked.query.get("status", "200")))


def nonzero(counted: dict[str, int], *without: str) -> dict[str, int]:
    """What has been counted, but for some names."""
    return {name: count for name, count in counted.items() if count and name not in without}


async def until(condition: Any) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # counters have no event
            await asyncio.sleep(0.002)


# --- servers ------------------------------------------------------------------------------------------------


def of(served: Served) -> dict[str, int]:
    counted: dict[str, int] = served.runner.server.statistics()
    assert counted.keys() >= SERVER_KEYS
    assert all(type(count) is int and count >= 0 for count in counted.values())
    return counted


async def test_a_server_without_requests_has_counted_nothing() -> None:
    async with serve(application(echo)) as served:
        assert of(served) == dict.fromkeys(SERVER_KEYS, 0)


async def test_a_handler_can_tell_them() -> None:
    async def tell(asked: Any) -> Any:
        return web.json_response(asked.protocol.server.statistics())

    async with serve(application(tell)) as served, open_wire(served) as wire:
        await wire.send(request())
        told = json.loads((await wire.read_answer()).body)
        assert told.keys() == of(served).keys()
        assert (told["connections_open"], told["requests"], told["requests_in_flight"]) == (1, 1, 1)


@pytest.mark.plain("bytes of the wire are more than those that are written")
async def test_requests_connections_and_bytes() -> None:
    async with serve(application(echo)) as served, open_wire(served) as wire:
        data = request("POST", "/", body=b"12345")
        await wire.send(data)
        first = await wire.read_answer()
        await wire.send(request("GET", "/", "Connection: close"))
        rest = await wire.read_to_end()
        sizes = sum(len(f"{name}: {value}\r\n") for name, value in first.raw_headers)
        sent = len("HTTP/1.1 200 OK\r\n") + sizes + len("\r\n12345") + len(rest)
        await until(lambda: of(served)["connections_open"] == 0)
        assert nonzero(of(served)) == {
            "connections": 1,
            "requests": 2,
            "responses_2xx": 2,
            "bytes_received": len(data) + len(request("GET", "/", "Connection: close")),
            "bytes_sent": sent,
            "body_bytes_received": 5,
            "body_bytes_sent": 5,
        }


@pytest.mark.plain("bytes of the wire are more than those that are written")
async def test_open_connections_count_as_they_go() -> None:
    async with serve(application(echo)) as served, open_wire(served) as wire, open_wire(served) as other:
        for one in (wire, other):
            await one.send(request("POST", "/", body=b"12"))
            await one.read_answer()
        counted = of(served)
        assert (counted["connections"], counted["connections_open"]) == (2, 2)
        assert (counted["responses_2xx"], counted["body_bytes_received"]) == (2, 4)
        assert counted["bytes_received"] == 2 * len(request("POST", "/", body=b"12"))


@pytest.mark.parametrize(("status", "name"), [(200, "2xx"), (302, "3xx"), (404, "4xx"), (503, "5xx")])
async def test_responses_by_class_of_status(status: int, name: str) -> None:
    async with serve(application(echo)) as served, open_wire(served) as wire:
        await wire.send(request("GET", f"/?status={status}"))
        await wire.read_answer()
        counted = of(served)
        assert {key: counted[key] for key in counted if key.startswith("responses") and counted[key]} == {
            f"responses_{name}": 1
        }


async def test_switched_protocols_count_as_1xx() -> None:
    async def switch(asked: Any) -> Any:
        response = web.StreamResponse(status=101, headers={"Upgrade": "test", "Connection": "upgrade"})
        await response.prepare(asked)
        return response

    async with serve(application(switch)) as served, open_wire(served) as wire:
        await wire.send(request("GET", "/", "Upgrade: test", "Connection: upgrade"))
        await wire.read_until(b"\r\n\r\n")
        assert of(served)["responses_1xx"] == 1


async def test_what_is_in_flight_and_what_waits() -> None:
    gate = asyncio.Event()

    async def wait(_asked: Any) -> Any:
        await gate.wait()
        return web.Response()

    async with serve(application(wait)) as served, open_wire(served) as wire, open_wire(served) as other:
        await wire.send(request() * 4)
        await other.send(request())
        await until(lambda: of(served)["requests_waiting"] == 3)
        await until(lambda: of(served)["handlers"] == 2)
        counted = of(served)
        assert (counted["requests"], counted["requests_in_flight"]) == (2, 2)
        gate.set()
        for one in [wire] * 4 + [other]:
            await one.read_answer()
        counted = of(served)
        assert (counted["requests"], counted["responses_2xx"]) == (5, 5)
        assert (counted["requests_in_flight"], counted["requests_waiting"], counted["handlers"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "missing_host"),
        (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", "bad_version"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", "request_line_too_long"),
    ],
)
async def test_refusals_by_reason(data: bytes, reason: str) -> None:
    async with serve(application(echo)) as served, open_wire(served) as wire:
        await wire.send(data)
        await wire.read_to_end()
        counted = of(served)
        assert {name: counted[name] for name in counted.keys() - SERVER_KEYS} == {f"refused_{reason}": 1}
        assert (counted["requests"], counted["responses_4xx"] + counted["responses_5xx"]) == (0, 1)


@pytest.mark.plain("asyncio's TLS does not linger")
@pytest.mark.parametrize(
    ("phase", "data", "options"),
    [
        ("idle", b"", {"keepalive_timeout": 0.05}),
        ("head", b"GET / HT", {"head_timeout": 0.05}),
        ("body", request("POST", "/", "Content-Length: 9"), {"body_timeout": 0.05}),
        ("linger", b"nonsense\r\n\r\n", {"lingering_time": 0.05}),
    ],
)
async def test_timeouts_by_phase(phase: str, data: bytes, options: Any) -> None:
    async with serve(application(echo), **options) as served, open_wire(served) as wire:
        await wire.send(data)
        await until(lambda: of(served)[f"timeouts_{phase}"] == 1)
        counted = of(served)
        others = {f"timeouts_{name}" for name in ("idle", "head", "body")} - {f"timeouts_{phase}"}
        assert not any(counted[name] for name in others)


async def test_connections_after_the_end_are_refused(mode: Any) -> None:
    if mode.backend == "reactor":
        pytest.skip("the core's own listener is closed before the service stops")
    server = web.Server(echo, access_log=None)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    server.pre_shutdown()
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    assert await reader.read() == b""
    writer.close()
    listener.close()
    assert nonzero(server.statistics()) == {"connections": 1, "connections_refused": 1}


# --- connectors ---------------------------------------------------------------------------------------------


def counted_by(session: quinde.ClientSession) -> dict[str, int]:
    assert session.connector is not None
    counted = session.connector.statistics()
    assert counted.keys() >= CONNECTOR_KEYS
    assert all(type(count) is int and count >= 0 for count in counted.values())
    return counted


async def test_a_connector_counts_what_the_server_does() -> None:
    async with serve(application(echo)) as served, quinde.ClientSession() as session:
        assert counted_by(session) == dict.fromkeys(CONNECTOR_KEYS, 0)
        for status in (200, 200, 404):
            async with session.post(f"{served.url}/?status={status}", data=b"12345") as response:
                await response.read()
        ours, theirs = counted_by(session), of(served)
        assert (ours["connections"], ours["requests"], ours["connections_idle"], ours["hosts"]) == (
            1,
            3,
            1,
            1,
        )
        assert (ours["responses_2xx"], ours["responses_4xx"]) == (2, 1)
        assert (ours["bytes_sent"], ours["bytes_received"]) == (
            theirs["bytes_received"],
            theirs["bytes_sent"],
        )
        assert (ours["body_bytes_sent"], ours["body_bytes_received"]) == (15, 15)
        connector = session.connector
    assert connector is not None
    await until(lambda: of_gone(connector) == (1, 3, 15))  # kept when the connections have gone


def of_gone(connector: quinde.BaseConnector) -> tuple[int, int, int]:
    counted = connector.statistics()
    return counted["connections"], counted["requests"], counted["body_bytes_received"]


async def test_connectors_count_apart() -> None:
    async with serve(application(echo)) as served:
        async with quinde.ClientSession() as first, quinde.ClientSession() as second:
            async with first.get(served.url), second.get(served.url), second.get(served.url):
                assert counted_by(first)["requests"] == 1
                assert counted_by(second)["requests"] == 2
                assert counted_by(second)["responses_2xx"] == 2


async def test_slots_and_waiters() -> None:
    gate = asyncio.Event()

    async def wait(_asked: Any) -> Any:
        await gate.wait()
        return web.Response()

    async with serve(application(wait)) as served:
        async with quinde.ClientSession(connector=quinde.TCPConnector(limit=1)) as session:
            requests = [asyncio.create_task(session.get(served.url)) for _ in range(3)]
            await until(lambda: counted_by(session)["requests"] == 1)
            counted = counted_by(session)
            assert (counted["requests_in_flight"], counted["requests_waiting"]) == (1, 2)
            assert counted["slots_in_use"] == 1
            gate.set()
            for task in requests:
                await (await task).read()
            assert nonzero(counted_by(session), "bytes_sent", "bytes_received", "handshakes") == {
                "connections": 1, "requests": 3, "responses_2xx": 3, "connections_idle": 1, "hosts": 1,
            }  # fmt: skip


async def test_handshakes_are_counted_at_both_ends(mode: Mode) -> None:
    async with serve(application(echo)) as served, quinde.ClientSession() as session:
        for _ in range(2):  # the second on the same connection
            async with session.get(served.url) as response:
                await response.read()
        for counted in (counted_by(session), of(served)):
            assert (counted["handshakes"], counted["handshakes_failed"]) == (int(mode.tls), 0)


async def test_failed_connections() -> None:
    async with quinde.ClientSession() as session:
        with pytest.raises(quinde.ClientConnectorError):
            await session.get(f"http://127.0.0.1:{closed_port()}")
        assert nonzero(counted_by(session)) == {"connections_failed": 1}


async def test_retries() -> None:
    """A kept connection that ends when it is used again: the request goes out once more."""
    seen = 0

    async def talk(wire: Wire) -> None:
        nonlocal seen
        await wire.read_until(b"\r\n\r\n")
        seen += 1
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await wire.read_until(b"\r\n\r\n")

    async with serve_raw(talk) as served, quinde.ClientSession() as session:
        for _ in range(2):
            async with session.get(served.url) as response:
                assert await response.text() == "ok"
        counted = counted_by(session)
        assert (counted["retries"], counted["requests"], counted["connections"]) == (1, 3, 2)
        async with session.request("GET", served.url, headers={"A": "b"}) as response:
            assert await response.text() == "ok"
        counted = counted_by(session)
        assert (counted["retries"], counted["requests"], counted["connections"]) == (2, 5, 3)


async def test_refused_responses() -> None:
    async with serve_raw(answering(b"HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n")) as served:
        async with quinde.ClientSession() as session:
            with pytest.raises(quinde.ClientResponseError):
                await session.get(served.url)
            assert counted_by(session)["refused_bad_field_name"] == 1


async def silence(wire: Wire) -> None:
    """Say nothing."""
    await wire.reader.read()


async def test_timeouts_on_the_wire() -> None:
    async with serve_raw(silence) as served, quinde.ClientSession() as session:
        with pytest.raises(TimeoutError):
            await session.get(served.url, timeout=quinde.ClientTimeout(sock_read=0.02))
        assert nonzero_timeouts(session) == {"timeouts_sock_read": 1}


async def test_timeout_of_a_whole_request() -> None:
    async def answer_once(wire: Wire) -> None:
        await answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")(wire)
        await silence(wire)

    async with serve_raw(answer_once) as served, quinde.ClientSession() as session:
        async with session.get(served.url):
            pass  # a connection is there: a handshake may take longer than the second request
        with pytest.raises(TimeoutError):
            await session.get(served.url, timeout=quinde.ClientTimeout(total=0.02))
        assert nonzero_timeouts(session) == {"timeouts_total": 1}


async def test_timeouts_of_the_pool() -> None:
    async with serve_raw(silence) as served:
        async with quinde.ClientSession(connector=quinde.TCPConnector(limit=1)) as session:
            first = asyncio.create_task(session.get(served.url))
            await until(lambda: counted_by(session)["requests"] == 1)
            for timeout in (quinde.ClientTimeout(connect=0.02), quinde.ClientTimeout(total=0.02)):
                with pytest.raises(TimeoutError):
                    await session.get(served.url, timeout=timeout)
            assert nonzero_timeouts(session) == {"timeouts_pool": 2}
            first.cancel()
            with suppress(asyncio.CancelledError):
                await first


class NeverResolves(AbstractResolver):
    """Takes for ever."""

    async def resolve(self, *_args: Any, **_options: Any) -> Any:
        await asyncio.get_running_loop().create_future()

    async def close(self) -> None: ...


async def test_timeouts_of_connecting() -> None:
    connector = quinde.TCPConnector(resolver=NeverResolves())
    async with quinde.ClientSession(connector=connector) as session:
        with pytest.raises(TimeoutError):
            await session.get("http://example.test", timeout=quinde.ClientTimeout(connect=0.02))
        assert nonzero_timeouts(session) == {"timeouts_connect": 1}


async def test_timeouts_of_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_args: Any, **_options: Any) -> Any:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr("aiohappyeyeballs.start_connection", never)
    async with quinde.ClientSession() as session:
        with pytest.raises(TimeoutError):
            await session.get("http://127.0.0.1:9", timeout=quinde.ClientTimeout(sock_connect=0.02))
        assert nonzero_timeouts(session) == {"timeouts_sock_connect": 1}


def nonzero_timeouts(session: quinde.ClientSession) -> dict[str, int]:
    return {
        name: count for name, count in counted_by(session).items() if count and name.startswith("timeouts")
    }
