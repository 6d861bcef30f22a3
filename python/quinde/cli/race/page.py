"""The page of a race: its rows and the recording, in the page's own values.

Knows rows and what a page can show; not how it is drawn.
"""

from collections.abc import Sequence

from quinde.cli.page.model import Bar, Chart, Part, Table, Waterfall
from quinde.cli.race.result import Row, times_faster
from quinde.cli.timeline import Exchange

__all__ = ("part_of", "versions_of", "waterfalls_of")

_APART = "Recorded in runs of their own: what recording costs is not in the figures above."
_COLUMNS = ("", "seconds", "requests/s", "CPU seconds", "waiting", "times faster")


def part_of(
    title: str,
    lead: str,
    rows: Sequence[Row],
    sentences: Sequence[str] = (),
    waterfalls: Sequence[Waterfall] = (),
) -> Part:
    """Return the part of a page that shows a race.

    Args:
        title: Its heading.
        lead: What was raced.
        rows: The contestants' results.
        sentences: What they say, the most important first.
        waterfalls: What was recorded of it.
    """
    finished = [row for row in rows if row.seconds is not None]
    return Part(
        title=title,
        lead=lead,
        sentences=tuple(sentences),
        table=Table(
            columns=_COLUMNS,
            rows=tuple(_cells(row, rows) for row in finished),
            ours=frozenset(row.name for row in finished if row.library == "quinde"),
            notes=tuple(f"{row.name}: {row.error}" for row in rows if row.error is not None),
        ),
        charts=(
            Chart(title="Seconds", bars=tuple(_bar(row, row.seconds or 0.0) for row in finished)),
            Chart(title="CPU seconds", bars=tuple(_bar(row, row.cpu_seconds or 0.0) for row in finished)),
        ),
        waterfalls=tuple(waterfalls),
    )


def waterfalls_of(one_at_a_time: Sequence[Exchange], concurrent: Sequence[Exchange]) -> list[Waterfall]:
    """Return the waterfalls of quinde's two ways to run the course, each as far as it was recorded."""
    some = len(one_at_a_time) < len(concurrent)
    recorded = (
        ("One at a time" + (f": the first {len(one_at_a_time)}" if some else ""), _APART, one_at_a_time),
        ("Concurrently", "", concurrent),
    )
    return [
        Waterfall(title=title, note=note, exchanges=tuple(exchanges))
        for title, note, exchanges in recorded
        if exchanges
    ]


def versions_of(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return each library of a race and its version."""
    return list({row.library: row.version or "not installed" for row in rows}.items())


def _cells(row: Row, rows: Sequence[Row]) -> tuple[str, ...]:
    seconds, cpu_seconds = row.seconds or 0.0, row.cpu_seconds or 0.0
    return (
        row.name,
        f"{seconds:.3f}",
        f"{row.requests_per_second or 0:,.0f}",
        f"{cpu_seconds:.3f}",
        f"{100 * max(1 - cpu_seconds / seconds, 0):.0f} %" if seconds else "",
        f"{times_faster(row, rows) or 0:.1f} x",
    )


def _bar(row: Row, value: float) -> Bar:
    return Bar(name=row.name, value=value, text=f"{value:.3f} s", ours=row.library == "quinde")
