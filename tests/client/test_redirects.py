"""The decision alone: method, body, fields and target of the next request."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from quinde.client.body import RequestBody, body_of
from quinde.client.redirects import CREDENTIALS, follow, location_of
from quinde.errors import ClientPayloadError, InvalidUrlRedirectClientError, NonHttpUrlRedirectClientError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HERE = URL("http://host/dir/page?q=1")
BODY = RequestBody(b"data", "a/b")


def hop(location: str = "/next", status: int = 302, **changes: Any) -> Any:
    """Follow a redirect of a GET from HERE."""
    settings: dict[str, Any] = {
        "method": "GET",
        "url": HERE,
        "headers": CIMultiDict(),
        "body": None,
        "requote": True,
        **changes,
    }
    return follow(status, location, **settings)


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        *((status, "GET", "GET") for status in (301, 302, 303, 307, 308)),
        *((status, "HEAD", "HEAD") for status in (301, 302, 303, 307, 308)),
        *((status, "POST", "GET") for status in (301, 302, 303)),
        *((status, "POST", "POST") for status in (307, 308)),
        *((status, "PUT", "PUT") for status in (301, 302, 307, 308)),
        (303, "PUT", "GET"),
        (303, "DELETE", "GET"),
    ],
)
def test_method_and_body(status: int, method: str, then: str) -> None:
    next_hop = hop(status=status, method=method, body=BODY, headers=CIMultiDict({"Content-Length": "4"}))
    assert next_hop.method == then
    kept = then == method and not (status == 303 and method != "HEAD")
    assert next_hop.body is (BODY if kept else None)
    assert ("Content-Length" in next_hop.headers) == kept


async def test_used_up_body() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b""

    body = body_of(pieces())
    assert body is not None
    hop(status=307, method="POST", body=body)
    assert [piece async for piece in body.pieces()] == [b""]
    with pytest.raises(ClientPayloadError, match="consumed request body"):
        hop(status=307, method="POST", body=body)
    assert hop(status=303, method="POST", body=body).body is None


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/a", "http://host/a"),
        ("a", "http://host/dir/a"),
        ("?x", "http://host/dir/page?x="),
        ("//other/a", "http://other/a"),
        ("http:a", "http://host/dir/a"),
        ("http:/a", "http://host/a"),
        (" http://other/a", "http://other/a"),
        ("https://host/a", "https://host/a"),
        ("HTTP://HOST/a", "http://host/a"),
    ],
)
def test_target(location: str, target: str) -> None:
    assert str(hop(location).url).rstrip("=") == target.rstrip("=")


def test_quoting_is_kept_on_demand() -> None:
    assert hop("/a%2Db").url.raw_path == "/a-b"
    assert hop("/a%2Db", requote=False).url.raw_path == "/a%2Db"


@pytest.mark.parametrize("location", ["http://[::1/", "http://h:99999/"])
def test_no_url(location: str) -> None:
    with pytest.raises(InvalidUrlRedirectClientError, match="does not look like a URL"):
        hop(location)


@pytest.mark.parametrize("location", ["https:///path", "http:\\\\other/a"])
def test_no_host(location: str) -> None:
    """Browsers read a backslash as a slash: it begins an authority, and is not joined to this host."""
    with pytest.raises(InvalidUrlRedirectClientError):
        hop(location)


@pytest.mark.parametrize("location", ["ftp://host/", "data:,x", "mailto:x@y"])
def test_other_schemes(location: str) -> None:
    with pytest.raises(NonHttpUrlRedirectClientError, match=location.split(":", maxsplit=1)[0]):
        hop(location)


ORIGINS = [
    "http://a/",
    "https://a/",
    "http://a:8080/",
    "http://b/",
    "http://a:80/",
    "http://A/",
    "http://sub.a/",
]


@pytest.mark.parametrize(("here", "there"), list(itertools.product(ORIGINS, ORIGINS)))
def test_credentials_stay_within_scheme_host_and_port(here: str, there: str) -> None:
    fields = CIMultiDict[str]([("X-Kept", "1")])
    for name in (*CREDENTIALS, "authorization", "COOKIE"):
        fields.add(str(name), "1")
        fields.add(str(name), "2")
    before = fields.copy()
    next_hop = hop(there, url=URL(here), headers=fields)
    same = URL(here).origin() == URL(there).origin()
    assert next_hop.same_origin == same
    assert fields == before, "the caller's fields are not touched"
    if same:
        assert next_hop.headers == fields
    else:
        assert list(next_hop.headers.items()) == [("X-Kept", "1")]


def test_location_or_uri() -> None:
    def fields(**items: str) -> CIMultiDictProxy[str]:
        return CIMultiDictProxy(CIMultiDict(items))

    assert location_of(fields(Location="/a", URI="/b")) == "/a"
    assert location_of(fields(URI="/b")) == "/b"
    assert location_of(fields(Location="")) is None or location_of(fields(Location="")) == ""
    assert location_of(fields()) is None
