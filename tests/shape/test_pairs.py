"""One source file, one test file: `python/quinde/web/server.py` is tested by `tests/web/test_server.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.shape.package import MODULES, PATHS, ROOT, SOURCE

if TYPE_CHECKING:
    from pathlib import Path

UNPAIRED = {
    "quinde.__main__": "two lines; tests/cli runs the program",
    "quinde.cli.page.model": "values only; mypy is its test",
    "quinde.client_exceptions": "re-exports only",
    "quinde.tracing": "re-exports only",
    "quinde.typedefs": "annotations only; mypy is its test",
    "quinde.web.types": "annotations only; mypy is its test",
    "quinde.log": "six loggers by name; nothing to call",
}
"""Modules without a test file of their own, and why. An `__init__` needs none."""

UNSOURCED = {"tests/cli/test_main.py": "the program as a whole: `quinde.cli.main` and `python -m quinde`"}
"""Test files without a source file of their own, and why."""


FOLDERS = sorted({path.parent.relative_to(SOURCE) for path in PATHS.values()})


def file_of_test(module: str) -> str:
    """The path of the test file that belongs to a module."""
    path = PATHS[module].relative_to(SOURCE)
    return (ROOT / "tests" / path.parent / f"test_{path.name}").relative_to(ROOT).as_posix()


@pytest.mark.parametrize("module", [name for name in MODULES if PATHS[name].name != "__init__.py"])
def test_source_has_its_test(module: str) -> None:
    there = (ROOT / file_of_test(module)).is_file()
    assert there != (module in UNPAIRED), f"{file_of_test(module)} is {'' if there else 'not '}there"


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_test_has_its_source(folder: Path) -> None:
    tests = ROOT / "tests" / folder
    strays = [
        path.relative_to(ROOT).as_posix()
        for path in tests.glob("test_*.py")
        if not (SOURCE / folder / path.name.removeprefix("test_")).is_file()
        and path.relative_to(ROOT).as_posix() not in UNSOURCED
    ]
    assert strays == [], "tests of what a folder does together stand in tests/behaviour"
