"""Look for words that must not stand in the repository.

    python tools/wording.py [root]

* A file is named by a noun of the domain: no helpers, utils, common, misc, base, manager.
* A TODO names its issue: `TODO(#12)`.
* No path of somebody's machine, no mark of an unfinished merge.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

EMPTY_NAMES = frozenset({"helper", "helpers", "util", "utils", "common", "misc", "base", "manager"})
SOURCE_SUFFIXES = frozenset({".py", ".pyi", ".rs"})
IN_SOURCES = (
    (re.compile(r"\bTODO\b(?!\(#\d+\))"), "a TODO names its issue: TODO(#12)"),
    (re.compile(r"\b(?:FIXME|XXX)\b"), "say TODO(#12), or do it"),
)
ANYWHERE = (
    (re.compile(r"(?<![\w.])/(?:home|Users)/[a-z]\w+/|(?<![\w.])/root/"), "a path of somebody's machine"),
    (re.compile(r"^(?:<{7}|>{7}|={7})(?: |$)"), "a mark of an unfinished merge"),
)
THIS_FILE = "tools/wording.py"


def files(root: Path) -> list[str]:
    """List the files that are in the repository or could be added to it."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return sorted({name for name in output.split("\0") if name and (root / name).is_file()})


def complaints(root: Path) -> Iterator[str]:
    """Say what is named or worded wrongly, and where."""
    for name in files(root):
        path = root / name
        if path.suffix in SOURCE_SUFFIXES and path.stem in EMPTY_NAMES:
            yield f"{name}: a file needs a noun of the domain as its name"
        if name in {THIS_FILE, "LICENSE"}:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or another binary file
        forbidden = (*IN_SOURCES, *ANYWHERE) if path.suffix in SOURCE_SUFFIXES else ANYWHERE
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, advice in forbidden:
                if pattern.search(line):
                    yield f"{name}:{number}: {advice}"


def main() -> None:
    """Check the repository, or the one that is given."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent
    found = list(complaints(root))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
