"""docs/reference tells about each public name once, and about nothing else.

A page asks for a name by `::: quinde.Name`; a table of all names of a module stands where a comment asks for
it.
Names of two modules that are one object are told about once.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections import Counter
from typing import Any

import pytest

from tests.shape.package import ROOT

PAGES = sorted((ROOT / "docs" / "reference").glob("*.md"))
MODULES = (
    "quinde",
    "quinde.abc",
    "quinde.aiohttp_compat",
    "quinde.client_exceptions",
    "quinde.hdrs",
    "quinde.log",
    "quinde.tracing",
    "quinde.typedefs",
    "quinde.web",
)
"""What docs/project/support.md promises something about, and the two modules that go with it."""

SYNONYMS = {"quinde.DefaultResolver"}
"""Second names of what another public name means; aiohttp has them too."""

_DIRECTIVE = re.compile(r"^::: (\S+)$", re.MULTILINE)
_TABLE = re.compile(r"^<!-- names of (\S+) -->$", re.MULTILINE)

TEXT = "\n".join(path.read_text(encoding="utf-8") for path in PAGES)
TOLD = _DIRECTIVE.findall(TEXT)
TABLES = _TABLE.findall(TEXT)


def value_of(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


TIMES = Counter(id(value_of(path)) for path in TOLD)


@pytest.mark.parametrize("module", MODULES)
def test_each_public_name_is_told_about_once(module: str) -> None:
    if module in TABLES:
        assert TABLES.count(module) == 1
        return
    exports = importlib.import_module(module).__all__
    wrong = {}
    for name in exports:
        path = f"{module}.{name}"
        if path in TABLES or name == "__version__":
            continue
        times = TOLD.count(path) or TIMES[id(value_of(path))]
        if times != 1:
            wrong[path] = times
    assert wrong == {}


def test_only_public_names_are_told_about() -> None:
    public = {f"{module}.{name}" for module in MODULES for name in importlib.import_module(module).__all__}
    assert [path for path in TOLD if path not in public] == []
    assert len(set(TOLD)) == len(TOLD)


def test_no_object_is_told_about_under_two_names() -> None:
    told = [path for path in TOLD if path not in SYNONYMS]
    classes = Counter(value for path in told if isinstance(value := value_of(path), type))
    assert [value for value, times in classes.items() if times > 1] == []


def test_each_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "reference" / "index.md").read_text(encoding="utf-8")
    assert [path.name for path in PAGES if path.name != "index.md" and f"({path.name})" not in index] == []


@pytest.mark.parametrize("path", TOLD)
def test_a_name_that_is_told_about_says_what_it_is(path: str) -> None:
    value = value_of(path)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__doc__
        assert not value.__doc__.startswith(f"{value.__name__}("), "a dataclass without a sentence"
