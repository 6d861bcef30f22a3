"""The Forwarded field, RFC 7239; what has no number there is as aiohttp reads it."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from quinde.http.forwarded import parse_forwarded

FIELDS: list[tuple[list[str], list[dict[str, str]]]] = [
    ([], []),
    ([""], [{}]),
    (
        ["for=192.0.2.60;proto=http;by=203.0.113.43"],
        [{"for": "192.0.2.60", "proto": "http", "by": "203.0.113.43"}],
    ),
    (["For=a, for=b", "FOR=c"], [{"for": "a"}, {"for": "b"}, {"for": "c"}]),
    (['for="[2001:db8:cafe::17]:4711"'], [{"for": "[2001:db8:cafe::17]:4711"}]),
    (["for=192.0.2.43:4711;host=a.test:80"], [{"for": "192.0.2.43:4711", "host": "a.test:80"}]),
    ([r'for="a\"b\\c";x="\]"'], [{"for": 'a"b\\c', "x": "]"}]),
    (["for=_hidden ; proto=https\t,by=unknown"], [{"for": "_hidden", "proto": "https"}, {"by": "unknown"}]),
    (["for=a for=b, for=c"], [{"for": "a"}, {"for": "c"}]),
    (["for=a;by=@;proto=x, for=b"], [{"for": "a"}, {"for": "b"}]),
    (["for=,for=b"], [{}, {"for": "b"}]),
    (['for="a, for=b'], [{}, {"for": "b"}]),
    ([",;,for=a"], [{}, {}, {"for": "a"}]),
    (["for=a;for=b"], [{"for": "b"}]),
    (["for =a"], [{}]),
    (["for=a;"], [{"for": "a"}]),
]


@pytest.mark.parametrize(("values", "elements"), FIELDS)
def test_fields_and_elements(values: list[str], elements: list[dict[str, str]]) -> None:
    assert [dict(element) for element in parse_forwarded(values)] == elements


@pytest.mark.parametrize("values", [values for values, _ in FIELDS])
def test_as_aiohttp_reads_them(values: list[str]) -> None:
    with warnings.catch_warnings(action="ignore"):
        request = make_mocked_request("GET", "/", [("Forwarded", value) for value in values])  # type: ignore[arg-type]
    assert parse_forwarded(values) == request.forwarded


def test_a_port_has_five_digits() -> None:
    """aiohttp cuts the fifth off."""
    assert parse_forwarded(["for=192.0.2.43:47111"]) == ({"for": "192.0.2.43:47111"},)


def test_elements_cannot_be_changed() -> None:
    element: Any = parse_forwarded(["for=a"])[0]
    with pytest.raises(TypeError):
        element["for"] = "b"


def test_a_long_field_takes_no_longer_than_its_length() -> None:
    assert len(parse_forwarded(['for="' + "\\" * 20_000, "for=a," * 2_000])) == 2_002
