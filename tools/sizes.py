"""Hold files, classes and functions to the sizes that CONTRIBUTING.md gives.

    python tools/sizes.py [root]

Counts lines; a function without its docstring, a Rust file without its tests. (How long a Rust function may
be is clippy's to say.) A cap raises a question and a reader answers it: `sizes-allow.txt` beside this file
holds the answers, one a line: a place, the number of lines it may have, the reason. An entry that is not
needed any more is an error too.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON_FILE = 600
RUST_FILE = 800
TEST_FILE = 800
CLASS = 400
FUNCTION = 80

PYTHON_FOLDERS = ("python", "tests", "tools", "benchmarks", "examples")
RUST_FOLDERS = ("crates", "fuzz/src")
ALLOWED = Path(__file__).parent / "sizes-allow.txt"


@dataclass(frozen=True)
class Measured:
    """One thing with a size and the size at which it should have stopped."""

    place: str
    lines: int
    cap: int


def measure(root: Path) -> Iterator[Measured]:
    """Measure all that has a cap below `root`."""
    for folder in PYTHON_FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            if not any(part.startswith(".venv") for part in path.parts):
                yield from measure_python(path, path.relative_to(root).as_posix())
    for folder in RUST_FOLDERS:
        for path in sorted((root / folder).rglob("*.rs")):
            yield measure_rust(path, path.relative_to(root).as_posix())


def measure_python(path: Path, place: str) -> Iterator[Measured]:
    """Measure a Python file, its classes and its functions."""
    text = path.read_text(encoding="utf-8")
    is_test = place.startswith("tests/")
    yield Measured(place, len(text.splitlines()), TEST_FILE if is_test else PYTHON_FILE)
    for node in ast.walk(ast.parse(text, place)):
        if isinstance(node, ast.ClassDef):
            yield Measured(f"{place}:{node.name}", _span(node), TEST_FILE if is_test else CLASS)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Measured(f"{place}:{node.name}", _span(node) - _docstring_span(node), FUNCTION)


def _span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _docstring_span(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return _span(node.body[0]) if ast.get_docstring(node) is not None else 0


def measure_rust(path: Path, place: str) -> Measured:
    """Measure a Rust file up to its test module, which stands last."""
    lines = path.read_text(encoding="utf-8").splitlines()
    in_tests = "/tests/" in place
    end = len(lines)
    for number, line in enumerate(lines[:-1]):
        if (
            not in_tests
            and line == "#[cfg(test)]"
            and lines[number + 1].startswith("mod ")
            and "{" in lines[number + 1]
        ):
            end = number
            break
    return Measured(place, end, TEST_FILE if in_tests else RUST_FILE)


def read_allowed(text: str) -> dict[str, int]:
    """Read the allow list: `place lines reason` a line, `#` opens a comment."""
    allowed = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        words = line.split(None, 2)
        if len(words) != 3 or not words[1].isdigit():
            raise SystemExit(f"{ALLOWED.name}: no place, number and reason in: {line}")
        allowed[words[0]] = int(words[1])
    return allowed


def complaints(root: Path, allowed: dict[str, int]) -> Iterator[str]:
    """Say what is too large, and which exceptions are not needed."""
    unused = set(allowed)
    for thing in measure(root):
        if thing.lines <= thing.cap:
            continue
        unused.discard(thing.place)
        if thing.lines > allowed.get(thing.place, thing.cap):
            cap = allowed.get(thing.place, thing.cap)
            yield f"{thing.place}: {thing.lines} lines, the cap is {cap}"
    for place in sorted(unused):
        yield f"{place}: stands in {ALLOWED.name} and is not too large"


def main() -> None:
    """Check the repository, or the folder that is given."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent
    found = list(complaints(root, read_allowed(ALLOWED.read_text(encoding="utf-8"))))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
