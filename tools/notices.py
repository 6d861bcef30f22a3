"""Write NOTICES.md: whose crates the extension in a wheel is linked from, and under which licence.

    python tools/notices.py [--check]

A wheel holds compiled code of others, and their licences ask that their notices come with it. Where a crate
gives the choice, quinde takes it under the Apache License 2.0, whose text is in LICENSE; the text of another
licence is copied from the crate. Build scripts and macros run on the builder's machine and are not in the
wheel. The file names no versions: Cargo.lock does, and so does the bill of materials that maturin puts into
each wheel.

`--check` writes nothing and fails when the file is not what it should be. Needs cargo and crates' sources.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
NOTICES = ROOT / "NOTICES.md"
EXTENSION = "quinde-binding"
OURS = "Apache-2.0"
COPIED = ("MIT",)
"""What to take where Apache-2.0 is no choice: the first that is one."""

OPENING = """\
# Notices

quinde is under the Apache License 2.0, see LICENSE. The extension in its wheels is linked from these crates
as well, and from Rust's standard library, which is Apache-2.0 too. `make notices` writes this file.

"""


def cargo_metadata() -> dict[str, Any]:
    """Ask cargo what is linked from what, on any platform."""
    command = ["cargo", "metadata", "--locked", "--format-version=1"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    metadata: dict[str, Any] = json.loads(output)
    return metadata


def linked_crates(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    """List the packages of others whose code ends up in the extension, by name."""
    packages = {package["id"]: package for package in metadata["packages"]}
    edges = {node["id"]: node["deps"] for node in metadata["resolve"]["nodes"]}
    waiting = [key for key, package in packages.items() if package["name"] == EXTENSION]
    seen = set(waiting)
    while waiting:
        for edge in edges[waiting.pop()]:
            is_linked = any(kind["kind"] is None for kind in edge["dep_kinds"])
            if is_linked and edge["pkg"] not in seen and not _is_macro(packages[edge["pkg"]]):
                seen.add(edge["pkg"])
                waiting.append(edge["pkg"])
    others = (packages[key] for key in seen if packages[key]["source"] is not None)
    return sorted(others, key=lambda package: (package["name"], package["version"]))


def _is_macro(package: dict[str, Any]) -> bool:
    return any("proc-macro" in target["kind"] for target in package["targets"])


def chosen_licence(package: dict[str, Any]) -> str:
    """Choose among the licences that a crate offers.

    Raises:
        SystemExit: None of them is known here: somebody has to read it.
    """
    offered = re.split(r" OR |/", package["license"] or "")
    for name in (OURS, *COPIED):
        if name in offered:
            return name
    raise SystemExit(
        f"{package['name']}: no licence that {Path(__file__).name} knows in {package['license']!r}"
    )


def licence_text(package: dict[str, Any], licence: str) -> str:
    """Read the text of a licence from the sources of a crate."""
    folder = Path(package["manifest_path"]).parent
    for name in (f"LICENSE-{licence}", "LICENSE", "LICENSE.md", "LICENSE.txt"):
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8").strip()
    raise SystemExit(f"{package['name']}: no text of the licence in {folder}")


def notices(metadata: dict[str, Any]) -> str:
    """Compose the file."""
    rows, texts = ["| crate | taken under |", "|---|---|"], []
    for package in linked_crates(metadata):
        licence = chosen_licence(package)
        row = f"| {package['name']} | {licence} |"
        if row in rows:
            continue  # two versions of one crate
        rows.append(row)
        if licence != OURS:
            text = licence_text(package, licence)
            texts.append(f"\n## {package['name']}\n\n```text\n{text}\n```\n")
    return OPENING + "\n".join(rows) + "\n" + "".join(texts)


def main() -> None:
    """Write the file, or check it."""
    wanted = notices(cargo_metadata())
    if sys.argv[1:] != ["--check"]:
        NOTICES.write_text(wanted, encoding="utf-8")
    elif not NOTICES.is_file() or NOTICES.read_text(encoding="utf-8") != wanted:
        raise SystemExit(f"{NOTICES.name} does not name the crates of Cargo.lock: `make notices`")


if __name__ == "__main__":
    main()
