"""How the result of a race is printed: a table and a bar chart, coloured on a terminal, plain in a pipe.

Knows rows and rich; computes nothing but widths.
"""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from quinde.cli.console import stdout_console
from quinde.cli.race.result import Row, times_faster

__all__ = ("print_report",)

_CHART_WIDTH = 72
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def print_report(title: str, rows: Sequence[Row]) -> None:
    """Print the table of all rows, then a bar for each row that finished."""
    console = stdout_console()
    console.print(Text(title, style="bold"))
    console.print(_table(rows))
    for row in rows:
        if row.error is not None:
            # A sentence does not fit under a column of figures: rows without figures follow the table.
            console.print(Text(f"  {row.name}: {row.error}"), soft_wrap=True)
    console.print()
    for line in _chart(rows, console):
        console.print(line, no_wrap=True, overflow="crop")


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for heading in ("seconds", "requests/s", "CPU seconds", "times faster"):
        table.add_column(heading, justify="right")
    for row in rows:
        faster = times_faster(row, rows)
        if row.seconds and row.requests_per_second and row.cpu_seconds is not None and faster:
            table.add_row(
                Text(row.name),
                Text(f"{row.seconds:.3f}"),
                Text(f"{row.requests_per_second:,.0f}"),
                Text(f"{row.cpu_seconds:.3f}"),
                Text(f"{faster:.1f} x"),
            )
    return table


def _chart(rows: Sequence[Row], console: Console) -> list[Text]:
    finished = [(row.name, row.seconds) for row in rows if row.seconds is not None]
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
