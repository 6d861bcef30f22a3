"""The life of one request, on a fake of the core."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from quinde.errors import BadHttpMessage
from quinde.web.application import Application
from quinde.web.exceptions import HTTPNotFound, HTTPOk
from quinde.web.request import BaseRequest, RequestPayloadError
from quinde.web.response import Response
from quinde.web.serve import conclude, recover, serve_by_handler, serve_directly
from quinde.web.server import Server
from tests.web.incoming import FakeIncoming


def direct(handler: Any, **options: Any) -> Any:
    app = Application()
    app.router.add_get("/{tail:.*}", handler)
    app.router.add_post("/{tail:.*}", handler)
    app.freeze()
    return serve_directly(Server(app._handle, app=app, access_log=None, **options), app)


def by_handler(handler: Any, **options: Any) -> Any:
    return serve_by_handler(Server(handler, access_log=None, **options))


BOTH = pytest.mark.parametrize("make", [direct, by_handler])


async def run(serve: Any, *args: Any, **options: Any) -> FakeIncoming:
    incoming = FakeIncoming(*args, **options)
    await serve(incoming)
    assert incoming.ended
    return incoming


def returning(response: Any) -> Any:
    async def handler(_request: Any) -> Any:
        return response

    return handler


def raising(exception: Any) -> Any:
    async def handler(_request: Any) -> Any:
        raise exception

    return handler


@pytest.mark.parametrize(
    ("response", "call"),
    [
        (Response(text="x"), (200, "text/plain; charset=utf-8", b"x")),
        (Response(body=b"x", status=404), (404, "application/octet-stream", b"x")),
        (Response(), (200, None, b"")),
        (Response(text=""), (200, "text/plain; charset=utf-8", b"")),
    ],
)
async def test_plain_responses_are_one_call(response: Response, call: object) -> None:
    for _ in range(2):  # and may be used again
        assert (await run(direct(returning(response)))).sent == [call]


@pytest.mark.parametrize("response", [Response(), Response(body=b"x")])
async def test_head_without_length_or_type_takes_the_long_way(response: Response) -> None:
    incoming = await run(direct(returning(response)), method="HEAD")
    assert "Content-Type" not in incoming.sent[0].items


@BOTH
async def test_other_responses_are_prepared(make: Any) -> None:
    response = Response(text="x", headers={"A": "b"})
    head, body, end = (await run(make(returning(response)))).sent
    assert (head.status, head.items["A"], head.length, body, end) == (200, "b", 1, b"x", "eof")


@BOTH
@pytest.mark.parametrize("exception", [asyncio.CancelledError, SystemExit, KeyboardInterrupt])
async def test_what_ends_more_than_the_request_is_passed_on(
    make: Any, exception: type[BaseException]
) -> None:
    incoming = FakeIncoming()
    coroutine = make(raising(exception))(incoming)
    with pytest.raises(exception):
        coroutine.send(None)
    assert incoming.ended
    assert incoming.sent == []


@BOTH
async def test_failure_of_the_answer_is_answered(make: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Fragile(FakeIncoming):
        def start(self, *args: Any) -> None:
            failure, self.failure = self.failure, None
            if failure is not None:
                raise failure
            super().start(*args)

        def respond(self, *args: Any) -> None:
            failure, self.failure = self.failure, None
            if failure is not None:
                raise failure
            raise AssertionError

    incoming = Fragile()
    incoming.failure = ValueError("control character")
    await make(returning(Response(text="x")))(incoming)
    assert incoming.sent[0].status == 500
    assert incoming.sent[0].close
    assert incoming.ended
    assert "control character" in caplog.text


@BOTH
async def test_client_that_goes_is_no_error(make: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    incoming = FakeIncoming()
    incoming.failure = ConnectionResetError("Cannot write to closing transport")
    incoming.disconnected = True
    await make(returning(Response(text="x")))(incoming)
    assert incoming.ended
    assert caplog.text == ""


async def test_expectation_goes_by_the_route() -> None:
    incoming = await run(direct(returning(Response(text="x"))), headers=[("Expect", "100-continue")])
    assert incoming.sent == [(100, []), (200, "text/plain; charset=utf-8", b"x")]


async def test_returned_exceptions_warn() -> None:
    incoming = FakeIncoming()
    with pytest.warns(DeprecationWarning, match="please raise it"):
        await direct(returning(HTTPOk()))(incoming)
    assert incoming.sent[0].status == 200


@pytest.mark.parametrize(
    ("exception", "status"),
    [
        (HTTPNotFound(), 404),
        (TimeoutError(), 504),
        (ZeroDivisionError(), 500),
        (RequestPayloadError("bad"), 400),
        (BadHttpMessage("bad"), 400),
        (ConnectionResetError("another peer"), 500),
    ],
)
async def test_recover(exception: Exception, status: int) -> None:
    server = Server(returning(None))
    incoming: Any = FakeIncoming()
    assert recover(server, BaseRequest(incoming, server), exception).status == status


@pytest.mark.parametrize(("code", "status"), [(408, 408), (413, 413), (500, 400), (0, 400)])
async def test_status_of_a_bad_body_is_the_errors(code: int, status: int) -> None:
    server = Server(returning(None))
    incoming: Any = FakeIncoming()
    exception = RequestPayloadError("bad")
    exception.__cause__ = BadHttpMessage("bad")
    exception.__cause__.code = code
    response = recover(server, BaseRequest(incoming, server), exception)
    assert (response.status, response.text, response.keep_alive) == (status, "bad", False)


async def test_nothing_is_sent_after_half_an_answer() -> None:
    server = Server(returning(None))
    incoming: Any = FakeIncoming()
    incoming.started = True
    request = BaseRequest(incoming, server)
    for exception in (ZeroDivisionError(), TimeoutError(), RequestPayloadError()):
        await conclude(server, request, recover(server, request, exception))
    assert incoming.sent == []
    assert incoming.ended
