"""The table of `quinde.aiohttp_compat` beside the installed aiohttp: its modules, and the names in both."""

from __future__ import annotations

import importlib
import pkgutil
import tomllib
import warnings
from typing import TYPE_CHECKING

import aiohttp
import pytest

from quinde.aiohttp_compat import AIOHTTP_VERSION, MODULES
from tests.shape.package import MODULES as OUR_MODULES, PROGRAM, ROOT

if TYPE_CHECKING:
    from types import ModuleType

UNLOADABLE = {"aiohttp.worker": "needs gunicorn", "aiohttp.pytest_plugin": "a plugin of pytest's"}
OTHER_THINGS = {
    "aiohttp.base_protocol",  # its protocol is the base of both ends', ours have none
    "aiohttp.tcp_helpers",
}
"""Modules whose names mean something else, or nothing, in quinde."""


def modules_of_aiohttp() -> list[str]:
    found = ["aiohttp", *(f"aiohttp.{module.name}" for module in pkgutil.iter_modules(aiohttp.__path__))]
    return [name for name in found if "._" not in name and name not in UNLOADABLE.keys() | OTHER_THINGS]


def public(module: ModuleType) -> set[str]:
    """The names that a module gives: those it lists, or those it defines."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return set(listed)
    return {
        n
        for n, v in vars(module).items()
        if n[0] != "_" and getattr(v, "__module__", None) == module.__name__
    }


def ours() -> dict[str, set[str]]:
    """The public names of the package, and where they stand; the command line's are its own."""
    homes: dict[str, set[str]] = {}
    for path in OUR_MODULES:
        if path != PROGRAM and not path.startswith("quinde.cli"):
            for name in getattr(importlib.import_module(path), "__all__", ()):
                homes.setdefault(name, set()).add(path)
    return homes


def test_the_table_names_modules_that_aiohttp_has() -> None:
    assert set(MODULES) <= set(modules_of_aiohttp())


@pytest.mark.parametrize("path", modules_of_aiohttp())
def test_what_both_have_is_found_by_aiohttps_path(path: str) -> None:
    """A name that quinde gained is given by the table wherever aiohttp has it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        theirs = public(importlib.import_module(path))
    homes = MODULES.get(path, ())
    given = {name for home in homes for name in importlib.import_module(home).__all__}
    lost = {name: where for name, where in ours().items() if name in theirs - given}
    assert lost == {}, f"add these modules to the row of {path} in quinde/aiohttp_compat.py"


def test_the_version_is_that_of_the_aiohttp_compared_with() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    assert f"aiohttp=={AIOHTTP_VERSION}" in groups["test"]
