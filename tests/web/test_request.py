"""`BaseRequest` and `Request` by themselves; over the wire: tests/behaviour/test_server_requests.py."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from quinde._core import Body
from quinde.http.streams import EMPTY_PAYLOAD
from quinde.web.application import Application
from quinde.web.exceptions import HTTPRequestEntityTooLarge
from quinde.web.keys import AppKey, NotAppKeyWarning, RequestKey
from quinde.web.limits import Limits
from quinde.web.request import BaseRequest, PayloadAccessError, RequestPayloadError
from quinde.web.routing import PlainResource, UrlMappingMatchInfo
from tests.web.incoming import fake_request, fake_server


async def handler(_request: Any) -> Any:
    raise AssertionError("nobody calls it")


@pytest.mark.parametrize(
    ("peername", "remote"), [(("10.0.0.1", 80), "10.0.0.1"), ("", ""), (None, None), (["h", 1], "h")]
)
def test_remote(peername: Any, remote: str | None) -> None:
    request = fake_request()
    request._incoming.peername = peername
    assert request.remote == remote


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


def test_config_dict_shows_the_values_of_applications() -> None:
    app, around = Application(), Application()
    key, other = AppKey("key", int), AppKey("other", int)
    app[key], around[key], around[other] = 1, 2, 3
    request = fake_request(server=fake_server(app=app))
    route = PlainResource("/").add_route("GET", handler)
    request._match_info = match_info = UrlMappingMatchInfo({}, route)
    match_info.add_app(app)
    match_info.add_app(around)
    assert (request.config_dict[key], request.config_dict[other]) == (1, 3)
    match_info.current_app = around
    assert request.config_dict[key] == 2


def test_a_clone_has_found_the_same_route() -> None:
    request = fake_request(server=fake_server(app=Application()))
    request._found = PlainResource("/").add_route("GET", handler), None
    assert request.clone(method="POST").match_info is request.match_info
    with pytest.raises(RuntimeError, match="not been routed"):
        fake_request().clone().match_info  # noqa: B018
