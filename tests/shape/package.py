"""Where the package and its modules are, for the tests of its shape."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "python" / "quinde"


def module_name(path: Path) -> str:
    """The dotted name of the module that `path` holds."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {module_name(path): path for path in sorted(SOURCE.rglob("*.py"))}
"""The file of each module, by its dotted name."""

MODULES = sorted(PATHS)
PROGRAM = "quinde.__main__"


def tree(module: str) -> ast.Module:
    """The syntax tree of a module, without importing it."""
    return ast.parse(PATHS[module].read_text(encoding="utf-8"))
