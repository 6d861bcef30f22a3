"""What a page shows, as plain values: a race's parts, their tables, bars and waterfalls.

Whoever races fills it; whoever draws reads it. Knows neither races nor HTML.
"""

from dataclasses import dataclass

from quinde.cli.timeline import Exchange

__all__ = ("Bar", "Chart", "Page", "Part", "Table", "Waterfall")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Figures.

    Attributes:
        columns: The headings; the first one is that of the names.
        rows: The cells, as text; the first one is a name.
        ours: The names of quinde's rows, which have the colour of the page.
        notes: Why a row has no figures, a sentence each.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    ours: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar.

    Attributes:
        name: Whose it is.
        value: How long it is.
        text: The value with its unit.
        ours: Whether it is quinde's, which has the colour of the page.
    """

    name: str
    value: float
    text: str
    ours: bool = False


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Bars that are compared with each other.

    Attributes:
        title: What they measure.
        bars: The bars.
    """

    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, kw_only=True)
class Waterfall:
    """The life of some requests on one scale of time.

    Attributes:
        title: Which requests.
        note: What to know about it.
        exchanges: The requests.
    """

    title: str
    note: str
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the race with a heading of its own.

    Attributes:
        title: The heading.
        lead: What was raced.
        sentences: What came of it, the most important first.
        table: The figures.
        charts: The figures to look at.
        waterfalls: How the requests went.
    """

    title: str
    lead: str
    sentences: tuple[str, ...]
    table: Table
    charts: tuple[Chart, ...]
    waterfalls: tuple[Waterfall, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """The page.

    Attributes:
        title: The page's heading.
        lead: A sentence under it.
        parts: What it shows.
        versions: Who raced, and in which version.
        machine: Where: names and values.
        date: When, to read: `2026-11-26 14:05 UTC`.
        command: How to repeat it.
    """

    title: str
    lead: str
    parts: tuple[Part, ...]
    versions: tuple[tuple[str, str], ...]
    machine: tuple[tuple[str, str], ...]
    date: str
    command: str
