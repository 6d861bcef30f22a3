"""The wire and the servers, against aiohttp: what the other tests trust."""

from __future__ import annotations

import asyncio

import aiohttp.web
import pytest

from tests.support.servers import answering, closed_port, serve_aiohttp, serve_raw
from tests.support.wire import Wire, open_wire


async def chunks(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
    answer = aiohttp.web.StreamResponse(headers={"X-Method": request.method})
    if request.version == aiohttp.HttpVersion11:
        answer.enable_chunked_encoding()
    await answer.prepare(request)
    for piece in (b"hum", b"ming", b"bird") if request.method == "GET" else ():
        await answer.write(piece)
    await answer.write_eof()
    return answer


def application() -> aiohttp.web.Application:
    app = aiohttp.web.Application()
    app.router.add_get("/", chunks)
    return app


async def test_wire_reads_chunked_answers_and_keeps_alive() -> None:
    async with serve_aiohttp(application()) as served, open_wire(served) as wire:
        for method in ("GET", "HEAD", "GET"):
            await wire.send(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            answer = await wire.read_answer(method)
            assert (answer.version, answer.status, answer.reason) == ("HTTP/1.1", 200, "OK")
            assert answer.header("x-method") == method
            assert answer.body == (b"" if method == "HEAD" else b"hummingbird")


async def test_wire_sends_byte_by_byte() -> None:
    async with serve_aiohttp(application()) as served, open_wire(served) as wire:
        await wire.send_bytewise(b"GET / HTTP/1.0\r\n\r\n")
        answer = await wire.read_answer()  # framed by the end of the connection
        assert (answer.status, answer.body) == (200, b"hummingbird")


async def test_raw_server_says_what_it_was_told() -> None:
    head = b"HTTP/1.1 200 Fine by me\r\nX-A: 1\r\nX-A:\t2 \r\nTransfer-Encoding: chunked\r\n\r\n"
    said = head + b"0\r\nT: u\r\n\r\nrest"
    async with serve_raw(answering(said)) as served, open_wire(served) as wire:
        await wire.send(b"\r\n\r\n")
        answer = await wire.read_answer()
        assert (answer.reason, answer.headers("x-a"), answer.trailers) == (
            "Fine by me",
            ["1", "2"],
            [("T", "u")],
        )
        assert await wire.read_to_end() == b"rest"


async def test_failure_in_a_raw_conversation_reaches_the_test() -> None:
    async def talk(wire: Wire) -> None:
        assert await wire.read_exactly(1) == b"a"

    with pytest.raises(AssertionError):
        async with serve_raw(talk) as served, open_wire(served) as wire:
            await wire.send(b"b")
            assert await wire.read_to_end() == b""


async def test_leaving_a_raw_server_ends_its_conversations() -> None:
    async def talk(wire: Wire) -> None:
        await wire.send(b"a")
        await asyncio.Event().wait()

    async with serve_raw(talk) as served:
        reader, writer = await asyncio.open_connection(served.host, served.port)
        assert await reader.readexactly(1) == b"a"
    assert await reader.read() == b""
    writer.close()


async def test_nobody_listens_on_a_closed_port() -> None:
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", closed_port())
