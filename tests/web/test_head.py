"""What a request's head says; over the wire: tests/behaviour/test_server_requests.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.incoming import fake_request


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


@pytest.mark.parametrize(
    "target",
    ["/", "/a", "/a?", "/a?b", "/a?b=c%20d&e", "/a??b?", "/%41%2fb?%43", "//a/b?c", "/a#b", "/a?b#c",
     "/a:b;c=d,e", "/a//b/../c", "*", "http://h/x?y"],
)  # fmt: skip
def test_path_qs_is_that_of_the_url(target: str) -> None:
    request = fake_request(target)
    assert request.path_qs == str(request.rel_url)


def test_forwarded_is_that_of_all_fields() -> None:
    request = fake_request(headers=[("Forwarded", "for=a, for=b"), ("forwarded", "For=c;proto=https")])
    assert request.forwarded == ({"for": "a"}, {"for": "b"}, {"for": "c", "proto": "https"})
    assert fake_request().forwarded == ()
