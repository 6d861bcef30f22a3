"""Carrying a call: retries, redirects and middlewares in their order, over connections of the test's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from quinde.client.call import check_status
from quinde.client.connector import BaseConnector
from quinde.client.protocol import ResponseHandler
from quinde.client.session import ClientSession
from quinde.errors import (
    ClientConnectorError,
    ClientOSError,
    ClientResponseError,
    ConnectionTimeoutError,
    InvalidUrlClientError,
    NonHttpUrlClientError,
    ServerDisconnectedError,
)
from tests.client.fakes import Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from quinde.client.response import ClientResponse

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Answering(Transport):
    """A transport whose peer answers each write by a script; an exception (or None) ends the connection."""

    def __init__(self, protocol: asyncio.Protocol, answers: list[Any]) -> None:
        super().__init__(protocol)
        self.answers = answers

    def write(self, data: Any) -> None:
        super().write(data)
        asyncio.get_running_loop().call_soon(self.answer)

    def answer(self) -> None:
        answer = self.answers.pop(0)
        if isinstance(answer, bytes):
            self.protocol.data_received(answer)
        else:
            self.protocol.connection_lost(answer)


class Scripted(BaseConnector):
    """Opens connections that answer from a script."""

    def __init__(self, *answers: Any, **options: Any) -> None:
        super().__init__(**options)
        self.answers = list(answers)
        self.transports: list[Answering] = []

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        if self.answers and isinstance(self.answers[0], ClientConnectorError | TimeoutError):
            raise self.answers.pop(0)
        handler = ResponseHandler(asyncio.get_running_loop(), limits=req.wire_limits)
        transport = Answering(handler, self.answers)
        handler.connection_made(transport)
        self.transports.append(transport)
        return handler

    def lines(self) -> list[str]:
        """The request lines that were sent."""
        heads = [
            head
            for transport in self.transports
            for head in bytes(transport.sent).split(b"HTTP/1.1\r\n")[:-1]
        ]
        return [head.rsplit(b"\n", 1)[-1].decode().strip() for head in heads]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])
@pytest.mark.parametrize("end", [None, ConnectionResetError(104, "reset")])
async def test_idempotent_request_is_sent_again_once(method: str, end: Any) -> None:
    answer = OK[:-2] if method == "HEAD" else OK
    connector = Scripted(end, answer)
    async with ClientSession(connector=connector) as session:
        async with session.request(method, "http://h/") as response:
            assert response.status == 200
        assert len(connector.transports) == 2
    connector = Scripted(end, end, answer)
    async with ClientSession(connector=connector) as session:
        with pytest.raises((ServerDisconnectedError, ClientOSError)):
            await session.request(method, "http://h/")
        assert len(connector.transports) == 2


@pytest.mark.parametrize("method", ["POST", "PATCH", "REPORT"])
async def test_other_requests_are_sent_once(method: str) -> None:
    connector = Scripted(None, OK)
    async with ClientSession(connector=connector) as session:
        with pytest.raises(ServerDisconnectedError):
            await session.request(method, "http://h/")
    assert len(connector.transports) == 1


async def test_retrying_can_be_turned_off() -> None:
    for options in ({}, {"headers": {"A": "b"}}):
        connector = Scripted(None, OK)
        async with ClientSession(connector=connector) as session:
            session._retry_connection = False
            with pytest.raises(ServerDisconnectedError):
                await session.get("http://h/", **options)
        assert len(connector.transports) == 1


async def test_used_up_body_is_not_sent_again() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"x"

    connector = Scripted(None, OK, OK, OK)
    async with ClientSession(connector=connector) as session:
        with pytest.raises((ServerDisconnectedError, ClientOSError)):
            await session.put("http://h/", data=pieces())
    assert len(connector.transports) == 1


async def test_whole_body_is_sent_again() -> None:
    connector = Scripted(None, OK)
    async with ClientSession(connector=connector) as session:
        async with session.put("http://h/", data=b"body") as response:
            assert response.status == 200
    assert [bytes(transport.sent).endswith(b"body") for transport in connector.transports] == [True, True]


async def test_failure_to_connect_is_not_retried() -> None:
    for error in (
        ClientConnectorError(("h",), OSError(111, "refused")),
        ConnectionTimeoutError("slow"),
    ):
        connector = Scripted(error, OK)
        async with ClientSession(connector=connector) as session:
            with pytest.raises(type(error)):
                await session.get("http://h/")
        assert connector.transports == []


async def test_timeout_of_a_connector_is_named() -> None:
    async with ClientSession(connector=Scripted(TimeoutError())) as session:
        with pytest.raises(ConnectionTimeoutError, match="Connection timeout to host http://h/"):
            await session.get("http://h/")


async def test_redirect_after_a_plain_get() -> None:
    connector = Scripted(b"HTTP/1.1 302 X\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", OK)
    async with ClientSession(connector=connector) as session:
        async with session.get("http://h/a") as response:
            assert [hop.status for hop in response.history] == [302]
    assert connector.lines() == ["GET /a", "GET /b"]
    assert len(connector.transports) == 1


async def test_os_error_of_user_code_becomes_a_client_error() -> None:
    async def failing(request: Any, handler: Any) -> Any:
        raise PermissionError(13, "denied")

    async with ClientSession(connector=Scripted(OK, OK), middlewares=(failing,)) as session:
        with pytest.raises(ClientOSError, match="denied"):
            await session.post("http://h/")


async def test_time_of_a_middleware_counts() -> None:
    async def slow(request: Any, handler: Any) -> Any:
        await asyncio.get_running_loop().create_future()

    async with ClientSession(connector=Scripted(), middlewares=(slow,)) as session:
        with pytest.raises(TimeoutError):
            await session.get("http://h/", timeout=0.02)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_malformed_head_is_no_reason_to_retry() -> None:
    for options in ({}, {"headers": {"A": "b"}}):
        connector = Scripted(b"nonsense\r\n\r\n", OK)
        async with ClientSession(connector=connector) as session:
            with pytest.raises(ClientResponseError):
                await session.get("http://h/", **options)
        assert len(connector.transports) == 1


async def test_urls_are_checked_first() -> None:
    async with ClientSession(connector=Scripted()) as session:
        with pytest.raises(InvalidUrlClientError):
            await session.get("http:///x")
        with pytest.raises(NonHttpUrlClientError):
            await session.get("ftp://h/")


async def test_check_status() -> None:
    class Response:
        raised = 0

        def raise_for_status(self) -> None:
            self.raised += 1

    async def rule(response: ClientResponse) -> None:
        seen.append(response)

    seen: list[Any] = []
    response: Any = Response()
    for switch in (None, False):
        await check_status(response, switch)
    assert response.raised == 0
    await check_status(response, True)
    assert response.raised == 1
    await check_status(response, rule)
    assert seen == [response]
