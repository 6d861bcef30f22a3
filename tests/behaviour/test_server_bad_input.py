"""What is no HTTP request: answered, logged quietly, closed, and never seen by a handler."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.behaviour.library import application, quinde_only, request, serve, web
from tests.support.wire import open_wire


async def never(_request: Any) -> Any:
    raise AssertionError("the handler must not be called")


async def read(asked: Any) -> Any:
    return web.Response(body=await asked.read())


HOST = b"Host: a\r\n"
BAD = {
    "garbage": (400, b"\x00\x01\x02\r\n\r\n"),
    "tls": (400, b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n"),
    # Their senders wait for an answer, and not for the end of a line.
    "a tls handshake": (400, b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"),
    "another protocol": (400, b"SSH-2.0"),
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two hosts": (400, b"GET / HTTP/1.1\r\n" + HOST + b"Host: b\r\n\r\n"),
    "version": (400, b"GET / HTTP/1.2\r\n" + HOST + b"\r\n"),
    "bare line feeds": (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    "space before colon": (400, b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    "folded": (400, b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n"),
    "length and chunks": (
        400,
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "two lengths": (
        400,
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    ),
    "unknown coding": (501, b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n"),
    "long target": (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    "long field": (431, b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"b" * 9000 + b"\r\n\r\n"),
    "many fields": (431, b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 150 + b"\r\n"),
    "expectation": (417, b"POST / HTTP/1.1\r\n" + HOST + b"Expect: a miracle\r\nContent-Length: 1\r\n\r\n"),
}


@quinde_only  # aiohttp answers 400 to all but the last, and takes some
@pytest.mark.parametrize("name", BAD)
async def test_refused(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "quinde")
    status, data = BAD[name]
    async with serve(application(never)) as served, open_wire(served) as wire:
        await wire.send(data)
        answer = await wire.read_answer()
        assert answer.status == status
        assert answer.header("Connection") == "close"
        assert answer.header("Content-Type") == "text/plain; charset=utf-8"
        assert answer.body
        assert await wire.read_to_end() == b""
    levels = {record.levelno for record in caplog.records if record.name == "quinde.server"}
    assert levels <= {logging.DEBUG}
    assert f"with {status}" in caplog.text


@quinde_only
@pytest.mark.parametrize("limit", ["max_line_size", "max_field_size", "max_headers"])
async def test_limits_are_the_users(limit: str) -> None:
    data = {
        "max_line_size": request("GET", "/" + "a" * 100),
        "max_field_size": request("GET", "/", "A: " + "b" * 100),
        "max_headers": request("GET", "/", "A: b", "C: d"),
    }[limit]
    options = {limit: 50 if limit != "max_headers" else 2}
    async with serve(application(never), **options) as served, open_wire(served) as wire:
        await wire.send(data)
        assert (await wire.read_answer()).status == (414 if limit == "max_line_size" else 431)


@quinde_only
@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize(
    "chunk",
    [b"zz\r\nabc\r\n", b"3\r\nabcd\r\n", b"-1\r\n", b"3;a\nb\r\nabc\r\n", b"0\r\nBad Trailer: 1\r\n\r\n"],
)
async def test_broken_chunks_are_the_clients_fault(
    chunk: bytes, waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    head = request("POST", "/", "Transfer-Encoding: chunked")
    async with serve(application(read)) as served, open_wire(served) as wire:
        if waits:  # for the handler to wait for the body
            await wire.send(head)
            await asyncio.sleep(0)
            await wire.send(chunk)
        else:
            await wire.send(head + chunk)
        answer = await wire.read_answer()
        assert answer.status == 400
        assert answer.header("Connection") == "close"
        assert await wire.read_to_end() == b""
    assert caplog.text == ""


@quinde_only
async def test_broken_coding_is_the_clients_fault() -> None:
    async with serve(application(read)) as served, open_wire(served) as wire:
        await wire.send(request("POST", "/", "Content-Encoding: gzip", body=b"no gzip at all"))
        assert (await wire.read_answer()).status == 400
    async with serve(application(read)) as served, open_wire(served) as wire:
        await wire.send(request("POST", "/", "Content-Encoding: br", body=b"no brotli either"))
        assert (await wire.read_answer()).status == 400


@quinde_only
async def test_slow_head() -> None:
    async with serve(application(never), head_timeout=0.05) as served, open_wire(served) as wire:
        await wire.send(b"GET / HTT")
        assert (await wire.read_answer()).status == 408
        assert await wire.read_to_end() == b""


@quinde_only
async def test_slow_body() -> None:
    async with serve(application(read), body_timeout=0.05) as served, open_wire(served) as wire:
        await wire.send(request("POST", "/", "Content-Length: 5") + b"ab")
        assert (await wire.read_answer()).status == 408
        assert await wire.read_to_end() == b""


@pytest.mark.plain("asyncio's TLS cannot close one half")
async def test_abandoned_head_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serve(application(never)) as served, open_wire(served) as wire:
        await wire.send(b"GET / HTTP/1.1\r\nHost: a")
        await wire.send_eof()
        await wire.read_to_end()
    assert caplog.text == ""


@quinde_only
async def test_large_unread_upload_gets_its_answer() -> None:
    async def decline(_request: Any) -> Any:
        raise web.HTTPRequestEntityTooLarge(10, 20)

    body = bytes(1_000_000)
    async with serve(application(decline)) as served, open_wire(served) as wire:
        wire.writer.write(request("POST", "/", body=body))
        answer = await wire.read_answer()
        assert (answer.status, answer.body) == (413, b"Maximum request body size 10 exceeded.")


@quinde_only  # aiohttp drops the good request when both come at once
async def test_answers_before_the_garbage_come_first() -> None:
    async with serve(application(read)) as served, open_wire(served) as wire:
        await wire.send(request("POST", "/", body=b"good") + b"\x00garbage\r\n\r\n")
        assert (await wire.read_answer()).body == b"good"
        assert (await wire.read_answer()).status == 400
        assert await wire.read_to_end() == b""


@quinde_only
async def test_tls_on_a_plain_port_is_named() -> None:
    async with serve(application(never)) as served, open_wire(served) as wire:
        await wire.send(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03")
        assert b"https" in (await wire.read_answer()).body
        assert served.runner.server.statistics()["refused_tls_record"] == 1


@quinde_only
async def test_refusals_are_counted() -> None:
    async with serve(application(never)) as served, open_wire(served) as wire:
        await wire.send(b"GET / HTTP/1.1\r\n\r\n")
        await wire.read_to_end()
        statistics = served.runner.server.statistics()
        assert statistics["refused_missing_host"] == 1
