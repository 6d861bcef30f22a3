"""The Python samples of the documents, and the programs of `examples/`, made runnable.

A sample stands in a fenced block that begins with ```python. One whose fence says ```python, not run:
REASON``` is shown and not run. Samples speak of http://localhost:8080, where the reader's server is; here
servers get a free port, so that address is replaced.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHOWN_ADDRESS = "http://localhost:8080"

_FENCE = re.compile(r"^```python(?P<note>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Sample:
    """One Python block of a document."""

    document: str
    line: int
    code: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def is_server(self) -> bool:
        """Whether it runs until it is stopped."""
        return "run_app(" in self.code

    @property
    def is_client_of_ours(self) -> bool:
        """Whether it asks the document's own server."""
        return SHOWN_ADDRESS in self.code


def samples() -> list[Sample]:
    """Find all samples of the documents at the root and in docs/."""
    found = []
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]):
        text = path.read_text(encoding="utf-8")
        for fence in _FENCE.finditer(text):
            if ", not run:" not in fence["note"]:
                line = text.count("\n", 0, fence.start()) + 1
                found.append(Sample(str(path.relative_to(ROOT)), line, fence["code"]))
    return found
