"""The request as it will be sent, beside aiohttp's: fields and their order, body, target, key."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from quinde.client.request import ClientRequest, ConnectionKey, RequestInfo
from quinde.errors import InvalidURL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LIBRARY_FIELDS = {"user-agent", "accept-encoding"}


def made(method: str = "GET", url: str = "http://host/path", **options: Any) -> ClientRequest:
    """A request of quinde's, complete."""
    request = ClientRequest(method, URL(url), **options)
    request.complete(force_close=False)
    return request


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "REPORT"]
)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"data": b"bytes"},
        {"data": "text"},
        {"data": b"x", "headers": {"Content-Type": "a/b"}},
        {"data": b"x", "chunked": True},
        {"headers": [("Host", "other"), ("A", "1"), ("a", "2")]},
        {"headers": {"Accept": "x", "user-agent": "me"}},
        {"headers": {"host": "lower", "HOST": "upper"}},
        {"skip_auto_headers": ["Accept", "Content-Type"]},
        {"params": {"q": "1"}},
        {"expect100": True},
    ],
)
async def test_fields_are_aiohttp_s(method: str, options: dict[str, Any]) -> None:
    ours = ClientRequest(method, URL("http://host:8080/p#f"), **options)
    theirs = aiohttp.ClientRequest(
        method, URL("http://host:8080/p#f"), loop=asyncio.get_running_loop(), session=None, **options
    )
    assert [name.lower() for name in ours.headers] == [name.lower() for name in theirs.headers]
    for name, value in theirs.headers.items():
        if name.lower() not in LIBRARY_FIELDS:
            assert value in ours.headers.getall(name)
    assert ours.url == theirs.url
    assert ours.original_url == theirs.original_url
    assert ours.request_info.url == theirs.request_info.url
    assert (ours.method, ours.host, ours.port, ours.is_ssl()) == (
        theirs.method,
        theirs.host,
        theirs.port,
        theirs.is_ssl(),
    )
    assert tuple(ours.connection_key) == tuple(theirs.connection_key)


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("http://host", "host", "/"),
        ("http://host:80/a", "host", "/a"),
        ("http://host:81/a?b=c d#e", "host:81", "/a?b=c+d"),
        ("http://[::1]:81/", "[::1]:81", "/"),
        ("http://höst/ä", "xn--hst-sna", "/%C3%A4"),
    ],
)
async def test_host_and_target(url: str, host: str, target: str) -> None:
    request = made(url=url)
    assert request.headers["Host"] == host
    assert request.target == target


async def test_connect_names_an_authority() -> None:
    assert made("CONNECT", "http://host/").target == "host:80"


@pytest.mark.parametrize("method", ["", "A B", "A\r\nB", "Ä", "A:"])
async def test_method_must_be_a_token(method: str) -> None:
    with pytest.raises(ValueError, match="Method cannot"):
        made(method)


async def test_url_must_have_a_host() -> None:
    with pytest.raises(InvalidURL):
        made(url="/path")


async def test_fields_are_checked_before_they_are_sent() -> None:
    for fields in ({"A": "a\r\nb"}, {"A\r\nB": "c"}, {"A": "\0"}, {"": "x"}):
        with pytest.raises(ValueError):
            made(headers=fields).wire_fields()
    assert list(made(headers={"A": "é"}).wire_fields())[1] == ("A", "é")


async def test_lengths() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b""

    assert made("POST", data=b"abc").content_length() == 3
    assert made("POST", data=pieces()).content_length() is None
    assert made("POST").content_length() == 0
    assert made().content_length() is None
    for length in ("x", "-1", "+1", "1_0", "\uff11", ""):
        with pytest.raises(ValueError, match="Invalid Content-Length"):
            made("POST", data=pieces(), headers={"Content-Length": length}).content_length()


@pytest.mark.parametrize(
    "options",
    [
        {"chunked": True, "headers": {"Transfer-Encoding": "chunked"}, "data": b"x"},
        {"chunked": True, "headers": {"Content-Length": "1"}, "data": b"x"},
    ],
)
async def test_contradictions_about_chunks(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="chunked can not be set"):
        made("POST", **options)


async def test_body_can_be_replaced() -> None:
    request = made("POST", data=b"first")
    await request.update_body("second!")
    assert request.headers["Content-Length"] == "7"
    assert request._body is not None
    assert request._body.content == b"second!"
    await request.update_body(None)
    assert request.headers["Content-Length"] == "0"
    assert request.body == b""


async def test_close_is_said_when_asked() -> None:
    request = ClientRequest("GET", URL("http://host/"))
    request.complete(force_close=True)
    assert request.headers["Connection"] == "close"
    kept = ClientRequest("GET", URL("http://host/"), headers={"Connection": "x"})
    kept.complete(force_close=True)
    assert kept.headers["Connection"] == "x"


async def test_expectation_in_the_fields_counts() -> None:
    assert made("POST", headers={"Expect": "100-Continue"}, data=b"x").expect100


def test_request_info() -> None:
    fields = CIMultiDictProxy(CIMultiDict[str]())
    url = URL("http://h/#f")
    assert RequestInfo(url, "GET", fields) == (url, "GET", fields, url)
    assert RequestInfo(url, "GET", fields, URL("http://x/")).real_url == URL("http://x/")
    assert RequestInfo._fields == aiohttp.RequestInfo._fields
    assert ConnectionKey._fields == aiohttp.client_reqrep.ConnectionKey._fields


async def test_shown() -> None:
    assert repr(made()) == "<ClientRequest GET http://host/path>"
    assert made().ssl is True
    assert list(made(skip_auto_headers=["A"]).skip_auto_headers) == ["A"]
