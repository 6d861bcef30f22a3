"""One request on one connection, over a transport of the test's: what is sent, and how it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

from quinde.client.exchange import exchange, malformed
from quinde.client.protocol import ResponseHandler
from quinde.client.request import ClientRequest
from quinde.client.response import ClientResponse, ResponseSettings
from quinde.errors import (
    BadStatusLine,
    ClientConnectionError,
    ClientResponseError,
    ServerDisconnectedError,
    SocketTimeoutError,
)
from tests.client.fakes import Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Wire:
    """A connection and the exchange on it."""

    def __init__(self) -> None:
        self.handler = ResponseHandler(asyncio.get_running_loop())
        self.transport = Transport(self.handler)
        self.handler.connection_made(self.transport)

    async def begin(
        self, method: str = "GET", *, timeout: float = 0, read_timeout: float = 0, **options: Any
    ) -> Any:
        """Start an exchange; gives its task."""
        request = ClientRequest(method, URL("http://host/p"), **options)
        settings = ResponseSettings(asyncio.get_running_loop(), None)
        task = asyncio.ensure_future(
            exchange(
                request,
                self.handler,
                settings,
                force_close=False,
                timeout=timeout,
                read_timeout=read_timeout,
                write_timeout=0,
            )
        )
        await turns()
        return task


async def turns() -> None:
    """Let what is scheduled happen."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_whole_request_and_its_response() -> None:
    wire = Wire()
    task = await wire.begin("POST", data=b"body")
    assert wire.transport.sent.startswith(b"POST /p HTTP/1.1\r\nHost: host\r\n")
    assert wire.transport.sent.endswith(b"\r\n\r\nbody")
    assert wire.transport.sent.count(b"Content-Length: 4\r\n") == 1
    wire.handler.data_received(OK)
    response = await task
    assert isinstance(response, ClientResponse)
    assert await response.read() == b"ok"


async def test_pieces_go_out_as_they_come() -> None:
    gate = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        await gate.wait()
        yield b"two"

    wire = Wire()
    task = await wire.begin("POST", data=pieces())
    assert wire.transport.sent.endswith(b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
    gate.set()
    await turns()
    assert wire.transport.sent.endswith(b"3\r\ntwo\r\n0\r\n\r\n")
    wire.handler.data_received(OK)
    assert (await task).status == 200


@pytest.mark.parametrize("piece", ["text", 5, None])
async def test_pieces_must_be_bytes(piece: Any) -> None:
    async def pieces() -> AsyncIterator[Any]:
        yield piece

    wire = Wire()
    task = await wire.begin("POST", data=pieces())
    with pytest.raises(ClientConnectionError) as caught:
        await task
    assert isinstance(caught.value.__cause__, TypeError)
    assert wire.transport.closing


async def test_expectation_holds_the_body_back() -> None:
    wire = Wire()
    task = await wire.begin("POST", data=b"body", expect100=True)
    assert wire.transport.sent.endswith(b"\r\n\r\n")
    wire.handler.data_received(b"HTTP/1.1 100 Continue\r\n\r\n")
    await turns()
    assert wire.transport.sent.endswith(b"\r\n\r\nbody")
    wire.handler.data_received(OK)
    assert (await task).status == 200


async def test_final_answer_instead_of_100_drops_the_body() -> None:
    wire = Wire()
    task = await wire.begin("POST", data=b"body", expect100=True)
    wire.handler.data_received(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
    assert (await task).status == 417
    await turns()
    assert b"body" not in wire.transport.sent
    assert wire.transport.closing


async def test_malformed_head_names_the_request() -> None:
    wire = Wire()
    task = await wire.begin()
    wire.handler.data_received(b"nonsense\r\n\r\n")
    with pytest.raises(ClientResponseError) as caught:
        await task
    assert str(caught.value.request_info.url) == "http://host/p"
    assert isinstance(caught.value.__cause__, BadStatusLine)
    assert wire.transport.closing
    assert malformed(ClientRequest("GET", URL("http://h/")), BadStatusLine("x")).status == 400


async def test_peer_that_goes() -> None:
    wire = Wire()
    task = await wire.begin()
    wire.handler.connection_lost(None)
    with pytest.raises(ServerDisconnectedError):
        await task


async def test_cancelling_closes_at_once() -> None:
    for options in ({}, {"data": b"body", "expect100": True}):
        wire = Wire()
        task = await wire.begin("POST", **options)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert wire.transport.closing


async def test_time() -> None:
    for options, error in (({"timeout": 0.02}, TimeoutError), ({"read_timeout": 0.02}, SocketTimeoutError)):
        wire = Wire()
        with pytest.raises(error):
            await (await wire.begin(**options))
        assert wire.transport.closing


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"A": "a\r\nb"}},
        {"headers": {"Content-Length": "3"}, "data": b"four"},
        {"headers": {"Content-Length": "x"}, "data": b"four"},
    ],
)
async def test_what_cannot_be_sent_sends_nothing(options: dict[str, Any]) -> None:
    wire = Wire()
    task = await wire.begin("POST", **options)
    with pytest.raises(ValueError):
        await task
    assert wire.transport.sent == b""


async def test_unusable_connection() -> None:
    wire = Wire()
    wire.handler.connection_lost(None)
    task = await wire.begin()
    with pytest.raises(ClientConnectionError):
        await task
