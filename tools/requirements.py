"""Print the requirements of quinde from pyproject.toml, one a line: what pip shall install before the build.

    python tools/requirements.py [extra or dependency group ...]

Gives the run-time dependencies and those of the named extras and groups: older versions of pip read neither
groups nor the dependencies of a project without building it. Knows the standard library only.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

PROJECT_FILE = Path(__file__).parent.parent / "pyproject.toml"


def requirements(project: dict[str, Any], names: list[str]) -> list[str]:
    """List the requirements of the project and of its extras and groups called `names`."""
    extras: dict[str, list[str]] = project["project"].get("optional-dependencies", {})
    groups: dict[str, list[str | dict[str, str]]] = project.get("dependency-groups", {})
    found = list(project["project"]["dependencies"])
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name not in extras and name not in groups:
            raise SystemExit(f"pyproject.toml has no extra or dependency group {name!r}")
        for entry in (*extras.get(name, ()), *groups.get(name, ())):
            if isinstance(entry, dict):
                waiting.append(entry["include-group"])
            elif entry.startswith("quinde["):
                waiting += entry.removeprefix("quinde[").rstrip("]").split(",")
            else:
                found.append(entry)
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    print("\n".join(requirements(tomllib.loads(PROJECT_FILE.read_text()), sys.argv[1:])))
