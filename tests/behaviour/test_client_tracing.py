"""What traces are told of requests, in which order. Tests that take `lib` run on aiohttp too."""

from __future__ import annotations

import asyncio
import functools
import socket
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from quinde.net.resolver import AbstractResolver
from tests.behaviour.test_client_pool import counting
from tests.behaviour.test_client_redirects import redirecting
from tests.behaviour.test_client_requests import OK, read_request, recording
from tests.support.servers import answering, closed_port, serve_raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.servers import Served
    from tests.support.wire import Wire

EVENTS = (
    *("request_start", "request_headers_sent", "request_chunk_sent", "response_chunk_received"),
    *("request_end", "request_exception", "request_redirect"),
    *("connection_queued_start", "connection_queued_end"),
    *("connection_create_start", "connection_create_end", "connection_reuseconn"),
    *("dns_resolvehost_start", "dns_resolvehost_end", "dns_cache_hit", "dns_cache_miss"),
)
OWN_EVENTS = ("socket_connect_start", "socket_connect_end", "tls_handshake_start", "tls_handshake_end")

CREATED = ["connection_create_start", "connection_create_end"]
QUEUED = ["connection_queued_start", "connection_queued_end"]
REUSED = ["connection_reuseconn"]
ANSWERED = ["request_headers_sent", "request_end", "response_chunk_received"]


@pytest.fixture
def lib() -> Any:
    """The library under test."""
    return quinde


class Log:
    """Keeps all that a `TraceConfig` is told."""

    def __init__(self, lib: Any, events: tuple[str, ...] = EVENTS, factory: Any = SimpleNamespace) -> None:
        self.config = lib.TraceConfig(trace_config_ctx_factory=factory)
        self.told: list[tuple[str, Any, Any, Any]] = []
        self.seen = asyncio.Event()
        for event in events:
            getattr(self.config, f"on_{event}").append(functools.partial(self._note, event))

    async def _note(self, event: str, session: Any, context: Any, params: Any) -> None:
        self.told.append((event, session, context, params))
        self.seen.set()

    @property
    def names(self) -> list[str]:
        """The events in order."""
        return [event for event, *_ in self.told]

    def params(self, event: str) -> list[Any]:
        """What all events of a name were told."""
        return [params for name, _, _, params in self.told if name == event]

    async def wait_for(self, event: str) -> None:
        """Wait until an event is there."""
        while event not in self.names:
            self.seen.clear()
            await self.seen.wait()


class Names(AbstractResolver):
    """Knows every name at the loopback; answers when the gate opens."""

    def __init__(self, error: OSError | None = None) -> None:
        self.error = error
        self.gate = asyncio.Event()
        self.gate.set()

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> Any:
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": 2, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


def named(served: Served, host: str = "quinde.test") -> str:
    """The URL of a server by a name that only `Names` knows."""
    return served.url.replace(served.host, host)


async def fetch(client: Any, url: str, method: str = "GET", **options: Any) -> Any:
    """Make one request, and read its body."""
    async with client.request(method, url, **options) as response:
        await response.read()
        return response


# --- the order of events


async def test_a_connection_is_made_and_used_again(lib: Any) -> None:
    log = Log(lib)
    async with recording() as (served, _), lib.ClientSession(trace_configs=[log.config]) as client:
        await fetch(client, served.url)
        assert log.names == ["request_start", *CREATED, *ANSWERED]
        log.told.clear()
        await fetch(client, served.url)
        assert log.names == ["request_start", *REUSED, *ANSWERED]


async def test_redirect(lib: Any) -> None:
    log = Log(lib)
    async with redirecting({"/a?p=0": (302, "/b?q=1")}) as (served, _):
        async with lib.ClientSession(trace_configs=[log.config]) as client:
            response = await fetch(client, served.url + "/a", params={"p": "0"})
    redirect = ["request_headers_sent", "request_redirect"]
    assert log.names[:5] == ["request_start", *CREATED, *redirect]
    assert log.names[-3:] == ANSWERED
    # The first answer's body may still be on its way when the second request starts.
    assert log.names[5:-3] in (REUSED, CREATED)
    assert [params.url.path_qs for params in log.params("request_headers_sent")] == ["/a?p=0", "/b?q=1"]
    (redirected,) = log.params("request_redirect")
    assert (redirected.method, redirected.url.path_qs, redirected.response.status) == ("GET", "/a?p=0", 302)
    (ended,) = log.params("request_end")
    assert (ended.url.path_qs, ended.response) == ("/b?q=1", response)


async def test_redirect_without_a_location(lib: Any) -> None:
    log = Log(lib)
    async with redirecting({"/a": (302, None)}) as (served, _):
        async with lib.ClientSession(trace_configs=[log.config]) as client:
            await fetch(client, served.url + "/a")
    assert log.names == [
        *("request_start", *CREATED, "request_headers_sent", "request_redirect"),
        *("request_end", "response_chunk_received"),
    ]


async def test_too_many_redirects(lib: Any) -> None:
    log = Log(lib)
    async with redirecting({"/a": (302, "/a")}) as (served, _):
        async with lib.ClientSession(trace_configs=[log.config]) as client:
            with pytest.raises(lib.TooManyRedirects) as caught:
                await fetch(client, served.url + "/a", max_redirects=2)
    assert log.names.count("request_redirect") == 2
    assert log.names[-2:] == ["request_redirect", "request_exception"]
    assert log.params("request_exception")[0].exception is caught.value


async def test_body_in_one_piece(lib: Any) -> None:
    log = Log(lib)
    async with recording() as (served, requests), lib.ClientSession(trace_configs=[log.config]) as client:
        await fetch(client, served.url + "/up", "POST", data=b"all of it")
    sent = ["request_headers_sent", "request_chunk_sent"]
    assert log.names == ["request_start", *CREATED, *sent, "request_end", "response_chunk_received"]
    (chunk,) = log.params("request_chunk_sent")
    assert (chunk.method, str(chunk.url), chunk.chunk) == ("POST", served.url + "/up", b"all of it")
    assert requests[0].body == b"all of it"


@pytest.mark.parametrize(("body", "chunks"), [(b"", [b""]), (None, [])])
async def test_body_that_is_empty(lib: Any, body: bytes | None, chunks: list[bytes]) -> None:
    log = Log(lib)
    async with recording() as (served, _), lib.ClientSession(trace_configs=[log.config]) as client:
        await fetch(client, served.url, "POST", data=body)
    assert [params.chunk for params in log.params("request_chunk_sent")] == chunks


@pytest.mark.parametrize("chunked", [None, True])
async def test_large_body(lib: Any, chunked: bool | None) -> None:
    log = Log(lib)
    async with recording() as (served, _), lib.ClientSession(trace_configs=[log.config]) as client:
        await fetch(client, served.url, "POST", data=bytes(500_000), chunked=chunked)
    assert [len(params.chunk) for params in log.params("request_chunk_sent")] == [500_000]


@pytest.mark.parametrize("expect100", [False, True])
async def test_body_in_pieces(lib: Any, expect100: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b""
        yield b"two"

    async def talk(wire: Wire) -> None:
        if expect100:
            await wire.read_until(b"\r\n\r\n")
            await wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await wire.read_until(b"0\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    log = Log(lib)
    async with serve_raw(talk) as served, lib.ClientSession(trace_configs=[log.config]) as client:
        await fetch(client, served.url, "PUT", data=pieces(), expect100=expect100)
    sent = ["request_headers_sent", *["request_chunk_sent"] * 3]
    assert log.names == ["request_start", *CREATED, *sent, "request_end", "response_chunk_received"]
    assert [params.chunk for params in log.params("request_chunk_sent")] == [b"one", b"", b"two"]


async def test_waiting_for_a_place(lib: Any) -> None:
    first, second = Log(lib), Log(lib)
    connector = lib.TCPConnector(limit=1)
    async with counting() as (served, counts), connector:
        one = lib.ClientSession(connector=connector, connector_owner=False, trace_configs=[first.config])
        two = lib.ClientSession(connector=connector, connector_owner=False, trace_configs=[second.config])
        counts.gate.clear()
        async with one, two, asyncio.TaskGroup() as group:
            group.create_task(fetch(one, served.url))
            await first.wait_for("request_headers_sent")
            group.create_task(fetch(two, served.url))
            await second.wait_for("connection_queued_start")
            counts.gate.set()
        assert first.names == ["request_start", *CREATED, *ANSWERED]
        assert second.names == ["request_start", *QUEUED, *REUSED, *ANSWERED]


async def test_waiting_for_a_place_in_vain(lib: Any) -> None:
    first, second = Log(lib), Log(lib)
    connector = lib.TCPConnector(limit=1)
    async with counting() as (served, counts), connector:
        one = lib.ClientSession(connector=connector, connector_owner=False, trace_configs=[first.config])
        two = lib.ClientSession(connector=connector, connector_owner=False, trace_configs=[second.config])
        counts.gate.clear()
        async with one, two, asyncio.TaskGroup() as group:
            group.create_task(fetch(one, served.url))
            await first.wait_for("request_headers_sent")
            with pytest.raises(lib.ConnectionTimeoutError):
                await fetch(two, served.url, timeout=lib.ClientTimeout(connect=0.01))
            counts.gate.set()
    assert second.names == ["request_start", "connection_queued_start", "request_exception"]


async def test_nobody_listens(lib: Any) -> None:
    log = Log(lib)
    async with lib.ClientSession(trace_configs=[log.config]) as client:
        with pytest.raises(lib.ClientConnectorError) as caught:
            await fetch(client, f"http://127.0.0.1:{closed_port()}/")
    assert log.names == ["request_start", "connection_create_start", "request_exception"]
    (failed,) = log.params("request_exception")
    assert (failed.method, failed.url.path, failed.exception) == ("GET", "/", caught.value)


async def test_server_goes_away(lib: Any) -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")

    log = Log(lib)
    async with serve_raw(talk) as served, lib.ClientSession(trace_configs=[log.config]) as client:
        with pytest.raises(lib.ServerDisconnectedError):
            await fetch(client, served.url, "POST")
    assert log.names == ["request_start", *CREATED, "request_headers_sent", "request_exception"]


async def test_request_is_repeated_on_another_connection(lib: Any) -> None:
    async def talk(wire: Wire) -> None:
        await read_request(wire)
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await read_request(wire)  # and no answer

    log = Log(lib)
    async with serve_raw(talk) as served, lib.ClientSession(trace_configs=[log.config]) as client:
        await fetch(client, served.url)
        log.told.clear()
        await fetch(client, served.url)
    assert log.names == ["request_start", *REUSED, "request_headers_sent", *CREATED, *ANSWERED]


@pytest.mark.parametrize("limit", ["total", "sock_read"])
async def test_server_hangs(lib: Any, limit: str) -> None:
    async def talk(wire: Wire) -> None:
        await wire.reader.read()

    log = Log(lib)
    async with serve_raw(talk) as served, lib.ClientSession(trace_configs=[log.config]) as client:
        with pytest.raises(TimeoutError) as caught:
            await fetch(client, served.url, timeout=lib.ClientTimeout(**{limit: 0.05}))
    assert log.names == ["request_start", *CREATED, "request_headers_sent", "request_exception"]
    assert log.params("request_exception")[0].exception is caught.value


async def test_request_is_cancelled(lib: Any) -> None:
    async def talk(wire: Wire) -> None:
        await wire.reader.read()

    log = Log(lib)
    async with serve_raw(talk) as served, lib.ClientSession(trace_configs=[log.config]) as client:
        task = asyncio.create_task(fetch(client, served.url))
        await log.wait_for("request_headers_sent")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert log.names[-1] == "request_exception"
    assert isinstance(log.params("request_exception")[0].exception, asyncio.CancelledError)


async def test_status_that_raises(lib: Any) -> None:
    log = Log(lib)
    async with redirecting({"/a": (404, None)}) as (served, _):
        async with lib.ClientSession(trace_configs=[log.config], raise_for_status=True) as client:
            with pytest.raises(lib.ClientResponseError):
                await fetch(client, served.url + "/a")
    assert log.names == ["request_start", *CREATED, "request_headers_sent", "request_exception"]
    assert log.params("request_exception")[0].exception.status == 404


async def test_urls_that_cannot_be_fetched(lib: Any) -> None:
    log = Log(lib)
    async with lib.ClientSession(trace_configs=[log.config]) as client:
        with pytest.raises(lib.NonHttpUrlClientError):
            await fetch(client, "ftp://quinde.test/")
        assert log.names == []
        with pytest.raises(lib.InvalidUrlClientError):
            await fetch(client, "http:///path")
        assert log.names == ["request_start", "request_exception"]


# --- names of hosts


async def test_names_are_remembered(lib: Any) -> None:
    log = Log(lib)
    connector = lib.TCPConnector(resolver=Names(), force_close=True)
    async with recording() as (served, _):
        async with lib.ClientSession(connector=connector, trace_configs=[log.config]) as client:
            await fetch(client, named(served))
            await fetch(client, named(served))
    start, end = CREATED
    looked_up = ["dns_cache_miss", "dns_resolvehost_start", "dns_resolvehost_end"]
    assert log.names == [
        *("request_start", start, *looked_up, end, *ANSWERED),
        *("request_start", start, "dns_cache_hit", end, *ANSWERED),
    ]
    for event in (*looked_up, "dns_cache_hit"):
        assert [params.host for params in log.params(event)] == ["quinde.test"]


async def test_names_are_not_remembered(lib: Any) -> None:
    log = Log(lib)
    connector = lib.TCPConnector(resolver=Names(), use_dns_cache=False)
    async with recording() as (served, _):
        async with lib.ClientSession(connector=connector, trace_configs=[log.config]) as client:
            await fetch(client, named(served))
    start, end = CREATED
    assert log.names[1:5] == [start, "dns_resolvehost_start", "dns_resolvehost_end", end]


async def test_one_lookup_for_all(lib: Any) -> None:
    first, second = Log(lib), Log(lib)
    names = Names()
    connector = lib.TCPConnector(resolver=names)
    async with recording() as (served, _), connector:
        one = lib.ClientSession(connector=connector, connector_owner=False, trace_configs=[first.config])
        two = lib.ClientSession(connector=connector, connector_owner=False, trace_configs=[second.config])
        names.gate.clear()
        async with one, two, asyncio.TaskGroup() as group:
            group.create_task(fetch(one, named(served)))
            await first.wait_for("dns_resolvehost_start")
            group.create_task(fetch(two, named(served)))
            await second.wait_for("dns_cache_hit")
            names.gate.set()
    start, end = CREATED
    looked_up = ["dns_cache_miss", "dns_resolvehost_start", "dns_resolvehost_end"]
    assert first.names == ["request_start", start, *looked_up, end, *ANSWERED]
    assert second.names == ["request_start", start, "dns_cache_hit", end, *ANSWERED]


@pytest.mark.parametrize("use_dns_cache", [True, False])
async def test_unknown_host(lib: Any, use_dns_cache: bool) -> None:
    log = Log(lib)
    names = Names(socket.gaierror(socket.EAI_NONAME, "no such name"))
    connector = lib.TCPConnector(resolver=names, use_dns_cache=use_dns_cache)
    async with lib.ClientSession(connector=connector, trace_configs=[log.config]) as client:
        with pytest.raises(lib.ClientConnectorError):
            await fetch(client, "http://quinde.test/")
    miss = ["dns_cache_miss"] if use_dns_cache else []
    start = ["request_start", "connection_create_start"]
    assert log.names == [*start, *miss, "dns_resolvehost_start", "request_exception"]


# --- what is told


async def test_what_each_event_is_told(lib: Any) -> None:
    log = Log(lib)
    async with recording() as (served, requests), lib.ClientSession(trace_configs=[log.config]) as client:
        response = await fetch(client, served.url + "/p#f", headers={"A": "b"}, params={"q": "1"})
    assert {session for _, session, _, _ in log.told} == {client}
    (start,), (sent,), (end,) = map(log.params, ("request_start", "request_headers_sent", "request_end"))
    assert (start.method, str(start.url), dict(start.headers)) == (
        *("GET", served.url + "/p?q=1#f"),
        {"A": "b"},
    )
    assert (sent.method, str(sent.url)) == ("GET", served.url + "/p?q=1")
    assert list(sent.headers.items()) == requests[0].fields
    assert (end.method, str(end.url), dict(end.headers)) == ("GET", str(start.url), {"A": "b"})
    assert end.response is response
    (received,) = log.params("response_chunk_received")
    assert (received.method, str(received.url), received.chunk) == ("GET", served.url + "/p?q=1", b"ok")


async def test_fields_may_be_changed_at_the_start(lib: Any) -> None:
    async def sign(_session: Any, _context: Any, params: Any) -> None:
        params.headers["Signature"] = f"{params.method} {params.url.path}"
        del params.headers["Secret"]

    config = lib.TraceConfig()
    config.on_request_start.append(sign)
    async with recording() as (served, requests):
        async with lib.ClientSession(trace_configs=[config], headers={"Secret": "1"}) as client:
            await fetch(client, served.url + "/p")
            assert client.headers == {"Secret": "1"}
    assert requests[0].all("Signature") == ["GET /p"]
    assert requests[0].all("Secret") == []


async def test_one_context_for_each_request(lib: Any) -> None:
    made: list[Any] = []

    def make(trace_request_ctx: Any) -> Any:
        made.append(SimpleNamespace(asked=trace_request_ctx))
        return made[-1]

    log = Log(lib, factory=make)
    async with redirecting({"/a": (302, "/b")}) as (served, _):
        async with lib.ClientSession(trace_configs=[log.config]) as client:
            await fetch(client, served.url + "/a", trace_request_ctx={"number": 1})
            await fetch(client, served.url)
    assert [context.asked for context in made] == [{"number": 1}, None]
    first = log.names.index("response_chunk_received") + 1
    assert {id(context) for _, _, context, _ in log.told[:first]} == {id(made[0])}
    assert {id(context) for _, _, context, _ in log.told[first:]} == {id(made[1])}


async def test_context_without_a_factory(lib: Any) -> None:
    log = Log(lib)
    async with recording() as (served, _), lib.ClientSession(trace_configs=[log.config]) as client:
        await fetch(client, served.url, trace_request_ctx="mine")
    assert {context.trace_request_ctx for _, _, context, _ in log.told} == {"mine"}


async def test_configs_are_told_one_after_the_other(lib: Any) -> None:
    order: list[tuple[int, str]] = []

    def note(number: int, event: str) -> Any:
        async def handler(*_: Any) -> None:
            order.append((number, event))

        return handler

    configs = [lib.TraceConfig(), lib.TraceConfig()]
    for number, config in enumerate(configs):
        for event in EVENTS:
            getattr(config, f"on_{event}").append(note(number, event))
    connector = lib.TCPConnector(resolver=Names())
    async with recording() as (served, _):
        async with lib.ClientSession(connector=connector, trace_configs=configs) as client:
            await fetch(client, named(served), "POST", data=b"x")
    assert [event for number, event in order if number == 0] == order_of(order, 1)
    assert [number for number, _ in order] == [0, 1] * (len(order) // 2)


def order_of(order: list[tuple[int, str]], number: int) -> list[str]:
    return [event for each, event in order if each == number]


async def test_body_is_told_once_and_only_where_it_is_read_as_a_whole(lib: Any) -> None:
    log = Log(lib)
    async with recording() as (served, _), lib.ClientSession(trace_configs=[log.config]) as client:
        async with client.get(served.url) as response:
            assert await response.text() == "ok"
            assert await response.read() == b"ok"
        assert log.names.count("response_chunk_received") == 1
        log.told.clear()
        async with client.get(served.url) as response:
            assert [piece async for piece in response.content.iter_any()] == [b"ok"]
        assert "response_chunk_received" not in log.names


async def test_body_is_told_decoded(lib: Any) -> None:
    import gzip

    async def talk(wire: Wire) -> None:
        await read_request(wire)
        body = gzip.compress(b"hello")
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        await wire.send(head.encode() + body)

    log = Log(lib)
    async with serve_raw(talk) as served, lib.ClientSession(trace_configs=[log.config]) as client:
        await fetch(client, served.url)
    assert [params.chunk for params in log.params("response_chunk_received")] == [b"hello"]


async def test_middlewares_make_requests_of_their_own(lib: Any) -> None:
    async def twice(request: Any, handler: Any) -> Any:
        first = await handler(request)
        await first.read()
        return await handler(request)

    log = Log(lib)
    async with recording() as (served, _):
        async with lib.ClientSession(trace_configs=[log.config], middlewares=[twice]) as client:
            await fetch(client, served.url)
    sent = "request_headers_sent"
    once = ["request_start", *CREATED, sent, "response_chunk_received"]
    assert log.names == [*once, *REUSED, *ANSWERED]


# --- configs


async def test_configs_are_frozen_by_the_session(lib: Any) -> None:
    config = lib.TraceConfig()
    async with lib.ClientSession(trace_configs=[config]) as client:
        assert client.trace_configs == [config]
        for event in EVENTS:
            with pytest.raises(RuntimeError, match="frozen"):
                getattr(config, f"on_{event}").append(print)
    async with lib.ClientSession() as client:
        assert client.trace_configs == []


async def test_config_that_comes_late(lib: Any) -> None:
    log = Log(lib)
    async with recording() as (served, _), lib.ClientSession() as client:
        await fetch(client, served.url)
        configs = client.trace_configs
        await fetch(client, served.url)
        configs.append(log.config)
        with pytest.raises(RuntimeError, match="non-frozen"):
            await fetch(client, served.url)
        log.config.freeze()
        await fetch(client, served.url)
    assert log.names == ["request_start", *REUSED, *ANSWERED]


async def test_signals_cannot_be_replaced(lib: Any) -> None:
    with pytest.raises(AttributeError):
        lib.TraceConfig().on_request_start = []


@pytest.mark.parametrize("event", ["request_start", "request_end", "connection_create_start"])
async def test_handler_that_fails_ends_the_request(lib: Any, event: str) -> None:
    async def fail(*_: Any) -> None:
        raise ZeroDivisionError(event)

    log = Log(lib, events=("request_exception",))
    getattr(log.config, f"on_{event}").append(fail)
    async with recording() as (served, _), lib.ClientSession(trace_configs=[log.config]) as client:
        with pytest.raises(ZeroDivisionError):
            await fetch(client, served.url)
    assert log.names == ([] if event == "request_start" else ["request_exception"])


# --- quinde's own


async def test_socket_and_tls() -> None:
    log = Log(quinde, (*EVENTS, *OWN_EVENTS))
    connector = quinde.TCPConnector(resolver=Names())
    async with recording() as (served, _):
        async with quinde.ClientSession(connector=connector, trace_configs=[log.config]) as client:
            await fetch(client, named(served))
    start, end = CREATED
    looked_up = ["dns_cache_miss", "dns_resolvehost_start", "dns_resolvehost_end"]
    secured = ["tls_handshake_start", "tls_handshake_end"] if served.tls else []
    opened = ["socket_connect_start", "socket_connect_end", *secured]
    assert log.names == ["request_start", start, *looked_up, *opened, end, *ANSWERED]
    (begun,), (connected,) = log.params("socket_connect_start"), log.params("socket_connect_end")
    assert begun.host == connected.host == "quinde.test"
    assert connected.address == (served.host, served.port)
    for params in log.params("tls_handshake_start") + log.params("tls_handshake_end"):
        assert params.host == "quinde.test"
    for params in log.params("tls_handshake_end"):
        assert params.ssl_object.version() == "TLSv1.3"


async def test_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    log = Log(quinde, (*EVENTS, *OWN_EVENTS))
    async with serve_raw(answering(OK), path) as served:
        connector = quinde.UnixConnector(path)
        async with quinde.ClientSession(connector=connector, trace_configs=[log.config]) as client:
            await fetch(client, f"{'https' if served.tls else 'http'}://quinde.test/")
    start, end = CREATED
    secured = ["tls_handshake_start", "tls_handshake_end"] if served.tls else []
    opened = ["socket_connect_start", "socket_connect_end", *secured]
    assert log.names == ["request_start", start, *opened, end, *ANSWERED]
    assert [params.host for params in log.params("socket_connect_start")] == [path]


async def test_handshake_that_fails() -> None:
    log = Log(quinde, OWN_EVENTS)

    async def talk(wire: Wire) -> None:
        await wire.send(b"this is no TLS" * 100)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tests.support.certs._secured", False)
        async with serve_raw(talk) as served, quinde.ClientSession(trace_configs=[log.config]) as client:
            with pytest.raises(quinde.ClientConnectorSSLError):
                await fetch(client, f"https://{served.host}:{served.port}/")
    assert log.names == ["socket_connect_start", "socket_connect_end", "tls_handshake_start"]


HELD = tuple(
    event
    for event in (*EVENTS, *OWN_EVENTS)
    # In these nothing is held, or they do not come in the scene below.
    if event not in {"request_start", "request_exception", "request_redirect", "dns_cache_hit"}
)


@pytest.mark.parametrize("cancelled", [False, True], ids=["fails", "is-cancelled"])
@pytest.mark.parametrize("event", HELD)
async def test_nothing_is_left_when_a_handler_ends_the_request(event: str, cancelled: bool) -> None:
    async def end(*_: Any) -> None:
        if cancelled:
            raise asyncio.CancelledError
        raise ZeroDivisionError(event)

    queued = asyncio.Event()

    async def note(*_: Any) -> None:
        queued.set()

    config = quinde.TraceConfig()
    config.on_connection_queued_start.append(note)
    getattr(config, f"on_{event}").append(end)
    connector = quinde.TCPConnector(resolver=Names(), limit=1)
    plain = quinde.ClientSession(connector=connector, connector_owner=False)
    traced = quinde.ClientSession(connector=connector, connector_owner=False, trace_configs=[config])
    async with counting() as (served, counts), connector, plain, traced:
        if event.startswith("tls") and not served.tls:
            return
        if event == "connection_reuseconn":
            await fetch(plain, named(served))
        if event.startswith("connection_queued"):
            log = Log(quinde, ("request_headers_sent",))
            first = quinde.ClientSession(
                connector=connector, connector_owner=False, trace_configs=[log.config]
            )
            counts.gate.clear()
            async with first, asyncio.TaskGroup() as group:
                group.create_task(fetch(first, named(served)))
                await log.wait_for("request_headers_sent")
                attempt = asyncio.create_task(fetch(traced, named(served), "POST", data=b"x"))
                await queued.wait()
                counts.gate.set()
        else:
            attempt = asyncio.create_task(fetch(traced, named(served), "POST", data=b"x"))
        await asyncio.wait([attempt])
        assert attempt.cancelled() if cancelled else isinstance(attempt.exception(), ZeroDivisionError)
        counted = connector.statistics()
        assert (counted["requests_in_flight"], counted["requests_waiting"], counted["slots_in_use"]) == (
            0,
            0,
            0,
        )
        await fetch(plain, named(served))


async def test_nothing_of_it_runs_where_nobody_listens() -> None:
    """The plainest of calls goes the short way, and others do not come past here."""
    entered: set[tuple[str, str]] = set()

    def note(frame: Any, event: str, _argument: Any) -> None:
        if event == "call":
            entered.add((frame.f_code.co_filename.rpartition("/")[2], frame.f_code.co_name))

    async with recording() as (served, _), quinde.ClientSession() as client:
        await fetch(client, served.url)
        sys.setprofile(note)
        try:
            async with client.get(served.url) as response:
                await response.read()
        finally:
            sys.setprofile(None)
        assert ("session.py", "_request") in entered
        assert {file for file, _ in entered} & {
            "call.py",
            "exchange.py",
            "connector.py",
            "tracing.py",
        } == set()
        sys.setprofile(note)
        try:
            await fetch(client, served.url, "POST", data=b"x")
        finally:
            sys.setprofile(None)
    assert ("call.py", "carry") in entered
    tellers = {name for _, name in entered if name.startswith(("_tell", "_start_traces", "_after_reading"))}
    assert (tellers, "tracing.py" in {file for file, _ in entered}) == (set(), False)
