"""The page of a program's race: its figures in the page's own values.

Knows outcomes and what a page can show; not how it is drawn.
"""

from quinde.cli.page.model import Bar, Chart, Part, Table
from quinde.cli.script.outcome import Outcome
from quinde.cli.script.report import HEADINGS, cells, ratios
from quinde.cli.script.verdict import verdict

__all__ = ("part_of",)

_MIB = 2**20
_CHARTS = (
    ("seconds", "Seconds", "{:.3f} s", 1),
    ("cpu_seconds", "CPU seconds", "{:.3f} s", 1),
    ("peak_bytes", "Peak memory", "{:.1f} MiB", _MIB),
)


def part_of(outcome: Outcome) -> Part:
    """Return the part of a page that shows a program's race."""
    raced = [side for side in outcome.sides if side.runs]
    rows = [tuple(cells(side)) for side in raced]
    if any(ratios(outcome)):
        rows.append(("aiohttp / quinde", *ratios(outcome), ""))
    charts = (
        Chart(
            title=title,
            bars=tuple(
                Bar(
                    name=side.library,
                    value=getattr(side, name).median / unit,
                    text=form.format(getattr(side, name).median / unit),
                    ours=side.library == "quinde",
                )
                for side in raced
            ),
        )
        for name, title, form, unit in _CHARTS
    )
    rounds = "1 run" if outcome.rounds == 1 else f"The median of {outcome.rounds} runs"
    return Part(
        title="On aiohttp and on quinde",
        lead=f"{rounds} each, in turns, after one that does not count; least and most in brackets.",
        sentences=tuple(verdict(outcome)),
        table=Table(
            columns=("", *HEADINGS),
            rows=tuple(rows),
            ours=frozenset({"quinde"}),
            notes=tuple(outcome.errors()),
        ),
        charts=tuple(charts),
    )
