"""Handlers that fail, and answers that cannot be sent."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.behaviour.library import LIBRARY, application, quinde_only, request, serve, web
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from tests.support.wire import Answer

TROUBLE = b"500 Internal Server Error\n\nServer got itself in trouble"


async def ask(handler: Any, *fields: str, method: str = "GET", path: str = "/") -> Answer:
    """Ask a handler once."""
    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request(method, path, *fields))
        return await wire.read_answer(method)


def raising(exception: Any) -> Any:
    """A handler that raises: an exception, or a new one of a class."""

    async def handler(_request: Any) -> Any:
        raise exception

    return handler


# --- raised answers -----------------------------------------------------------------------------------------


async def test_http_exception_is_the_answer() -> None:
    exception = web.HTTPForbidden(text="go away", headers={"X-A": "b"}, reason="Never")
    answer = await ask(raising(exception))
    assert (answer.status, answer.reason, answer.body) == (403, "Never", b"go away")
    assert answer.header("X-A") == "b"
    assert answer.header("Content-Type") == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [("HTTPOk", 200, b"200: OK"), ("HTTPNotFound", 404, b"404: Not Found"), ("HTTPResetContent", 205, b"")],
)
async def test_text_of_http_exceptions(name: str, status: int, body: bytes) -> None:
    answer = await ask(raising(getattr(web, name)()))
    assert (answer.status, answer.body) == (status, body)


async def test_redirect() -> None:
    answer = await ask(raising(web.HTTPFound("/a b?c=ü")))
    assert (answer.status, answer.header("Location")) == (302, "/a%20b?c=%C3%BC")


async def test_unknown_path_and_method() -> None:
    app = web.Application()
    app.router.add_get("/a", raising(web.HTTPOk))
    app.router.add_put("/a", raising(web.HTTPOk))
    async with serve(app) as served, open_wire(served) as wire:
        await wire.send(request("GET", "/b"))
        answer = await wire.read_answer()
        assert (answer.status, answer.body) == (404, b"404: Not Found")
        await wire.send(request("DELETE", "/a"))
        answer = await wire.read_answer()
        assert (answer.status, answer.body) == (405, b"405: Method Not Allowed")
        assert answer.header("Allow") == "GET,HEAD,PUT"


async def test_connection_lives_on_after_an_http_exception() -> None:
    async with serve(application(raising(web.HTTPNotFound))) as served, open_wire(served) as wire:
        for _ in range(2):
            await wire.send(request())
            answer = await wire.read_answer()
            assert (answer.status, answer.header("Connection")) == (404, None)


# --- failures -----------------------------------------------------------------------------------------------


async def test_exception_is_a_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    asyncio.get_running_loop().set_debug(False)
    async with serve(application(raising(ZeroDivisionError("secret")))) as served, open_wire(served) as wire:
        await wire.send(request())
        answer = await wire.read_answer()
        assert await wire.read_to_end() == b""
    assert (answer.status, answer.body) == (500, TROUBLE)
    assert answer.header("Content-Type") == "text/plain; charset=utf-8"
    assert answer.header("Connection") == "close"
    assert "Error handling request from 127.0.0.1" in caplog.text
    assert "ZeroDivisionError: secret" in caplog.text


async def test_500_for_a_browser() -> None:
    asyncio.get_running_loop().set_debug(False)
    answer = await ask(raising(ZeroDivisionError("<secret>")), "Accept: text/html")
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    assert b"<h1>500 Internal Server Error</h1>" in answer.body
    assert b"secret" not in answer.body


@pytest.mark.parametrize("accept", ["text/plain", "text/html"])
async def test_traceback_is_shown_in_debug_mode_only(accept: str) -> None:
    asyncio.get_running_loop().set_debug(True)
    try:
        answer = await ask(raising(ZeroDivisionError("<secret>")), f"Accept: {accept}")
    finally:
        asyncio.get_running_loop().set_debug(False)
    shown = b"ZeroDivisionError: &lt;secret&gt;" if accept == "text/html" else b"ZeroDivisionError: <secret>"
    assert answer.status == 500
    assert shown in answer.body
    assert b"Traceback" in answer.body


async def test_timeout_is_a_504() -> None:
    async def handler(_request: Any) -> Any:
        async with asyncio.timeout(0):
            await asyncio.get_running_loop().create_future()

    answer = await ask(handler)
    assert (answer.status, answer.header("Connection")) == (504, "close")


@pytest.mark.parametrize("value", [None, "text", 42, b"bytes"])
async def test_what_is_no_response_is_a_500(value: object, caplog: pytest.LogCaptureFixture) -> None:
    async def forgetful_handler(_request: Any) -> Any:
        return value

    answer = await ask(forgetful_handler)
    assert answer.status == 500
    assert b"Internal Server Error" in answer.body
    if LIBRARY == "quinde":
        assert "forgetful_handler" in caplog.text
        assert ("is a `return` missing?" if value is None else repr(value)) in caplog.text


@quinde_only
async def test_response_that_was_sent_before(caplog: pytest.LogCaptureFixture) -> None:
    exception = web.HTTPForbidden(text="once")
    async with serve(application(raising(exception))) as served, open_wire(served) as wire:
        await wire.send(request())
        assert (await wire.read_answer()).body == b"once"
        await wire.send(request())
        assert (await wire.read_answer()).status == 500
    assert "make a new one for each request" in caplog.text


async def test_failure_in_the_middle_of_an_answer_cuts_it_off() -> None:
    async def handler(asked: Any) -> Any:
        response = web.StreamResponse()
        await response.prepare(asked)
        await response.write(b"half")
        await asyncio.sleep(0)
        raise ZeroDivisionError

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request())
        sent = await wire.read_to_end()
    assert sent.startswith(b"HTTP/1.1 200 OK\r\n")
    assert sent.endswith(b"\r\n\r\n4\r\nhalf\r\n")


@quinde_only  # aiohttp leaves the connection open: its client waits for what never comes
@pytest.mark.parametrize("unread", [b"", b"unread"])
async def test_what_was_written_of_an_unfinished_answer_arrives(unread: bytes) -> None:
    """Also the answers before it, which may not have left yet."""

    async def handler(asked: Any) -> Any:
        if asked.path == "/whole":
            return web.Response(text="whole")
        response = web.StreamResponse(headers={"Content-Length": "10"})
        await response.prepare(asked)
        await response.write(b"begun")
        return response

    async with serve(application(handler)) as served, open_wire(served) as wire:
        upload = request("POST", "/begun", f"Content-Length: {2 * len(unread)}")
        await wire.send(request("GET", "/whole") + upload + unread)
        assert (await wire.read_answer()).body == b"whole"
        answer = await wire.read_head()
        assert (answer.status, answer.header("Content-Length")) == (200, "10")
        assert await wire.read_to_end() == b"begun"


async def test_cancelled_handler_closes_the_connection() -> None:
    async def handler(_request: Any) -> Any:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request())
        assert await wire.read_to_end() == b""


async def test_failing_async_iterable(caplog: pytest.LogCaptureFixture) -> None:
    async def pieces() -> Any:
        yield b"half"
        raise ZeroDivisionError

    async def handler(_request: Any) -> Any:
        return web.Response(body=pieces())

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request())
        assert not (await wire.read_to_end()).endswith(b"0\r\n\r\n")
    assert "ZeroDivisionError" in caplog.text


async def test_other_connections_live_on() -> None:
    async def handler(asked: Any) -> Any:
        if asked.path == "/bad":
            raise ZeroDivisionError
        return web.Response(text="good")

    async with serve(application(handler)) as served, open_wire(served) as good, open_wire(served) as bad:
        await good.send(request())
        assert (await good.read_answer()).body == b"good"
        await bad.send(request("GET", "/bad"))
        assert (await bad.read_answer()).status == 500
        await good.send(request())
        assert (await good.read_answer()).body == b"good"


# --- what would break the message ---------------------------------------------------------------------------

EVIL = ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "\x7f", "a\x01"]


@quinde_only  # aiohttp closes the connection without an answer
@pytest.mark.parametrize("value", EVIL)
@pytest.mark.parametrize("where", ["value", "added", "content_type", "stream", "name"])
async def test_header_injection_is_refused(where: str, value: str, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(asked: Any) -> Any:
        if where == "content_type":
            return web.Response(body=b"x", content_type=f"text/{value}")
        if where == "stream":
            response = web.StreamResponse(headers={"X-A": value})
            await response.prepare(asked)
            return response
        response = web.Response(text="x")
        response.headers["X-A" if where != "name" else f"X{value}"] = value if where != "name" else "x"
        return response

    answer = await ask(handler)
    assert answer.status == 500
    assert answer.header("X-Evil") is None
    assert "ValueError" in caplog.text


@pytest.mark.parametrize("reason", ["a\r\nX-Evil: 1", "a\nb"])
async def test_reason_injection_is_refused(reason: str) -> None:
    async def handler(_request: Any) -> Any:
        with pytest.raises(ValueError):
            web.Response(reason=reason)
        with pytest.raises(ValueError):
            web.HTTPOk(reason=reason)
        response = web.StreamResponse()
        with pytest.raises(ValueError):
            response.set_status(200, reason)
        return web.Response(text="safe")

    assert (await ask(handler)).body == b"safe"


@quinde_only
async def test_quiet_about_what_is_no_fault_of_the_server(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serve(application(raising(web.HTTPNotFound))) as served, open_wire(served) as wire:
        await wire.send(request())
        await wire.read_answer()
        await wire.send(b"garbage\r\n\r\n")
        assert (await wire.read_answer()).status == 400
    assert caplog.text == ""
