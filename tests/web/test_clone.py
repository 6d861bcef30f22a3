"""Clones of requests, beside those of the installed aiohttp."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from quinde._core import Body
from quinde.web.keys import RequestKey
from quinde.web.request import BaseRequest
from tests.web.incoming import fake_request, fake_server

FIELDS = [("Host", "h.test"), ("X-A", "1"), ("Content-Type", "text/plain")]
SHOWN = (
    "method",
    "rel_url",
    "url",
    "path",
    "path_qs",
    "raw_path",
    "query_string",
    "scheme",
    "secure",
    "host",
    "remote",
    "headers",
    "raw_headers",
    "content_type",
    "content_length",
    "version",
    "keep_alive",
    "client_max_size",
)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"method": "POST"},
        {"rel_url": "/b?c=d%20e#f"},
        {"rel_url": URL("/b c")},
        {"rel_url": "https://other.test:8443/b?c"},
        {"headers": {"Host": "other.test", "X-B": "2"}},
        {"headers": [("host", "c.test"), ("Content-Length", "5"), ("x-c", "3"), ("X-C", "4")]},
        {"scheme": "https"},
        {"host": "other.test:81"},
        {"remote": "192.0.2.7"},
        {"client_max_size": 10},
        {"scheme": "https", "host": "x.test", "remote": "192.0.2.7", "rel_url": "/y"},
    ],
    ids=str,
)
def test_a_clone_says_what_it_was_told(changes: dict[str, Any]) -> None:
    with warnings.catch_warnings(action="ignore"):
        theirs = make_mocked_request("GET", "/a?q", FIELDS, client_max_size=1024)  # type: ignore[arg-type]
        theirs = theirs.clone(**{"remote": "192.0.2.1", **changes})
    original = fake_request("/a?q", headers=FIELDS)
    ours = original.clone(**changes)
    assert {name: getattr(ours, name) for name in SHOWN} == {name: getattr(theirs, name) for name in SHOWN}
    assert (original.method, original.path_qs, original.host) == ("GET", "/a?q", "h.test")


def test_what_was_said_to_a_clone_holds_for_its_clones() -> None:
    first = fake_request("/a", headers=FIELDS).clone(scheme="https", remote="192.0.2.7", method="PUT")
    second = first.clone(rel_url="/b")
    assert (second.scheme, second.remote, second.method, second.path) == ("https", "192.0.2.7", "PUT", "/b")
    assert str(second.url) == "https://h.test/b"


def test_values_are_copied() -> None:
    original = fake_request()
    key, other = RequestKey("key", int), RequestKey("other", int)
    original[key] = 1
    copied = original.clone()
    copied[other] = 2
    assert (copied[key], other in original) == (1, False)
    assert len(fake_request().clone()) == 0


def test_a_clone_is_of_the_same_class() -> None:
    class Own(BaseRequest):
        pass

    request = fake_request()
    assert type(Own(request._incoming, request._server).clone()) is Own


async def test_a_body_has_one_reader() -> None:
    body = Body(asyncio.get_running_loop())
    body.feed_data(b"abc")
    body.feed_eof()
    server = fake_server(loop=asyncio.get_running_loop(), protocol_of=lambda _connection: None)
    original = fake_request(body=body, server=server)
    copied = original.clone(client_max_size=2**20)
    assert await copied.content.read(1) == b"a"
    assert await original.read() == b"bc"
    with pytest.raises(RuntimeError, match="Cannot clone request after reading its content"):
        original.clone()


def test_what_nobody_knows_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        fake_request().clone(colour=1)
