"""`Response` by itself, and what keeps it fit for the core's one-call answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from quinde.web.response import Response, json_bytes_response, json_response
from quinde.web.stream import ContentCoding
from tests.web.incoming import fake_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.mark.parametrize(
    ("options", "field", "body"),
    [
        ({"text": "ü"}, "text/plain; charset=utf-8", "ü".encode()),
        ({"text": "ü", "charset": "latin-1"}, "text/plain; charset=latin-1", b"\xfc"),
        ({"text": "x", "content_type": "text/html"}, "text/html; charset=utf-8", b"x"),
        ({"body": b"x"}, None, b"x"),
        ({"body": b"x", "content_type": "image/png"}, "image/png", b"x"),
        ({"body": b"x", "status": 201}, None, b"x"),
        ({}, None, None),
    ],
)
def test_plain_ones_build_no_headers(options: dict[str, Any], field: str | None, body: bytes | None) -> None:
    response = Response(**options)
    assert response._plain
    assert response._headers is None
    assert response._content_type_field == field
    assert response.body == body
    assert response.content_length == len(body or b"")


@pytest.mark.parametrize(
    "touch",
    [
        lambda response: response.headers,
        lambda response: response.force_close(),
        lambda response: response.set_status(201),
        lambda response: response.enable_compression(),
        lambda response: response.enable_chunked_encoding(),
        lambda response: setattr(response, "body", b"y"),
        lambda response: setattr(response, "text", "y"),
        lambda response: setattr(response, "content_type", "a/b"),
        lambda response: setattr(response, "etag", "y"),
    ],
)
def test_whatever_changes_the_answer_ends_that(touch: Any) -> None:
    response = Response(text="x")
    touch(response)
    assert not response._plain


@pytest.mark.parametrize(
    "options",
    [
        {"status": 204},
        {"status": 304},
        {"status": 413},
        {"status": 299},
        {"reason": "Fine"},
        {"headers": {"A": "b"}},
        {"body": bytearray(b"x")},
    ],
)
def test_some_were_never_plain(options: dict[str, Any]) -> None:
    assert not Response(**options)._plain


def test_headers_show_the_content_type() -> None:
    response = Response(text="x")
    assert dict(response.headers) == {"Content-Type": "text/plain; charset=utf-8"}
    assert response.headers is response.headers
    assert (response.content_type, response.charset, response.text) == ("text/plain", "utf-8", "x")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"body": b"", "text": ""}, ValueError, "not allowed together"),
        ({"text": b"x"}, TypeError, "must be str"),
        ({"body": object()}, ValueError, "Unsupported body type"),
        ({"content_type": "a/b; charset=x"}, ValueError, "charset must not"),
        ({"text": "", "content_type": "a/b; charset=x"}, ValueError, "charset must not"),
        ({"headers": {"Content-Type": "a/b"}, "content_type": "a/b"}, ValueError, "twice"),
        ({"headers": {"Content-Type": "a/b"}, "text": "", "charset": "x"}, ValueError, "twice"),
        ({"reason": "a\nb"}, ValueError, "control"),
        ({"status": "no number"}, ValueError, "invalid literal"),
    ],
)
def test_mistakes_are_told(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Response(**options)


def test_text_and_body_can_be_changed() -> None:
    response = Response()
    assert response.text is None
    response.text = "ü"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.body == "ü".encode()
    response.body = memoryview(b"m")
    assert response.body == b"m"
    response.body = None
    assert response.content_length == 0
    with pytest.raises(TypeError):
        response.text = b"x"  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="automatically"):
        response.content_length = 5


async def test_async_iterables() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    response = Response(body=pieces())
    assert response.content_length is None
    with pytest.raises(TypeError, match="async iterable"):
        response.text  # noqa: B018
    request = fake_request()
    await response.prepare(request)
    await response.write_eof()
    head, *body = request._incoming.sent
    assert (head.length, head.chunked) == (None, True)
    assert body == [b"a", b"b", b"", "eof"]


async def test_write_eof_takes_no_data() -> None:
    response = Response(text="x")
    with pytest.raises(ValueError, match="set its body"):
        await response.write_eof(b"y")
    request = fake_request()
    await response.prepare(request)
    await response.write_eof()
    await response.write_eof()
    head, *body = request._incoming.sent
    assert list(head.items) == ["Content-Type", "Content-Length", "Date", "Server"]
    assert body == [b"x", "eof"]


async def test_compression_without_a_body_is_left_out() -> None:
    response = Response()
    response.enable_compression(ContentCoding.gzip)
    await response.prepare(fake_request())
    assert "Content-Encoding" not in response.headers
    assert response.headers["Content-Length"] == "0"


def test_json() -> None:
    response = json_response({"a": 1}, status=201)
    assert (response.status, response.content_type, response.text) == (201, "application/json", '{"a": 1}')
    assert response._plain
    assert json_response(None).text == "null"
    assert json_response(text="[]").body == b"[]"
    assert json_response(body=b"[]").body == b"[]"
    assert json_response([1], dumps=lambda value: f"<{value}>").text == "<[1]>"
    with pytest.raises(ValueError, match="only one"):
        json_response({}, text="{}")


def test_json_bytes() -> None:
    response = json_bytes_response({"a": 1}, dumps=lambda value: json.dumps(value).encode())
    assert (response.content_type, response.charset, response.body) == ("application/json", None, b'{"a": 1}')
    assert json_bytes_response(dumps=str.encode, body=b"[]").body == b"[]"
    with pytest.raises(ValueError, match="only one"):
        json_bytes_response({}, dumps=str.encode, body=b"[]")
