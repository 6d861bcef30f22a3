"""The page of a race: its acts in the page's own values.

Knows acts and what a page can show; not how it is drawn.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from quinde.cli.page.file import write_page
from quinde.cli.page.model import Bar, Chart, Part, Table, Waterfall
from quinde.cli.race.figures import cells, headings
from quinde.cli.race.result import Act, Row
from quinde.cli.timeline import Exchange

__all__ = ("part_of", "versions_of", "write")

_APART = "Recorded in runs of their own: what recording costs is not in the figures above."
_RELAYED = (
    " The kernel connects to this machine at once: the round trip that a network takes for TCP is part of "
    "what comes after it."
)
_LEADS = {
    1: "The same downloads, waited for one after the other and all at once.",
    2: "Many requests to a server that answers at once: what a client costs decides.",
}
_TITLES = {1: "Why asynchronous?", 2: "Why quinde?"}
_MIB = 2**20


def write(path: Path, acts: Sequence[Act], repeat: Sequence[str]) -> None:
    """Write the page of a race.

    Args:
        path: The file.
        acts: What was raced.
        repeat: The arguments of `quinde` that repeat it.

    Raises:
        CommandError: It cannot be written; the text says why.
    """
    write_page(
        path,
        title=" ".join(_TITLES[act.number] for act in acts),
        lead=" ".join(_LEADS[act.number] for act in acts),
        parts=[part_of(act) for act in acts],
        versions=versions_of([row for act in acts for row in act.rows]),
        arguments=repeat,
    )


def part_of(act: Act) -> Part:
    """Return the part of a page that shows an act."""
    finished = [row for row in act.rows if row.seconds is not None]
    seconds = (_bar(row, row.all_seconds or 0.0, "s") for row in finished)
    cpu_seconds = (_bar(row, row.all_cpu_seconds or 0.0, "s") for row in finished)
    charts = [
        Chart(title="Seconds", bars=tuple(seconds)),
        Chart(title="CPU seconds", bars=tuple(cpu_seconds)),
    ]
    if act.number == 2:
        bars = (_bar(row, row.peak_bytes / _MIB, "MiB") for row in finished if row.peak_bytes is not None)
        charts.append(Chart(title="Peak memory", bars=tuple(bars)))
    # "Act 1, why asynchronous: 151 requests to …"; of a real server there is the latter alone.
    title, _, course = re.sub(r"//[^/@]*@", "//", act.title).partition(": ")  # an address may hold a password
    return Part(
        title=title,
        lead=course and f"{course}.",
        sentences=act.sentences,
        table=Table(
            columns=("", *headings(act)),
            rows=tuple((row.name, *cells(row, act)) for row in finished),
            ours=frozenset(row.name for row in finished if row.library == "quinde"),
            notes=(*(f"{row.name}: {row.error}" for row in act.rows if row.error is not None), *act.notes),
        ),
        charts=tuple(charts),
        waterfalls=_waterfalls(act.stairs, act.wall, relayed=bool(act.round_trip)),
    )


def versions_of(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return each library of a race and its version."""
    return list({row.library: row.version or "not installed" for row in rows}.items())


def _waterfalls(
    one_at_a_time: Sequence[Exchange], concurrent: Sequence[Exchange], *, relayed: bool
) -> tuple[Waterfall, ...]:
    """Return the waterfalls of quinde's two ways to run the course, each as far as it was recorded."""
    note = _APART + (_RELAYED if relayed else "")
    some = len(one_at_a_time) < len(concurrent)
    recorded = (
        ("One at a time" + (f": the first {len(one_at_a_time)}" if some else ""), note, one_at_a_time),
        ("Concurrently", "", concurrent),
    )
    return tuple(
        Waterfall(title=title, note=note, exchanges=tuple(exchanges))
        for title, note, exchanges in recorded
        if exchanges
    )


def _bar(row: Row, value: float, unit: str) -> Bar:
    about, digits = ("≈ " if row.is_cut and unit == "s" else ""), 3 if unit == "s" else 1
    return Bar(
        name=row.name, value=value, text=f"{about}{value:.{digits}f} {unit}", ours=row.library == "quinde"
    )
