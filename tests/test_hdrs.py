"""`quinde.hdrs`: the same names with the same values as aiohttp's."""

from __future__ import annotations

import aiohttp.hdrs
import pytest
from multidict import CIMultiDict, istr

from quinde import hdrs

NAMES = [name for name in dir(aiohttp.hdrs) if name.isupper()]


@pytest.mark.parametrize("name", NAMES)
def test_constant_is_that_of_aiohttp(name: str) -> None:
    ours, theirs = getattr(hdrs, name), getattr(aiohttp.hdrs, name)
    assert ours == theirs
    assert type(ours) is type(theirs)


def test_nothing_is_missing_or_added() -> None:
    assert set(hdrs.__all__) == set(NAMES)


def test_names_find_fields_of_any_case() -> None:
    assert CIMultiDict({"content-TYPE": "text/plain"})[hdrs.CONTENT_TYPE] == "text/plain"
    assert isinstance(hdrs.CONTENT_TYPE, istr)


def test_every_method_but_any_is_in_all() -> None:
    methods = {name.removeprefix("METH_") for name in hdrs.__all__ if name.startswith("METH_")}
    assert methods - {"ANY", "ALL"} == hdrs.METH_ALL
