"""Puts the tables of the latest full run into README.md, between two marks. Text in, text out."""

from __future__ import annotations

BEGIN = "<!-- the latest run: written by `run.py --publish`, do not edit -->"
END = "<!-- the end of the latest run -->"


class UnfitRunError(Exception):
    """The run is not one to publish, or the page has no place for it; the message says why."""


def publish(latest: str, readme: str) -> str:
    """Give the README with the run in place of the one that it held.

    Args:
        latest: the page of a run, `latest.md`.
        readme: the README, with both marks.

    Raises:
        UnfitRunError: it was a short run, or a mark is missing.
    """
    if " · mode: full · " not in latest:
        raise UnfitRunError("the latest run was a short one; only a full run is published")
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UnfitRunError(f"README.md lacks the marks {BEGIN} and {END}")
    return f"{before}{begin}\n\n{_section(latest)}\n\n{end}{after}"


def _section(latest: str) -> str:
    """Take what the page says of the run, its headings one level lower; not its title and its picture."""
    parts = latest.strip().split("\n\n")
    kept = [part for part in parts if not part.startswith(("# ", "Written by ", "!["))]
    return "\n\n".join(f"#{part}" if part.startswith("## ") else part for part in kept)
