from __future__ import annotations

import pytest

from quinde.cli.address import check_url


@pytest.mark.parametrize(
    "url", ["http://localhost:8080/1", "https://pokeapi.co/api/v2/pokemon/25", "HTTP://[::1]:80/?n=1#f"]
)
def test_good_addresses(url: str) -> None:
    assert check_url(url) is None


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "must be an http:// or https:// URL"),
        ("ftp://localhost/", "must be an http:// or https:// URL"),
        ("localhost/", "must be an http:// or https:// URL"),
        ("http:///", "with a host"),
        ("http://[::1/", "is no URL"),
        ("http://localhost:port/", "is no URL"),
        ("http://localhost:99999/", "is no URL"),
        ("http://local host/", "space or control"),
        ("http://localhost/\r\nX: 1", "space or control"),
    ],
)
def test_bad_addresses(url: str, reason: str) -> None:
    assert reason in (check_url(url) or "")
