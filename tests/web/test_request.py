"""`BaseRequest` and `Request` by themselves; over the wire: tests/behaviour/test_server_requests.py."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from quinde._core import Body
from quinde.http.streams import EMPTY_PAYLOAD
from quinde.web.exceptions import HTTPRequestEntityTooLarge
from quinde.web.keys import NotAppKeyWarning, RequestKey
from quinde.web.limits import Limits
from quinde.web.request import BaseRequest, PayloadAccessError, RequestPayloadError
from tests.web.incoming import fake_request, fake_server


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        (None, slice(None, None, 1)),
        ("bytes=0-9", slice(0, 10, 1)),
        ("BYTES=5-", slice(5, None, 1)),
        ("bytes=-5", slice(-5, None, 1)),
    ],
)
def test_range(field: str | None, wanted: slice) -> None:
    headers = [] if field is None else [("Range", field)]
    assert fake_request(headers=headers).http_range == wanted


@pytest.mark.parametrize(
    "field", ["bytes=5-4", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=1-2,4-5", "bytes=\u0661-\u0662"]
)
def test_bad_ranges(field: str) -> None:
    with pytest.raises(ValueError):
        fake_request(headers=[("Range", field)]).http_range  # noqa: B018


@pytest.mark.parametrize(
    ("sockname", "host"),
    [
        (("10.0.0.1", 80), "10.0.0.1"),
        (("::1", 80, 0, 0), "[::1]"),
        ("/run/socket", "/run/socket"),
        (None, ""),
    ],
)
def test_host_without_a_field_is_the_sockets(sockname: Any, host: str) -> None:
    request = fake_request(http_version=(1, 0))
    request._incoming.sockname = sockname
    assert request.host == host


@pytest.mark.parametrize(
    ("peername", "remote"), [(("10.0.0.1", 80), "10.0.0.1"), ("", ""), (None, None), (["h", 1], "h")]
)
def test_remote(peername: Any, remote: str | None) -> None:
    request = fake_request()
    request._incoming.peername = peername
    assert request.remote == remote


@pytest.mark.parametrize(
    ("method", "target", "rel_url", "path"),
    [
        ("GET", "/a%20b?c#d", "/a%20b?c#d", "/a b"),
        ("GET", "http://u@h.test:8/p?q", "/p?q", "/p"),
        ("OPTIONS", "*", "*", "*"),
    ],
)
def test_targets(method: str, target: str, rel_url: str, path: str) -> None:
    request = fake_request(target, method=method, headers=[("Host", "h.test")])
    assert str(request.rel_url) == rel_url
    assert request.rel_url.path == path
    assert request.raw_path == target


def test_connect() -> None:
    request = fake_request("h.test:443", method="CONNECT", headers=[("Host", "h.test:443")])
    assert request.host == "h.test"
    assert request.url.port == 443


def test_tls_shows_in_the_scheme() -> None:
    request = fake_request("http://h.test/")
    request._incoming.secure = True  # type: ignore[misc]
    assert (request.scheme, request.secure) == ("https", True)
    assert str(request.url) == "https://h.test/"


def test_old_names_warn() -> None:
    loop = object()
    request = fake_request(server=fake_server(loop=loop))
    with pytest.warns(DeprecationWarning, match="loop"):
        assert request.loop is loop
    with pytest.warns(DeprecationWarning, match="can_read_body"):
        assert request.has_body is False


def test_repr_is_ascii() -> None:
    assert repr(fake_request("/%C3%BC", method="PUT")) == r"<Request PUT /\xfc >"


async def test_task() -> None:
    request = fake_request()
    assert request.task is asyncio.current_task()
    request._incoming.task = SimpleNamespace()
    assert request.task is request._incoming.task


def test_transport_is_none_after_a_disconnect() -> None:
    request = fake_request()
    request._incoming.disconnected = True
    assert request.transport is None
    assert request.get_extra_info("peername", "default") == "default"


# --- bodies -------------------------------------------------------------------------------------------------


def fed(data: bytes, *, end: bool = True) -> Body:
    body = Body(asyncio.get_running_loop())
    body.feed_data(data)
    if end:
        body.feed_eof()
    return body


async def test_no_body() -> None:
    request = fake_request()
    assert request.content is EMPTY_PAYLOAD
    assert not request.body_exists
    assert not request.can_read_body
    assert await request.read() == b""
    await request.release()


async def test_read_waits_for_the_end() -> None:
    body = fed(b"ab", end=False)
    request = fake_request(body=body)
    reading = asyncio.create_task(request.read())
    await asyncio.sleep(0)
    assert not reading.done()
    body.feed_data(b"c")
    body.feed_eof()
    assert await reading == b"abc"


async def test_too_large_tells_the_sizes() -> None:
    request = fake_request(body=fed(b"x" * 11), limits=Limits(client_max_size=10))
    with pytest.raises(HTTPRequestEntityTooLarge) as caught:
        await request.read()
    assert caught.value.max_size == 10
    assert caught.value.actual_size >= 11
    assert request.client_max_size == 10


async def test_undecodable_text() -> None:
    request = fake_request(body=fed(b"\xff"))
    with pytest.raises(UnicodeDecodeError):
        await request.text()


async def test_unsupported_coding() -> None:
    request = fake_request(body=fed(b"x"), headers=[("Content-Encoding", "br")])
    with pytest.raises(RequestPayloadError, match="br"):
        await request.read()


async def test_body_is_closed_once() -> None:
    request = fake_request(body=fed(b"x", end=False))
    request._close_body()
    with pytest.raises(PayloadAccessError, match="has been answered"):
        await request.read()
    whole = fake_request(body=fed(b"x"))
    assert await whole.read() == b"x"
    whole._close_body()
    assert await whole.read() == b"x"


# --- interim responses --------------------------------------------------------------------------------------


async def test_informational() -> None:
    request = fake_request()
    await request.send_informational(103, {"Link": "</a>"})
    assert request._incoming.sent == [(103, [("Link", "</a>")])]
    old = fake_request(http_version=(1, 0))
    await old.send_informational(103, {"Link": "</a>"})
    assert old._incoming.sent == []
    with pytest.raises(ValueError, match="interim"):
        await request.send_informational(101)


# --- state --------------------------------------------------------------------------------------------------


def test_mapping_by_identity() -> None:
    key = RequestKey("key", int)
    request = fake_request()
    assert list(request) == []
    assert len(request) == 0
    assert bool(request)
    for lookup in (request.__getitem__, request.__delitem__):
        with pytest.raises(KeyError):
            lookup(key)
    request[key] = 1
    assert (request[key], list(request), len(request)) == (1, [key], 1)
    del request[key]
    assert key not in request
    assert request != fake_request()
    assert len({request, fake_request()}) == 2


def test_string_keys_warn_once() -> None:
    BaseRequest._seen_str_keys.discard("test key")
    with pytest.warns(NotAppKeyWarning):
        fake_request()["test key"] = 1
    fake_request()["test key"] = 2


def test_unrouted_requests_have_no_match_and_no_app() -> None:
    request = fake_request()
    with pytest.raises(RuntimeError, match="not been routed"):
        request.match_info  # noqa: B018
    with pytest.raises(RuntimeError, match="not made by an application"):
        request.app  # noqa: B018


@pytest.mark.parametrize(
    "target",
    ["/", "/a", "/a?", "/a?b", "/a?b=c%20d&e", "/a??b?", "/%41%2fb?%43", "//a/b?c", "/a#b", "/a?b#c",
     "/a:b;c=d,e", "/a//b/../c", "*", "http://h/x?y"],
)  # fmt: skip
def test_path_qs_is_that_of_the_url(target: str) -> None:
    request = fake_request(target)
    assert request.path_qs == str(request.rel_url)
