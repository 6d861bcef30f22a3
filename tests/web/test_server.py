"""`Server`: options, the end, the words for refused requests."""

from __future__ import annotations

import asyncio
import logging
import ssl
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from quinde.web.application import Application
from quinde.web.log import AccessLogger
from quinde.web.request import BaseRequest, Request
from quinde.web.response import Response
from quinde.web.server import Server

if TYPE_CHECKING:
    from collections.abc import Coroutine


async def handler(_request: Any) -> Response:
    return Response()


async def test_options_and_their_checks() -> None:
    server = Server(handler, read_bufsize=1024, max_headers=5, keepalive_timeout=0, timeout_ceil_threshold=1)
    assert server.loop is asyncio.get_running_loop()
    assert server.request_factory is BaseRequest
    assert server.requests_count == 0
    assert server.connections == []
    assert server.statistics()["requests"] == 0
    assert repr(server).startswith("<Server of <function handler")
    with pytest.raises(TypeError, match="unexpected keyword argument 'no_such_option'"):
        Server(handler, no_such_option=1)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="timeout"):
        Server(handler, body_timeout=-1)


class OwnLogger(AccessLogger):
    """One that may look at anything."""


async def test_direct_service_is_for_plain_applications() -> None:
    app = Application()
    app.freeze()
    assert Server(app._handle, app=app, access_log=None).is_direct
    assert Server(app._handle, app=app).request_factory is Request
    assert not Server(handler, access_log=None).is_direct
    assert not Server(app._handle, app=app, access_log=None, request_factory=Request).is_direct
    logger = logging.getLogger("tests.server")
    logger.setLevel(logging.INFO)
    assert Server(app._handle, app=app, access_log=logger).is_direct
    assert not Server(app._handle, app=app, access_log=logger, access_log_format="%{Date}o").is_direct
    assert not Server(app._handle, app=app, access_log=logger, access_log_class=OwnLogger).is_direct
    logger.setLevel(logging.WARNING)
    assert Server(app._handle, app=app, access_log=logger).is_direct


async def test_protocol_of_a_connection_is_one() -> None:
    server = Server(handler)
    connection: Any = SimpleNamespace(facade=None, transport=None, fileno=lambda: -1)
    protocol = server.protocol_of(connection)
    assert server.protocol_of(connection) is protocol
    assert connection.facade is protocol
    assert server.protocol_of(None).transport is None


class FakeService:
    """A service with handlers in flight."""

    def __init__(self, *coroutines: Coroutine[Any, Any, None]) -> None:
        self._tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
        self.calls: list[str] = []
        self.connections: list[Any] = []

    @property
    def tasks(self) -> list[asyncio.Future[None]]:
        return [task for task in self._tasks if not task.done()]

    def stop(self) -> None:
        self.calls.append("stop")

    def abort(self) -> None:
        self.calls.append("abort")


async def shut_down(timeout: float | None, *coroutines: Coroutine[Any, Any, None]) -> FakeService:
    server = Server(handler)
    service: Any = FakeService(*coroutines)
    server.service = service
    server.pre_shutdown()
    await server.shutdown(timeout)
    assert service.calls == ["stop", "stop", "abort"]
    fake: FakeService = service
    return fake


async def test_shutdown_waits_for_handlers() -> None:
    trace: list[str] = []

    async def ends() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        trace.append("ended")

    await shut_down(None, ends())
    assert trace == ["ended"]


async def test_shutdown_cancels_what_does_not_end() -> None:
    trace: list[str] = []

    async def stubborn() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            trace.append("cancelled")
            await asyncio.sleep(0)
            trace.append("ended")

    await shut_down(0.01, stubborn())
    assert trace == ["cancelled", "ended"]


async def test_shutdown_gives_up_on_what_ignores_it() -> None:
    release = asyncio.Event()

    async def deaf() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    service = await shut_down(0.01, deaf())
    release.set()
    await asyncio.wait(service.tasks)


async def test_certificates_are_doubted_while_no_handshake_has_succeeded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "quinde.server")
    error = ssl.SSLError(1, "no shared cipher")
    error.reason = "NO_SHARED_CIPHER"
    doubted, trusted = Server(handler, access_log=None), Server(handler, access_log=None)
    trusted.service.count_handshake()
    for server in (doubted, doubted, trusted):
        server.log_failed_handshake(("192.0.2.1", 1), error)
    assert [record.levelno for record in caplog.records].count(logging.WARNING) == 1
    assert len(caplog.records) == 4


async def test_a_proved_certificate_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the statistics goes through all connections, and any peer can fail a handshake."""
    error = ssl.SSLError(1, "no shared cipher")
    error.reason = "NO_SHARED_CIPHER"
    server = Server(handler, access_log=None)
    server.service.count_handshake()
    read: list[int] = []
    given = server.statistics
    monkeypatch.setattr(server, "statistics", lambda: read.append(1) or given())
    for _ in range(3):
        server.log_failed_handshake(("192.0.2.1", 1), error)
    assert read == [1]


async def test_words_for_refused_requests(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "quinde.server")
    server = Server(handler, access_log=None)
    connection: Any = SimpleNamespace(peername=("192.0.2.1", 1))
    assert server._on_bad_request(connection, 431, "too much") == (
        431,
        "Request Header Fields Too Large",
        b"too much",
    )
    assert server._on_bad_request(None, 400, "ünsinn") == (400, "Bad Request", "ünsinn".encode())
    assert "with 431: too much" in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
