"""Each module imports alone in a fresh process, and nobody loads what it does not need."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest

from tests.shape.package import MODULES, PROGRAM, tree

ALONE = """
import json, os, sys, traceback
import asyncio, aiohappyeyeballs, aiosignal, frozenlist, multidict, yarl  # not ours, and slow: once is enough
errors = {}
for name in json.loads(sys.argv[1]):
    end, start = os.pipe()
    if (child := os.fork()) == 0:
        try:
            __import__(name)
        except BaseException:
            os.write(start, traceback.format_exc()[-4000:].encode())
        os._exit(0)
    os.close(start)
    with open(end, encoding="utf-8", errors="replace") as pipe:
        errors[name] = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        errors[name] += f"the process ended with status {status}"
print(json.dumps(errors))
"""


def run(script: str, *arguments: str) -> str:
    """Run a script in a fresh process where warnings are errors, and give what it prints."""
    command = [sys.executable, "-W", "error", "-c", script, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.fixture(scope="module")
def errors() -> dict[str, str]:
    """What importing each module alone complained about."""
    found: dict[str, str] = json.loads(run(ALONE, json.dumps(MODULES)))
    return found


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_alone(module: str, errors: dict[str, str]) -> None:
    assert errors[module] == ""


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh process has after a statement, beyond those it starts with."""
    script = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    return set(run(script).split())


@pytest.mark.parametrize("heavy", ["asyncio", "ssl", "yarl", "multidict", "json", "logging", "quinde._core"])
def test_importing_quinde_is_light(heavy: str) -> None:
    assert heavy not in loaded_by("import quinde")


@pytest.mark.parametrize(
    ("statement", "other"),
    [("import quinde; quinde.ClientSession", "quinde.web"), ("import quinde.web", "quinde.client")],
)
def test_one_side_does_not_load_the_other(statement: str, other: str) -> None:
    assert not {name for name in loaded_by(statement) if name == other or name.startswith(f"{other}.")}


@pytest.mark.parametrize("program", ["click", "rich", "requests", "aiohttp"])
def test_nothing_of_the_library_needs_an_extra(program: str) -> None:
    """The library runs without what only the command line and the tests have."""
    library = [name for name in MODULES if not name.startswith("quinde.cli") and name != PROGRAM]
    assert program not in loaded_by("; ".join(f"import {name}" for name in library))


@pytest.mark.parametrize("module", [name for name in MODULES if name != "quinde"])
def test_nobody_imports_the_root(module: str) -> None:
    """`from quinde import errors` names a module; `from quinde import ClientSession` would close a circle."""
    below = {*(name.removeprefix("quinde.") for name in MODULES), "_core"}
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            assert "quinde" not in {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if node.module == "quinde":
                assert {alias.name for alias in node.names} <= below
