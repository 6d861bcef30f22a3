"""Typed keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import aiohttp
import pytest

from quinde.web.keys import AppKey, BaseKey, ChainMapProxy, RequestKey, ResponseKey

AT_MODULE_LEVEL = AppKey("one", int)
GENERIC = RequestKey[Iterable[str]]("two")


def test_names_carry_the_module() -> None:
    assert repr(AT_MODULE_LEVEL) == f"<AppKey({__name__}.one, type=int)>"
    assert repr(GENERIC).startswith(f"<RequestKey({__name__}.two, type=collections.abc.Iterable[str]")


def test_repr_of_other_types() -> None:
    assert "type=quinde.web.keys.BaseKey>" in repr(ResponseKey("x", BaseKey)).replace(")", "")
    assert "<<Unknown>>" in repr(AppKey[int]("x")) or "type=int" in repr(AppKey[int]("x"))
    assert "<<Unknown>>" in repr(AppKey("x"))


def test_keys_are_told_apart_by_identity() -> None:
    assert AppKey("x", int) != AppKey("x", int)
    assert len({AppKey("x", int), AppKey("x", int)}) == 2


def test_keys_sort_by_name_and_before_strings() -> None:
    a, b = AppKey("a", int), AppKey("b", int)
    keys: list[Any] = ["str", b, a]
    assert sorted(keys) == [a, b, "str"]


def test_mappings_shown_as_one() -> None:
    key: AppKey[int] = AppKey("key", int)
    first: dict[Any, Any] = {"a": 1, key: 2}
    chained = ChainMapProxy([first, {"a": 3, "b": 4}])
    theirs = aiohttp.ChainMapProxy([first, {"a": 3, "b": 4}])
    assert (chained["a"], chained[key], chained["b"], chained.get("c", 5)) == (1, 2, 4, 5)
    assert list(chained) == list(theirs)
    assert len(chained) == len(theirs) == 3
    assert (bool(chained), bool(ChainMapProxy([{}]))) == (True, False)
    assert "c" not in chained
    assert repr(chained) == repr(theirs)
    with pytest.raises(KeyError, match="c"):
        chained["c"]
    with pytest.raises(TypeError):
        chained["c"] = 1  # type: ignore[index]
