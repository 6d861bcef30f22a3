"""The public surface: `__all__` says what a module gives, and `quinde` itself has one table of names."""

from __future__ import annotations

import ast
import importlib
import inspect
import tomllib

import pytest

import quinde
from tests.shape.package import MODULES, PROGRAM, ROOT, tree

WITH_EXPORTS = [name for name in MODULES if name != PROGRAM]


@pytest.mark.parametrize("module", WITH_EXPORTS)
def test_all_is_what_the_module_gives(module: str) -> None:
    loaded = importlib.import_module(module)
    exports = getattr(loaded, "__all__", ())  # a package that re-exports nothing needs none
    assert len(set(exports)) == len(exports)
    for name in exports:
        getattr(loaded, name)
    own = {
        name
        for name, value in vars(loaded).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module
    }
    assert own <= set(exports)


def names_for_type_checkers() -> dict[str, str]:
    """What `quinde/__init__.py` imports for type checkers: name to module."""
    block = next(node for node in tree("quinde").body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module for node in imports if node.module for alias in node.names}


def test_table_of_names_is_what_type_checkers_see() -> None:
    assert names_for_type_checkers() == quinde._HOMES
    assert set(quinde.__all__) == {*quinde._HOMES, "hdrs"}


@pytest.mark.parametrize("name", quinde.__all__)
def test_public_name_is_there(name: str) -> None:
    value = getattr(quinde, name)
    if name in quinde._HOMES:
        home = importlib.import_module(f"quinde.{quinde._HOMES[name]}")
        assert value is getattr(home, name)
        assert name in home.__all__
        assert vars(quinde)[name] is value
    assert name in dir(quinde)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing_of_the_kind'"):
        quinde.nothing_of_the_kind  # noqa: B018


def test_version_is_the_same_everywhere() -> None:
    """Cargo.toml's is the distribution's, http/version.py's is what the package says of itself."""
    crates = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert quinde.__version__ == as_python_says(crates)
    assert (project["dynamic"], "version" in project) == (["version"], False)


def as_python_says(version: str) -> str:
    """Spell a version of Cargo's as PEP 440 does: `0.2.0-rc.1` is `0.2.0rc1`."""
    number, _, stage = version.partition("-")
    name, _, count = stage.partition(".")
    spelled = {"": "", "alpha": "a", "beta": "b", "rc": "rc", "dev": ".dev"}[name]
    return f"{number}{spelled}{count}"
