"""How a program's race is printed: a table and sentences; and its JSON.

Knows outcomes and rich; computes nothing.
"""

import re
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from quinde.cli.console import stdout_console
from quinde.cli.script.outcome import Figure, Outcome, Side
from quinde.cli.script.verdict import verdict

__all__ = ("HEADINGS", "cells", "heading", "last_lines", "on_what", "print_outcome", "ratios", "to_json")

HEADINGS = ("seconds", "CPU seconds", "peak MiB", "waiting")
_LINES_SHOWN = 40
_UNPRINTABLE = re.compile(r"[^\n\t -~\u00a0-\U0010ffff]")
_MIB = 2**20


def heading(outcome: Outcome) -> str:
    """Return what was raced, in a line."""
    return f"{' '.join([outcome.program, *outcome.arguments])} {on_what(outcome)}"


def on_what(outcome: Outcome) -> str:
    """Return on which libraries it was raced."""
    return " and ".join(f"on {side.library} {side.version or ''}".rstrip() for side in outcome.sides)


def print_outcome(outcome: Outcome) -> None:
    """Print the table and what it says."""
    console = stdout_console()
    console.print(Text(heading(outcome), style="bold"), soft_wrap=True)
    if not any(side.runs for side in outcome.sides):
        return
    runs = "1 run" if outcome.rounds == 1 else f"the median of {outcome.rounds} runs"
    console.print(Text(f"{runs} in turns, after one that does not count; least and most in brackets"))
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for name in HEADINGS:
        table.add_column(name, justify="right", no_wrap=True)
    for side in outcome.sides:
        if side.runs:
            table.add_row(*(Text(cell) for cell in cells(side)))
    if any(ratios(outcome)):
        table.add_row(*(Text(cell) for cell in ("aiohttp / quinde", *ratios(outcome), "")))
    console.print(table)
    for sentence in verdict(outcome):
        console.print(Text(sentence), soft_wrap=True)


def cells(side: Side) -> list[str]:
    """Return the cells of a side that has figures: its name and one for each heading."""
    assert side.seconds is not None
    assert side.cpu_seconds is not None
    assert side.peak_bytes is not None
    return [
        side.library,
        _cell(side.seconds, 1, 3),
        _cell(side.cpu_seconds, 1, 3),
        _cell(side.peak_bytes, _MIB, 1),
        f"{100 * (side.waiting or 0):.0f} %",
    ]


def _cell(figure: Figure, unit: float, digits: int) -> str:
    middle, low, high = (f"{value / unit:.{digits}f}" for value in (figure.median, figure.low, figure.high))
    return middle if low == high else f"{middle} ({low}-{high})"


def ratios(outcome: Outcome) -> list[str]:
    """Return how many times as much aiohttp takes as quinde, of each figure; empty texts without figures."""
    values = (outcome.ratio(name) for name in ("seconds", "cpu_seconds", "peak_bytes"))
    return ["" if value is None else f"{value:.2f} x" for value in values]


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Return what `--json` prints."""
    return outcome.to_json() | {"errors": outcome.errors(), "sentences": verdict(outcome)}


def last_lines(side: Side) -> str:
    """Return the end of what a program wrote before it failed, fit for a terminal."""
    lines = _UNPRINTABLE.sub("", side.output.replace("\r\n", "\n")).rstrip().split("\n")
    left_out = ["…"] if len(lines) > _LINES_SHOWN else []
    return "\n".join(left_out + lines[-_LINES_SHOWN:])
