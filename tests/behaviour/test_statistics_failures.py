"""What `statistics()` tells of requests that do not end well, against what a reader counts by hand.

All that is counted is looked at, but for bytes of the wire: over TLS they are those of its records too.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from tests.behaviour.library import application, quinde_only, request, serve, web
from tests.behaviour.test_statistics import counted_by, nonzero, of, until
from tests.support.servers import HOST, answering, closed_port, serve_raw
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from tests.support.modes import Mode
    from tests.support.servers import Served
    from tests.support.wire import Wire

pytestmark = quinde_only

SECURED_ONLY = "without TLS there is no handshake"


async def echo(asked: Any) -> Any:
    return web.Response(body=await asked.read())


async def never(_asked: Any) -> Any:
    await asyncio.get_running_loop().create_future()


async def begin(asked: Any) -> Any:
    """Answer with the first piece of a body only."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(asked)
    await response.write(bytes(100))
    await asyncio.get_running_loop().create_future()


def client_figures(session: quinde.ClientSession) -> dict[str, int]:
    return nonzero(counted_by(session), "bytes_sent", "bytes_received", "handshakes", "hosts")


def server_figures(served: Served) -> dict[str, int]:
    return nonzero(of(served), "bytes_sent", "bytes_received", "handshakes")


def serve_cancelled(handler: Any, **options: Any) -> Any:
    """Serve a handler that ends with its client."""
    return serve(application(handler), handler_cancellation=True, **options)


# --- cancellation -------------------------------------------------------------------------------------------


async def cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_request_that_is_cancelled_before_its_answer() -> None:
    async with serve_cancelled(never) as served, quinde.ClientSession() as session:
        task = asyncio.create_task(session.get(served.url))
        await until(lambda: of(served)["requests"] == 1)
        assert client_figures(session) == {
            "connections": 1, "requests": 1, "requests_in_flight": 1, "slots_in_use": 1,
        }  # fmt: skip
        await cancel(task)
        assert client_figures(session) == {"connections": 1, "requests": 1}
        await until(lambda: server_figures(served) == {"connections": 1, "requests": 1})


async def test_a_response_that_is_closed_within_its_body() -> None:
    async with serve_cancelled(begin) as served, quinde.ClientSession() as session:
        response = await session.get(served.url)
        assert await response.content.read(100)
        response.close()
        expected = {"connections": 1, "requests": 1, "responses_2xx": 1}
        assert client_figures(session) == {**expected, "body_bytes_received": 100}
        await until(lambda: server_figures(served) == {**expected, "body_bytes_sent": 100})


async def test_a_request_that_is_cancelled_while_it_waits_for_a_slot() -> None:
    connector = quinde.TCPConnector(limit=1)
    async with serve_cancelled(never) as served, quinde.ClientSession(connector=connector) as session:
        first, second = (asyncio.create_task(session.get(served.url)) for _ in range(2))
        await until(lambda: counted_by(session)["requests"] == 1)
        assert counted_by(session)["requests_waiting"] == 1
        await cancel(second)
        assert client_figures(session) == {
            "connections": 1, "requests": 1, "requests_in_flight": 1, "slots_in_use": 1,
        }  # fmt: skip
        await cancel(first)


async def test_a_request_that_is_cancelled_while_it_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()

    async def connect(*_args: Any, **_options: Any) -> Any:
        begun.set()
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr("aiohappyeyeballs.start_connection", connect)
    async with quinde.ClientSession() as session:
        task = asyncio.create_task(session.get(f"http://{HOST}:9"))
        await begun.wait()
        assert client_figures(session) == {"slots_in_use": 1}
        await cancel(task)
        assert client_figures(session) == {}


# --- connections that end or do not come about --------------------------------------------------------------


@pytest.mark.parametrize("way", ["closed", "reset"])
async def test_a_server_that_goes_without_an_answer(way: str) -> None:
    """No rule of HTTP is broken: it is the connection that is lost, twice, as the request is sent again."""

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        if way == "reset":
            wire.writer.transport.abort()

    async with serve_raw(talk) as served, quinde.ClientSession() as session:
        with pytest.raises((quinde.ServerDisconnectedError, quinde.ClientOSError)):
            await session.get(served.url)
        counted = counted_by(session)
        assert not [name for name in counted if name.startswith("refused_")]
        assert client_figures(session) == {
            "connections": 2, "connections_lost": 2, "requests": 2, "retries": 1,
        }  # fmt: skip


async def test_a_server_that_goes_within_its_answer() -> None:
    """That breaks the framing of the message, and is counted as such alone."""
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok"
    async with serve_raw(answering(data)) as served, quinde.ClientSession() as session:
        with pytest.raises(quinde.ClientPayloadError):
            async with session.get(served.url) as response:
                await response.read()
        assert client_figures(session) == {
            "connections": 1, "requests": 1, "responses_2xx": 1, "body_bytes_received": 2,
            "refused_unexpected_eof": 1,
        }  # fmt: skip


async def test_a_kept_connection_that_ends_is_not_lost() -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with serve_raw(answering(data)) as served, quinde.ClientSession() as session:
        async with session.get(served.url) as response:
            assert await response.text() == "ok"
        await until(lambda: counted_by(session)["connections_idle"] == 0)
        assert client_figures(session) == {
            "connections": 1, "requests": 1, "responses_2xx": 1, "body_bytes_received": 2,
        }  # fmt: skip


async def test_a_server_that_is_not_there() -> None:
    async with quinde.ClientSession() as session:
        for _ in range(2):
            with pytest.raises(quinde.ClientConnectorError):
                await session.get(f"http://{HOST}:{closed_port()}")
        assert client_figures(session) == {"connections_failed": 2}


async def test_a_wrong_certificate_makes_no_connection(mode: Mode) -> None:
    """The server has accepted each of them."""
    if not mode.tls:
        pytest.skip(SECURED_ONLY)
    choices: list[dict[str, Any]] = [
        {"ssl": ssl.create_default_context()},
        {"server_hostname": "other.test"},
        {"ssl": quinde.Fingerprint(bytes(32))},
    ]
    async with serve(application(echo)) as served, quinde.ClientSession() as session:
        for choice in choices:
            with pytest.raises((quinde.ClientConnectorError, quinde.ServerFingerprintMismatch)):
                await session.get(served.url, **choice)
        # The pinned certificate is looked at when TLS has been made.
        assert client_figures(session) == {"connections_failed": 3, "handshakes_failed": 2}
        assert counted_by(session)["handshakes"] == 1
        await until(lambda: of(served)["connections"] == 3 and not of(served)["connections_open"])
        counted = nonzero(of(served), "bytes_sent", "bytes_received")
        # Of TLS 1.3 the server may not know the end when the third client goes.
        made = counted.pop("handshakes", 0)
        assert made <= 1
        assert counted == {"connections": 3, "handshakes_failed": 3 - made}


# --- time ---------------------------------------------------------------------------------------------------


async def test_connecting_that_takes_too_long_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(*_args: Any, **_options: Any) -> Any:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr("aiohappyeyeballs.start_connection", connect)
    async with quinde.ClientSession() as session:
        for name in ("sock_connect", "connect", "total"):
            with pytest.raises(TimeoutError):
                await session.get(f"http://{HOST}:9", timeout=quinde.ClientTimeout(**{name: 0.02}))
        assert client_figures(session) == {
            "connections_failed": 3, "timeouts_sock_connect": 1, "timeouts_connect": 2,
        }  # fmt: skip


@pytest.mark.parametrize("name", ["total", "sock_read"])
async def test_a_body_that_takes_too_long(name: str) -> None:
    async with serve_cancelled(begin) as served, quinde.ClientSession() as session:
        timeout = quinde.ClientTimeout(**{name: 0.25})  # the head must come in it, on a busy machine too
        async with session.get(served.url, timeout=timeout) as response:
            with pytest.raises(TimeoutError):
                await response.read()
        assert client_figures(session) == {
            "connections": 1, "requests": 1, "responses_2xx": 1, "body_bytes_received": 100,
            f"timeouts_{name}": 1,
        }  # fmt: skip


async def test_a_request_that_the_server_does_not_take() -> None:
    gate = asyncio.Event()

    async def talk(wire: Wire) -> None:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await gate.wait()

    async with serve_raw(talk) as served, quinde.ClientSession() as session:
        with pytest.raises(TimeoutError):
            await session.post(
                served.url, data=bytes(32 * 2**20), timeout=quinde.ClientTimeout(sock_write=0.1)
            )
        gate.set()
        counted = client_figures(session)
        counted.pop("body_bytes_sent", None)  # given to the connection, or not
        assert counted == {"connections": 1, "requests": 1, "timeouts_write": 1}


async def test_the_whole_time_is_over_within_a_middleware() -> None:
    """Whatever the middleware waits for, its own business or the answer, it is one time-out of the whole."""

    async def waits(_asked: Any, handler: Any) -> Any:
        await asyncio.get_running_loop().create_future()

    async def passes(asked: Any, handler: Any) -> Any:
        return await handler(asked)

    timeout = quinde.ClientTimeout(total=0.1)
    async with serve_cancelled(never) as served, quinde.ClientSession() as session:
        for middleware, requests in ((waits, 0), (passes, 1)):
            with pytest.raises(TimeoutError):
                await session.get(served.url, timeout=timeout, middlewares=[middleware])
            counted = counted_by(session)
            assert (counted["timeouts_total"], counted["requests"]) == (1 + requests, requests)
        assert (counted["connections_lost"], counted["connections_failed"]) == (0, 0)


# --- servers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coded", [False, True])
async def test_a_body_that_is_too_large_for_its_handler(coded: bool) -> None:
    app = application(echo, client_max_size=1000)
    fields = ["Content-Encoding: deflate"] if coded else []
    body = zlib.compress(bytes(5000)) if coded else bytes(2000)
    async with serve(app) as served, open_wire(served) as wire:
        await wire.send(request("POST", "/", *fields, body=body))
        answer = await wire.read_answer()
        assert answer.status == 413
        assert server_figures(served) == {
            "connections": 1, "connections_open": 1, "requests": 1, "responses_4xx": 1,
            "body_bytes_received": len(body), "body_bytes_sent": len(answer.body),
            "refused_body_too_large": 1,
        }  # fmt: skip


async def test_a_client_that_goes_with_requests_waiting() -> None:
    async with serve_cancelled(never) as served:
        async with open_wire(served) as wire:
            await wire.send(request() * 3)
            await until(lambda: of(served)["requests_waiting"] == 2)
            assert server_figures(served) == {
                "connections": 1, "connections_open": 1, "requests": 1, "requests_in_flight": 1,
                "requests_waiting": 2, "handlers": 1,
            }  # fmt: skip
            wire.writer.transport.abort()
        await until(lambda: of(served)["connections_open"] == 0)
        assert server_figures(served) == {"connections": 1, "requests": 1}


async def test_a_client_that_goes_within_its_body() -> None:
    async with serve(application(echo)) as served:
        async with open_wire(served) as wire:
            await wire.send(request("POST", "/", "Content-Length: 10") + b"abc")
            await until(lambda: of(served)["body_bytes_received"] == 3)
        await until(lambda: of(served)["connections_open"] == 0)
        assert server_figures(served) == {
            "connections": 1, "requests": 1, "body_bytes_received": 3, "refused_unexpected_eof": 1,
        }  # fmt: skip


async def test_a_rest_that_does_not_come() -> None:
    async def ignore(_asked: Any) -> Any:
        return web.Response()

    async with serve(application(ignore), body_timeout=0.05, lingering_time=0.05) as served:
        async with open_wire(served) as wire:
            await wire.send(request("POST", "/", "Content-Length: 100") + b"abc")
            await wire.read_to_end()
        await until(lambda: of(served)["connections_open"] == 0)
        counted = server_figures(served)
        counted.pop("timeouts_linger", None)  # a client that closes in time is none
        assert counted == {
            "connections": 1, "requests": 1, "responses_2xx": 1, "body_bytes_received": 3,
            "timeouts_discard": 1,
        }  # fmt: skip


async def test_an_answer_that_is_not_taken() -> None:
    async def much(_asked: Any) -> Any:
        return web.Response(body=bytes(64 * 2**20))

    async with serve(application(much), write_timeout=0.1) as served, open_wire(served) as wire:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await wire.send(request())
        await until(lambda: of(served)["timeouts_write"] == 1)
        assert (of(served)["requests"], of(served)["responses_2xx"]) == (1, 1)
        wire.writer.transport.abort()
