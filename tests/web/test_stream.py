"""`StreamResponse` by itself; over the wire: tests/behaviour/test_server_answers.py."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from quinde.http.etags import ETag
from quinde.web.keys import NotAppKeyWarning, ResponseKey
from quinde.web.stream import ContentCoding, StreamResponse
from tests.web.incoming import fake_request


def test_defaults() -> None:
    response = StreamResponse()
    assert (response.status, response.reason) == (200, "OK")
    assert not response.prepared
    assert response.keep_alive is None
    assert response.task is None
    assert (response.content_length, response.content_type, response.charset) == (
        None,
        "application/octet-stream",
        None,
    )
    assert (response.etag, response.last_modified, response.body_length) == (None, None, 0)
    assert not response.chunked
    assert not response.compression
    assert repr(response) == "<StreamResponse OK not prepared>"


def test_status_and_reason() -> None:
    response = StreamResponse(status=299)
    assert response.reason == ""
    response.set_status(404)
    assert response.reason == "Not Found"
    response.set_status(200, "Fine")
    assert response.reason == "Fine"


def test_content_type_keeps_its_parameters() -> None:
    response = StreamResponse(headers={"Content-Type": "Text/HTML; Charset=latin-1"})
    assert (response.content_type, response.charset) == ("text/html", "latin-1")
    response.content_type = "text/plain"
    assert response.headers["Content-Type"] == "text/plain; charset=latin-1"
    response.charset = "UTF-8"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    response.charset = None
    assert response.headers["Content-Type"] == "text/plain"


def test_octet_stream_has_no_charset() -> None:
    with pytest.raises(RuntimeError, match="content_type first"):
        StreamResponse().charset = "utf-8"


def test_length_and_chunks_exclude_each_other() -> None:
    response = StreamResponse()
    response.content_length = 5
    assert response.headers["Content-Length"] == "5"
    with pytest.raises(RuntimeError, match="content length is set"):
        response.enable_chunked_encoding()
    response.content_length = None
    response.enable_chunked_encoding()
    with pytest.raises(RuntimeError, match="chunked"):
        response.content_length = 5


def test_old_arguments_warn() -> None:
    with pytest.warns(DeprecationWarning, match="Chunk size"):
        StreamResponse().enable_chunked_encoding(1024)
    response = StreamResponse()
    with pytest.warns(DeprecationWarning, match="ContentCoding"):
        response.enable_compression(force=True)
    with pytest.raises(TypeError, match="ContentCoding"):
        response.enable_compression(force="gzip")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (0.2, "Thu, 01 Jan 1970 00:00:01 GMT"),
        (datetime.datetime(2001, 9, 9, 1, 46, 40, tzinfo=datetime.UTC), "Sun, 09 Sep 2001 01:46:40 GMT"),
        ("Sun, 09 Sep 2001 01:46:40 GMT", "Sun, 09 Sep 2001 01:46:40 GMT"),
    ],
)
def test_last_modified(value: Any, written: str) -> None:
    response = StreamResponse()
    response.last_modified = value
    assert response.headers["Last-Modified"] == written
    assert response.last_modified is not None
    response.last_modified = None
    assert "Last-Modified" not in response.headers
    with pytest.raises(TypeError, match="list"):
        response.last_modified = []  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("value", "written", "read"),
    [
        ("v1", '"v1"', ETag("v1")),
        (ETag("v1", is_weak=True), 'W/"v1"', ETag("v1", is_weak=True)),
        ("*", "*", ETag("*")),
    ],
)
def test_etag(value: Any, written: str, read: ETag) -> None:
    response = StreamResponse()
    response.etag = value
    assert response.headers["ETag"] == written
    assert response.etag == read
    response.etag = None
    assert "ETag" not in response.headers


@pytest.mark.parametrize("value", ['a"b', 5, ETag('"')])
def test_bad_etags_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"etag|entity tag"):
        StreamResponse().etag = value


async def test_life() -> None:
    request = fake_request("/x", method="POST")
    response = StreamResponse(headers={"A": "b"})
    with pytest.raises(RuntimeError, match="before prepare"):
        await response.write(b"x")
    with pytest.raises(RuntimeError, match="not been started"):
        await response.write_eof()
    with pytest.raises(RuntimeError, match="not been started"):
        await response.drain()
    writer = await response.prepare(request)
    assert await response.prepare(request) is writer
    assert response.prepared
    assert repr(response) == "<StreamResponse OK POST /x >"
    with pytest.raises(RuntimeError, match="after the headers"):
        response.set_status(404)
    with pytest.raises(TypeError, match="byte-ish"):
        await response.write("text")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="byte-ish"):
        await response.write_eof("text")  # type: ignore[arg-type]
    await response.write(b"x")
    with pytest.warns(DeprecationWarning, match="drain"):
        await response.drain()
    await response.write_eof(b"y")
    await response.write_eof(b"z")
    assert await response.prepare(request) is None
    with pytest.raises(RuntimeError, match="after write_eof"):
        await response.write(b"x")
    with pytest.raises(RuntimeError, match="EOF"):
        await response.drain()
    head, *body = request._incoming.sent
    assert body == [b"x", b"y", "eof"]
    assert head.items["A"] == "b"
    assert (head.length, head.chunked, head.close) == (None, True, False)
    assert response.body_length == 2
    assert repr(response) == "<StreamResponse OK eof>"


@pytest.mark.parametrize(
    ("method", "version", "status", "headers", "framing"),
    [
        ("GET", (1, 1), 200, {}, (None, True, False)),
        ("GET", (1, 1), 200, {"Content-Length": "3"}, (3, False, False)),
        ("GET", (1, 1), 200, {"Connection": "close"}, (None, True, False)),
        ("GET", (1, 0), 200, {}, (None, False, True)),
        ("GET", (1, 0), 200, {"Content-Length": "3"}, (3, False, True)),
        ("HEAD", (1, 1), 200, {"Content-Length": "3"}, (3, False, False)),
        ("HEAD", (1, 1), 200, {}, (None, False, False)),
        ("GET", (1, 1), 204, {"Content-Length": "3"}, (None, False, False)),
    ],
)
async def test_framing(
    method: str, version: tuple[int, int], status: int, headers: dict[str, str], framing: object
) -> None:
    request = fake_request(method=method, http_version=version)
    await StreamResponse(status=status, headers=headers).prepare(request)
    (head,) = request._incoming.sent[:1]
    assert (head.length, head.chunked, head.close) == framing


async def test_accepted_codings() -> None:
    for accepted, coding in (("gzip, deflate", "deflate"), ("x", None)):
        request = fake_request(headers=[("Accept-Encoding", accepted)])
        response = StreamResponse()
        response.enable_compression()
        await response.prepare(request)
        assert response.headers.get("Content-Encoding") == coding
    identity = StreamResponse()
    identity.enable_compression(ContentCoding.identity)
    await identity.prepare(fake_request(headers=[("Accept-Encoding", "gzip")]))
    assert "Content-Encoding" not in identity.headers


def test_mapping_by_identity() -> None:
    key = ResponseKey("key", int)
    response = StreamResponse()
    assert list(response) == []
    assert len(response) == 0
    assert bool(response)
    for lookup in (response.__getitem__, response.__delitem__):
        with pytest.raises(KeyError):
            lookup(key)
    response[key] = 1
    assert (response[key], list(response), len(response)) == (1, [key], 1)
    del response[key]
    assert key not in response
    assert response == response  # noqa: PLR0124
    assert response != StreamResponse()
    assert len({response, StreamResponse()}) == 2


def test_string_keys_warn_once() -> None:
    StreamResponse._seen_str_keys.discard("test key")
    with pytest.warns(NotAppKeyWarning):
        StreamResponse()["test key"] = 1
    StreamResponse()["test key"] = 2
