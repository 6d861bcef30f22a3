"""Media types, RFC 9110 section 8.3.1."""

from __future__ import annotations

import pytest
from aiohttp.helpers import parse_content_type as aiohttp_parse

from quinde.http.mime import parse_content_type

SHARED = [
    "text/html",
    "TEXT/HTML; charset=UTF-8",
    'text/html; charset="utf-8"',
    "text/html;charset=utf-8;q=1",
    "garbage",
    "a/b/c",
    "",
    "; charset=utf-8",
    "text/plain; charset",
    "text/plain;;charset=x",
    'multipart/form-data; boundary="a;b"',
    r'text/plain; a="b\"c"',
    "text/plain; CHARSET=UTF-8",
    "text/plain; charset=utf-8 foo",
    "text/ plain; charset=utf-8",
    "application/json,text/plain",
    "text/plain ; charset = utf-8",
    "a=b",
    "text/html charset=x",
    "text/plain; a=1; a=2",
    "application/vnd.x+json; v=1",
    "image/*",
]


@pytest.mark.parametrize("raw", SHARED)
def test_reads_as_aiohttp(raw: str) -> None:
    essence, parameters = parse_content_type(raw)
    expected, expected_parameters = aiohttp_parse(raw)
    assert essence == expected
    assert dict(parameters) == dict(expected_parameters)


@pytest.mark.parametrize(
    "raw", ["a/b; =", 'a/b; "x"; c=d', "a/b; ;;=;", 'a/b; c="unterminated', "a/b;" * 1000]
)
def test_broken_values_never_raise(raw: str) -> None:
    assert parse_content_type(raw)[0] == "a/b"


def test_long_values_are_linear() -> None:
    essence, parameters = parse_content_type("a/b" + "; c=" + '"' * 50_000 + "\\" * 50_000)
    assert essence == "a/b"
    assert len(parameters) <= 1
