"""What a handler returns, and what goes over the wire for it."""

from __future__ import annotations

import asyncio
import gzip
import re
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.behaviour.library import application, quinde_only, request, serve, web
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.wire import Answer

DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")


async def ask(handler: Any, *, data: bytes | None = None, method: str = "GET") -> Answer:
    """Ask a handler once."""
    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request(method) if data is None else data)
        return await wire.read_answer(method)


def returning(**options: Any) -> Any:
    """A handler that returns a `Response` made with these options."""

    async def handler(_request: Any) -> Any:
        return web.Response(**options)

    return handler


async def test_text_has_the_fields_in_order() -> None:
    answer = await ask(returning(text="Buenos días"))
    assert (answer.version, answer.status, answer.reason) == ("HTTP/1.1", 200, "OK")
    assert [name for name, _ in answer.raw_headers] == ["Content-Type", "Content-Length", "Date", "Server"]
    assert answer.header("Content-Type") == "text/plain; charset=utf-8"
    assert answer.header("Content-Length") == "12"
    assert DATE.fullmatch(answer.header("Date") or "")
    assert answer.body == "Buenos días".encode()


@quinde_only
async def test_server_field_names_python_and_quinde() -> None:
    import quinde

    answer = await ask(returning(text="x"))
    assert re.fullmatch(
        rf"Python/3\.\d+ quinde/{re.escape(quinde.__version__)}", answer.header("Server") or ""
    )


@pytest.mark.parametrize(
    ("options", "content_type", "body"),
    [
        ({"body": b"\x00\xff"}, "application/octet-stream", b"\x00\xff"),
        ({"body": bytearray(b"ab")}, "application/octet-stream", b"ab"),
        ({"body": b"{}", "content_type": "application/json"}, "application/json", b"{}"),
        ({"body": "grün"}, "text/plain; charset=utf-8", "grün".encode()),
        ({"text": "grün", "charset": "latin-1"}, "text/plain; charset=latin-1", "grün".encode("latin-1")),
        ({"text": "<p>", "content_type": "text/html"}, "text/html; charset=utf-8", b"<p>"),
        ({"text": ""}, "text/plain; charset=utf-8", b""),
        ({"text": "x", "headers": {"Content-Type": "text/x"}}, "text/x; charset=utf-8", b"x"),
        ({"body": b"x", "content_type": "text/a", "charset": "ascii"}, "text/a; charset=ascii", b"x"),
        ({}, None, b""),
    ],
)
async def test_bodies(options: dict[str, Any], content_type: str | None, body: bytes) -> None:
    answer = await ask(returning(**options))
    assert answer.header("Content-Type") == content_type
    assert answer.header("Content-Length") == str(len(body))
    assert answer.body == body


async def test_json() -> None:
    async def handler(_request: Any) -> Any:
        return web.json_response({"name": "pikachu"}, status=201, headers={"X-A": "b"})

    answer = await ask(handler)
    assert answer.status == 201
    assert answer.header("Content-Type") == "application/json; charset=utf-8"
    assert answer.header("X-A") == "b"
    assert answer.body == b'{"name": "pikachu"}'


@pytest.mark.parametrize(
    ("options", "status", "reason"),
    [
        ({"status": 404}, 404, "Not Found"),
        ({"status": 299}, 299, ""),
        ({"status": 200, "reason": "Fine"}, 200, "Fine"),
        ({"status": 418}, 418, "I'm a Teapot"),
    ],
)
async def test_status_and_reason(options: dict[str, Any], status: int, reason: str) -> None:
    answer = await ask(returning(text="x", **options))
    assert (answer.status, answer.reason, answer.body) == (status, reason, b"x")


@pytest.mark.parametrize("status", [204, 304])
async def test_statuses_without_body_have_no_length(status: int) -> None:
    async with (
        serve(application(returning(status=status, text="dropped"))) as served,
        open_wire(served) as wire,
    ):
        for _ in range(2):
            await wire.send(request())
            answer = await wire.read_answer()
            assert answer.status == status
            assert answer.header("Content-Length") is None
            assert answer.header("Transfer-Encoding") is None


@pytest.mark.parametrize(
    ("options", "length", "content_type"),
    [
        ({"text": "hello"}, "5", "text/plain; charset=utf-8"),
        ({"body": b"hello"}, "5", None),
        ({"body": b"hello", "content_type": "text/a"}, "5", "text/a"),
        ({}, None, None),
        ({"headers": {"Content-Length": "77"}}, "77", None),
    ],
)
async def test_head_tells_the_length_and_sends_no_body(
    options: dict[str, Any], length: str | None, content_type: str | None
) -> None:
    async with serve(application(returning(**options))) as served, open_wire(served) as wire:
        for _ in range(2):  # the second proves that no body was sent
            await wire.send(request("HEAD"))
            answer = await wire.read_answer("HEAD")
            assert answer.status == 200
            assert answer.header("Content-Length") == length
            assert answer.header("Content-Type") == content_type


async def test_large_body_arrives_whole() -> None:
    body = bytes(range(256)) * 20_000
    answer = await ask(returning(body=body))
    assert answer.body == body


async def test_headers_keep_order_case_and_doubles() -> None:
    async def handler(_request: Any) -> Any:
        response = web.Response(text="x", headers=[("X-b", "1"), ("x-A", "2"), ("X-b", "3")])
        response.headers.add("X-c", "naïve")
        return response

    answer = await ask(handler)
    ours = [pair for pair in answer.raw_headers if pair[0].lower().startswith("x-")]
    assert ours == [("X-b", "1"), ("x-A", "2"), ("X-b", "3"), ("X-c", "naïve".encode().decode("latin-1"))]


async def test_user_may_set_date_and_server() -> None:
    answer = await ask(returning(text="x", headers={"Date": "today", "Server": "mine"}))
    assert answer.headers("Date") == ["today"]
    assert answer.headers("Server") == ["mine"]


async def test_changed_after_making() -> None:
    async def handler(_request: Any) -> Any:
        response = web.Response(text="old")
        response.set_status(202, "Later")
        response.text = "new €"
        response.content_type = "text/html"
        response.charset = "utf-16-le"
        response.text = "ab"
        response.etag = "v1"
        response.last_modified = 1_000_000_000
        return response

    answer = await ask(handler)
    assert (answer.status, answer.reason) == (202, "Later")
    assert answer.header("Content-Type") == "text/html; charset=utf-16-le"
    assert answer.body == "ab".encode("utf-16-le")
    assert answer.header("ETag") == '"v1"'
    assert answer.header("Last-Modified") == "Sun, 09 Sep 2001 01:46:40 GMT"


# --- keep-alive ---------------------------------------------------------------------------------------------


async def test_connection_is_kept_and_answers_in_order() -> None:
    async def handler(asked: Any) -> Any:
        if asked.path == "/slow":
            await asyncio.sleep(0)
        return web.Response(text=asked.path)

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(b"".join(request("GET", path) for path in ("/slow", "/a", "/b", "/slow", "/c")))
        bodies = [(await wire.read_answer()).body for _ in range(5)]
    assert bodies == [b"/slow", b"/a", b"/b", b"/slow", b"/c"]


async def test_close_is_obeyed_and_told() -> None:
    async with serve(application(returning(text="x"))) as served, open_wire(served) as wire:
        await wire.send(request("GET", "/", "Connection: close"))
        answer = await wire.read_answer()
        assert answer.header("Connection") == "close"
        assert await wire.read_to_end() == b""


async def test_force_close() -> None:
    async def handler(_request: Any) -> Any:
        response = web.Response(text="x")
        response.force_close()
        return response

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request())
        answer = await wire.read_answer()
        assert answer.header("Connection") == "close"
        assert answer.body == b"x"
        assert await wire.read_to_end() == b""


async def test_http_1_0_closes_unless_asked_to_stay() -> None:
    async with serve(application(returning(text="x"))) as served:
        async with open_wire(served) as wire:
            await wire.send(request(version="1.0"))
            answer = await wire.read_answer()
            assert answer.body == b"x"
            assert await wire.read_to_end() == b""
        async with open_wire(served) as wire:
            for _ in range(2):
                await wire.send(request("GET", "/", "Connection: keep-alive", version="1.0"))
                answer = await wire.read_answer()
                assert answer.header("Connection") == "keep-alive"
                assert answer.body == b"x"


async def test_idle_connection_is_closed_after_the_timeout() -> None:
    async with (
        serve(application(returning(text="x")), keepalive_timeout=0.1) as served,
        open_wire(served) as wire,
    ):
        await wire.send(request())
        await wire.read_answer()
        assert await wire.read_to_end() == b""


# --- streams ------------------------------------------------------------------------------------------------


def streaming(*pieces: bytes, **options: Any) -> Any:
    """A handler that streams these pieces."""

    async def handler(asked: Any) -> Any:
        response = web.StreamResponse(**options)
        await response.prepare(asked)
        for piece in pieces:
            await response.write(piece)
        await response.write_eof()
        return response

    return handler


async def test_stream_is_chunked() -> None:
    async with serve(application(streaming(b"one", b"", b"two"))) as served, open_wire(served) as wire:
        for _ in range(2):
            await wire.send(request())
            answer = await wire.read_answer()
            assert answer.header("Transfer-Encoding") == "chunked"
            assert answer.header("Content-Length") is None
            assert answer.header("Content-Type") == "application/octet-stream"
            assert answer.body == b"onetwo"


async def test_stream_may_be_left_to_the_server_to_end() -> None:
    async def handler(asked: Any) -> Any:
        response = web.StreamResponse()
        await response.prepare(asked)
        await response.write(b"x")
        return response

    assert (await ask(handler)).body == b"x"


async def test_unprepared_stream_response_is_an_empty_answer() -> None:
    async def handler(_request: Any) -> Any:
        return web.StreamResponse(status=202, headers={"X-A": "b"})

    answer = await ask(handler)
    assert (answer.status, answer.body, answer.header("X-A")) == (202, b"", "b")


async def test_stream_with_a_declared_length() -> None:
    answer = await ask(streaming(b"123", b"45", headers={"Content-Length": "5", "Content-Type": "text/a"}))
    assert answer.header("Transfer-Encoding") is None
    assert answer.header("Content-Length") == "5"
    assert answer.body == b"12345"


async def test_bytes_beyond_the_declared_length_are_dropped() -> None:
    handler = streaming(b"123", b"4567", b"8", headers={"Content-Length": "5"})
    async with serve(application(handler)) as served, open_wire(served) as wire:
        for _ in range(2):
            await wire.send(request())
            assert (await wire.read_answer()).body == b"12345"


@quinde_only
async def test_too_few_bytes_close_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    handler = streaming(b"123", headers={"Content-Length": "5"})
    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request())
        sent = await wire.read_to_end()  # and does not wait for the client's next request
        assert sent == b"" or sent.endswith((b"\r\n\r\n", b"\r\n\r\n123"))
    assert "2 of the declared bytes" in caplog.text


@quinde_only  # aiohttp leaves the connection open, so the client waits for ever
async def test_stream_to_http_1_0_ends_with_the_connection() -> None:
    async with serve(application(streaming(b"one", b"two"))) as served, open_wire(served) as wire:
        await wire.send(request("GET", "/", "Connection: keep-alive", version="1.0"))
        answer = await wire.read_head()
        assert answer.header("Transfer-Encoding") is None
        assert await wire.read_to_end() == b"onetwo"


async def test_stream_to_head_sends_no_body() -> None:
    async def handler(asked: Any) -> Any:
        response = web.StreamResponse(headers={"X-A": "b"})
        await response.prepare(asked)
        await response.write_eof()
        return response

    async with serve(application(handler)) as served, open_wire(served) as wire:
        for _ in range(2):
            await wire.send(request("HEAD"))
            answer = await wire.read_answer("HEAD")
            assert (answer.status, answer.header("X-A")) == (200, "b")
            assert answer.header("Connection") is None


@quinde_only
async def test_what_is_written_for_head_is_dropped() -> None:
    async with serve(application(streaming(b"body"))) as served, open_wire(served) as wire:
        for _ in range(2):
            await wire.send(request("HEAD"))
            assert (await wire.read_answer("HEAD")).status == 200


async def test_head_and_pieces_leave_at_once() -> None:
    go = asyncio.Event()

    async def handler(asked: Any) -> Any:
        response = web.StreamResponse()
        await response.prepare(asked)
        await go.wait()
        await response.write(b"first")
        go.clear()
        await go.wait()
        return response

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request())
        assert (await wire.read_head()).status == 200  # before any body
        go.set()
        assert await wire.read_until(b"first\r\n") == b"5\r\nfirst\r\n"  # before the end
        go.set()
        assert await wire.read_until(b"0\r\n\r\n") == b"0\r\n\r\n"


async def test_slow_reader_makes_the_writer_wait() -> None:
    written = 0
    total = 64 * 1024 * 1024
    started = asyncio.Event()

    async def handler(asked: Any) -> Any:
        nonlocal written
        response = web.StreamResponse(headers={"Content-Length": str(total)})
        await response.prepare(asked)
        started.set()
        piece = bytes(65536)
        while written < total:
            await response.write(piece)
            written += len(piece)
        return response

    async with serve(application(handler)) as served, open_wire(served) as wire:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await wire.send(request())
        await started.wait()
        for _ in range(200):
            await asyncio.sleep(0)
        assert written < total, "64 MiB cannot lie in socket buffers: somebody queued them"
        wire.writer.transport.resume_reading()  # type: ignore[attr-defined]
        await wire.read_head()
        received = 0
        while received < total:
            received += len(await wire.reader.read(1 << 20))
    assert written == total


async def test_async_iterable_is_streamed() -> None:
    async def numbers() -> AsyncIterator[bytes]:
        for number in range(3):
            yield str(number).encode()

    async def handler(_request: Any) -> Any:
        return web.Response(body=numbers(), content_type="text/a")

    answer = await ask(handler)
    assert answer.header("Transfer-Encoding") == "chunked"
    assert answer.header("Content-Type") == "text/a"
    assert answer.body == b"012"


async def test_chunked_whole_body() -> None:
    async def handler(_request: Any) -> Any:
        response = web.Response(text="whole")
        response.enable_chunked_encoding()
        return response

    answer = await ask(handler)
    assert answer.header("Transfer-Encoding") == "chunked"
    assert answer.header("Content-Length") is None
    assert answer.body == b"whole"


async def test_chunked_is_refused_for_http_1_0() -> None:
    failures: list[str] = []

    async def handler(asked: Any) -> Any:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        try:
            await response.prepare(asked)
        except RuntimeError as exc:
            failures.append(str(exc))
        return web.Response(text="instead")

    answer = await ask(handler, data=request(version="1.0"))
    assert answer.body == b"instead"
    assert "HTTP/1.0" in failures[0]


async def test_handler_may_return_what_it_has_finished() -> None:
    async def handler(asked: Any) -> Any:
        response = web.Response(text="done")
        await response.prepare(asked)
        assert response.prepared
        await response.write_eof()
        await response.write_eof()
        return response

    async with serve(application(handler)) as served, open_wire(served) as wire:
        for _ in range(2):
            await wire.send(request())
            assert (await wire.read_answer()).body == b"done"


# --- compression --------------------------------------------------------------------------------------------

TEXT = "quinde " * 2000


def unpack(answer: Answer) -> str:
    """Decode by Content-Encoding."""
    coding = answer.header("Content-Encoding")
    if coding == "gzip":
        return gzip.decompress(answer.body).decode()
    return zlib.decompress(answer.body).decode() if coding == "deflate" else answer.body.decode()


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("GZIP, deflate", "deflate"),
        ("br", None),
        ("identity", None),
        ("gzip;q=0.5", "gzip"),
    ],
)
@pytest.mark.parametrize("size", [10, len(TEXT)])
async def test_compression_as_the_client_accepts(accept: str, coding: str | None, size: int) -> None:
    async def handler(_request: Any) -> Any:
        response = web.Response(text=TEXT[:size])
        response.enable_compression()
        assert response.compression
        return response

    answer = await ask(handler, data=request("GET", "/", f"Accept-Encoding: {accept}"))
    assert answer.header("Content-Encoding") == coding
    assert answer.header("Content-Length") == str(len(answer.body))
    assert unpack(answer) == TEXT[:size]


async def test_forced_compression_of_a_stream() -> None:
    async def handler(asked: Any) -> Any:
        response = web.StreamResponse(headers={"Content-Length": "9"})
        response.enable_compression(web.ContentCoding.gzip)
        await response.prepare(asked)
        await response.write(TEXT[:9000].encode())
        await response.write(TEXT[9000:].encode())
        return response

    answer = await ask(handler)
    assert answer.header("Transfer-Encoding") == "chunked"
    assert answer.header("Content-Encoding") == "gzip"
    assert unpack(answer) == TEXT


async def test_head_of_a_compressed_answer() -> None:
    async def handler(_request: Any) -> Any:
        response = web.Response(text=TEXT)
        response.enable_compression(web.ContentCoding.deflate)
        return response

    answer = await ask(handler, method="HEAD")
    assert answer.header("Content-Encoding") == "deflate"
    assert int(answer.header("Content-Length") or 0) == len(zlib.compress(TEXT.encode()))
