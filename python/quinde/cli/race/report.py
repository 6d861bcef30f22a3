"""How an act is printed: a table, a bar chart and sentences, coloured on a terminal, plain in a pipe.

Knows rows and rich; computes nothing but widths.
"""

import textwrap
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from quinde.cli.console import stdout_console
from quinde.cli.race.figures import cells, headings
from quinde.cli.race.result import Act, Row

__all__ = ("print_act",)

_CHART_WIDTH = 72
_WIDTH = 100
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def print_act(act: Act) -> None:
    """Print the table of an act, a bar for each row that finished, and what the figures say."""
    console = stdout_console()
    console.print(Text(act.title, style="bold"), soft_wrap=True)
    console.print(_table(act))
    for note in [f"{row.name}: {row.error}" for row in act.rows if row.error is not None] + list(act.notes):
        # A sentence does not fit under a column of figures: rows without figures follow the table.
        console.print(Text(f"  {note}"), soft_wrap=True)
    console.print()
    for line in _chart(act.rows, console):
        console.print(line, no_wrap=True, overflow="crop")
    console.print()
    for sentence in act.sentences:
        for part in textwrap.wrap(sentence, min(console.width, _WIDTH) - 3):
            console.print(Text(f" {part}"), soft_wrap=True)
    if act.sentences:
        console.print()


def _table(act: Act) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for heading in headings(act):
        table.add_column(heading, justify="right")
    for row in act.rows:
        figures = cells(row, act)
        if figures:
            table.add_row(*map(Text, (row.name, *figures)))
    return table


def _chart(rows: Sequence[Row], console: Console) -> list[Text]:
    finished = [(row.name, row.all_seconds) for row in rows if row.all_seconds is not None]
    if not finished:
        return []
    name_width = max(len(name) for name, _ in finished)
    room = max(min(console.width, _CHART_WIDTH + name_width) - name_width - 14, 8)
    longest = max(seconds for _, seconds in finished)
    ascii_only = console.options.ascii_only
    return [
        Text.assemble(
            f" {name:<{name_width}}  ",
            (_bar(seconds / longest * room, ascii_only), "green" if seconds < longest else "yellow"),
            f" {seconds:.3f} s",
        )
        for name, seconds in finished
    ]


def _bar(length: float, ascii_only: bool) -> str:
    """Return a bar `length` columns long, to an eighth of a column, and never nothing."""
    if ascii_only:
        return "#" * max(round(length), 1)
    whole, eighths = divmod(max(round(length * 8), 1), 8)
    return "█" * whole + (_EIGHTHS[eighths] if eighths else "")
