from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from quinde.cli.recorder import Record, Recorder
from quinde.cli.timeline import Exchange, Phase
from quinde.net.resolver import AbstractResolver
from tests.support import certs
from tests.support.servers import answering, closed_port, serve_raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.wire import Wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Ticks:
    """A clock that is one second further at each look."""

    def __init__(self) -> None:
        self._ticks = itertools.count(100)

    def __call__(self) -> float:
        return float(next(self._ticks))


class Names(AbstractResolver):
    """Knows every name."""

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> Any:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": 2, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


def names(exchange: Exchange) -> list[str]:
    return [phase.name for phase in exchange.phases]


async def keep_answering(wire: Wire) -> None:
    while await wire.read_until(b"\r\n\r\n"):
        await wire.send(OK)


# --- one record


def test_phases_follow_each_other() -> None:
    record = Record("pikachu", 100.0, Ticks())
    assert record.phase == "queue"
    record.turn_to("connect")
    record.turn_to("connect")  # it goes on
    record.turn_to("wait")
    record.turn_to(None)
    assert record.phase is None
    assert record.exchange().phases == (
        Phase("queue", 0.0, 1.0),
        Phase("connect", 1.0, 2.0),
        Phase("wait", 2.0, 3.0),
    )


def test_what_is_going_on_ends_now() -> None:
    record = Record("pikachu", 100.0, Ticks())
    record.turn_to("read")
    assert record.exchange().phases == (Phase("queue", 0.0, 1.0), Phase("read", 1.0, 2.0))
    assert record.exchange().phases == (Phase("queue", 0.0, 1.0), Phase("read", 1.0, 3.0))


def test_a_phase_that_is_taken_up_again() -> None:
    record = Record("pikachu", 100.0, Ticks())
    record.turn_to("send")
    record.turn_to("wait")
    record.go_back_to("connect")  # not the last one
    record.go_back_to("send")
    record.turn_to("wait")
    record.turn_to(None)
    assert record.exchange().phases[1:] == (Phase("send", 1.0, 3.0), Phase("wait", 3.0, 4.0))


def test_the_first_reason_counts() -> None:
    record = Record("pikachu", 100.0, Ticks())
    record.fail(ValueError("not\nso\x1b[1m"))
    record.fail(ValueError("later"))
    assert record.exchange() == Exchange("pikachu", "", None, "not so[1m", False, (Phase("queue", 0.0, 1.0),))
    other = Record("", 100.0, Ticks())
    other.fail(TimeoutError())
    assert other.error == "TimeoutError"


# --- of requests


async def test_a_connection_is_made_and_used_again() -> None:
    recorder = Recorder()
    connector = quinde.TCPConnector(resolver=Names())
    async with (
        serve_raw(keep_answering) as served,
        quinde.ClientSession(connector=connector, trace_configs=[recorder.config]) as session,
    ):
        url = f"http://quinde.test:{served.port}/a?b=c"
        for _ in range(2):
            async with session.get(url) as response:
                await response.read()
    first, second = recorder.exchanges()
    assert (first.label, first.url, first.status, first.error) == ("GET /a?b=c", url, 200, None)
    assert (first.reused, second.reused) == (False, True)
    assert names(first) == ["queue", "dns", "connect", "send", "wait", "read"]
    assert names(second) == ["queue", "send", "wait", "read"]
    for exchange in (first, second):
        for one, next_one in itertools.pairwise(exchange.phases):
            assert one.start <= one.end == next_one.start
    assert 0 <= first.start <= first.end <= second.start


async def test_an_address_is_not_looked_up() -> None:
    recorder = Recorder()
    async with (
        serve_raw(keep_answering) as served,
        quinde.ClientSession(trace_configs=[recorder.config]) as session,
        session.get(served.url) as response,
    ):
        await response.read()
    (exchange,) = recorder.exchanges()
    assert names(exchange) == ["queue", "connect", "send", "wait", "read"]


async def test_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    certs.secure_all(monkeypatch)
    recorder = Recorder()
    async with (
        serve_raw(keep_answering) as served,
        quinde.ClientSession(trace_configs=[recorder.config]) as session,
        session.get(served.url) as response,
    ):
        await response.read()
    (record,) = recorder.records
    assert names(record.exchange()) == ["queue", "connect", "tls", "send", "wait", "read"]
    assert record.tls is not None
    assert (record.tls[0], record.tls[1][:4]) == ("TLSv1.3", "TLS_")


async def test_record_of_the_programs_own() -> None:
    """The time before the session was asked is queueing too, and the name comes with the answer."""
    ticks = Ticks()
    recorder = Recorder(clock=ticks)
    async with (
        serve_raw(keep_answering) as served,
        quinde.ClientSession(trace_configs=[recorder.config]) as session,
    ):
        record = recorder.begin("#1")
        for _ in range(1000):
            ticks()
        async with session.get(served.url, trace_request_ctx=record) as response:
            record.label = (await response.read()).decode()
    (exchange,) = recorder.exchanges()
    assert exchange.label == "ok"
    assert exchange.phases[0].seconds > 1000


async def test_body_of_the_request_is_sent() -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"0\r\n\r\n")
        await wire.send(OK)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    recorder = Recorder()
    async with (
        serve_raw(talk) as served,
        quinde.ClientSession(trace_configs=[recorder.config]) as session,
        session.post(served.url, data=pieces()) as response,
    ):
        await response.read()
    (exchange,) = recorder.exchanges()
    assert names(exchange) == ["queue", "connect", "send", "wait", "read"]


async def test_redirect_and_repetition_bring_phases_again() -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n")
        await wire.read_until(b"\r\n\r\n")
        await wire.send(OK)

    recorder = Recorder()
    async with (
        serve_raw(talk) as served,
        quinde.ClientSession(trace_configs=[recorder.config]) as session,
        session.get(served.url) as response,
    ):
        await response.read()
    (exchange,) = recorder.exchanges()
    start = ["queue", "connect", "send", "wait"]
    assert names(exchange)[:5] == [*start, "queue"]
    assert names(exchange)[-3:] == ["send", "wait", "read"]
    assert exchange.status == 200


async def test_nobody_listens() -> None:
    recorder = Recorder()
    async with quinde.ClientSession(trace_configs=[recorder.config]) as session:
        with pytest.raises(quinde.ClientConnectorError):
            await session.get(f"http://127.0.0.1:{closed_port()}/")
    (exchange,) = recorder.exchanges()
    assert names(exchange) == ["queue", "connect"]
    assert exchange.status is None
    assert exchange.error is not None
    assert exchange.error.startswith("Cannot connect to host 127.0.0.1")


async def test_status_that_raises() -> None:
    recorder = Recorder()
    async with (
        serve_raw(answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")) as served,
        quinde.ClientSession(trace_configs=[recorder.config], raise_for_status=True) as session,
    ):
        with pytest.raises(quinde.ClientResponseError):
            await session.get(served.url)
    (exchange,) = recorder.exchanges()
    assert exchange.status == 404
    assert exchange.error is not None


async def test_body_that_never_ends_is_being_read() -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(OK[:-1])
        await wire.reader.read()

    recorder = Recorder()
    async with (
        serve_raw(talk) as served,
        quinde.ClientSession(trace_configs=[recorder.config]) as session,
        session.get(served.url) as response,
    ):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(response.read(), 0.01)
    (record,) = recorder.records
    assert record.phase == "read"
    record.fail(TimeoutError())
    assert record.exchange() == record.exchange()
    assert record.exchange().phases[-1].seconds >= 0.01
