"""The client's behaviour tests that take `lib`, run on the installed aiohttp: they state facts about both."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import aiohttp
import pytest

FOLDER = Path(__file__).parent.parent / "behaviour"


def cases() -> list[Any]:
    """Each test of the client's behaviour that takes `lib`, with each set of its parameters."""
    found = []
    for path in sorted(FOLDER.glob("test_client_*.py")):
        module = importlib.import_module(f"tests.behaviour.{path.stem}")
        for name, test in inspect.getmembers(module, inspect.iscoroutinefunction):
            if not name.startswith("test_") or "lib" not in inspect.signature(test).parameters:
                continue
            for values in parameter_sets(test):
                shown = "-".join(map(show, values.values()))
                found.append(pytest.param(test, values, id=f"{path.stem}.{name}[{shown}]"))
    return found


def show(value: Any) -> str:
    """Show a parameter in a test's name, the same in every process: no addresses."""
    text = str(value)[:20]
    return type(value).__name__ if " at 0x" in text or "<" in text[:1] else text


def parameter_sets(test: Any) -> list[dict[str, Any]]:
    """Multiply the parametrize marks of a test out."""
    sets: list[dict[str, Any]] = [{}]
    for mark in getattr(test, "pytestmark", ()):
        if mark.name != "parametrize":
            continue
        names, rows = mark.args
        names = [names] if isinstance(names, str) else list(names)
        rows = [[row] if len(names) == 1 else row for row in rows]
        sets = [{**known, **dict(zip(names, row, strict=True))} for known in sets for row in rows]
    return sets


@pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")
@pytest.mark.parametrize(("test", "values"), cases())
async def test_aiohttp_behaves_so_too(test: Any, values: dict[str, Any]) -> None:
    await test(aiohttp, **values)


def test_there_are_cases() -> None:
    assert len(cases()) > 100
