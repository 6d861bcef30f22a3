"""A response's head: computed when asked for, assignable, and right for any Content-Type and Link."""

from __future__ import annotations

from typing import Any, cast

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from quinde.client.head import ResponseHead
from quinde.client.request import ClientRequest
from tests.client.fakes import Head


def head(**fields: str) -> ResponseHead:
    """The head of an answer to a GET of http://host/dir/page#f."""
    made = ResponseHead()
    made._handle = cast(Any, Head(404, "Not Here", **fields))
    made._request = ClientRequest("GET", URL("http://host/dir/page#f"), loop=cast(Any, object()))
    made.status = 404
    return made


def test_what_the_core_says() -> None:
    response = head(A="b")
    assert (response.method, response.status, response.reason, response.version) == (
        "GET",
        404,
        "Not Here",
        (1, 1),
    )
    assert not response.ok
    assert response.headers["a"] == "b"
    assert response.raw_headers == ((b"A", b"b"),)
    assert str(response.url) == "http://host/dir/page"
    assert str(response.real_url) == "http://host/dir/page#f"
    assert response.host == "host"
    assert response.request_info.method == "GET"
    assert response.headers is response.headers


def test_old_version() -> None:
    response = head()
    cast(Any, response._handle).http_version = (1, 0)
    assert response.version == (1, 0)


def test_head_without_a_handle_is_empty_and_can_be_filled() -> None:
    response = ResponseHead()
    assert (response.status, response.reason, response.version, response.headers) == (None, None, None, None)
    response.status = 200
    cast(Any, response).reason = "Assigned"
    cast(Any, response)._headers = CIMultiDictProxy(CIMultiDict({"Content-Type": "a/b"}))
    assert response.reason == "Assigned"
    assert response.ok
    assert response.content_type == "a/b"


@pytest.mark.parametrize(
    ("raw", "content_type", "charset"),
    [
        ("text/html", "text/html", None),
        ("Text/HTML; charset=UTF-8", "text/html", "UTF-8"),
        ('text/html; a=b; charset="x"', "text/html", "x"),
        ("nonsense", "application/octet-stream", None),
    ],
)
def test_content_type(raw: str, content_type: str, charset: str | None) -> None:
    response = head(Content_Type=raw)
    assert (response.content_type, response.charset) == (content_type, charset)


def test_no_content_type() -> None:
    assert (head().content_type, head().charset) == ("application/octet-stream", None)


def test_content_length() -> None:
    assert head(Content_Length="5").content_length == 5
    assert head().content_length is None


@pytest.mark.parametrize(
    ("field", "relation", "url", "parameters"),
    [
        ("</n>; rel=next", "next", "http://host/n", {"rel": "next"}),
        ('<n>; rel="next"; title="a b"', "next", "http://host/dir/n", {"rel": "next", "title": "a b"}),
        ("<http://o/x,y;z>; rel='up'", "up", "http://o/x,y;z", {"rel": "up"}),
        ("<n>", "n", "http://host/dir/n", {}),
        ("<n>; broken; rel=x", "x", "http://host/dir/n", {"rel": "x"}),
    ],
)
def test_links(field: str, relation: str, url: str, parameters: dict[str, str]) -> None:
    link = head(Link=field).links[relation]
    assert str(link["url"]) == url
    assert {name: value for name, value in link.items() if name != "url"} == parameters


def test_several_links_and_none() -> None:
    assert list(head(Link="<a>; rel=x, <b>; rel=y").links) == ["x", "y"]
    assert len(head().links) == 0
    assert len(head(Link="nonsense").links) == 0
