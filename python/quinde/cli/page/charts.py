"""Tables and bars of a page, as HTML.

The bars say again what the table says, for the eye: each stands beside its name and its figure. Who
listens is spared it. Knows the model and markup.
"""

from collections.abc import Sequence

from quinde.cli.page.markup import Markup, element, joined
from quinde.cli.page.model import Bar, Chart, Table

__all__ = ("drawn_chart", "drawn_charts", "drawn_table")

_WORDY = 12
"""Cells longer than this, in characters, have a line of a card to themselves."""
_SHORT = 12
"""Where no name is longer than this, three charts stand side by side."""


def drawn_table(table: Table, caption: str) -> Markup:
    """Return a table; on a narrow screen the style makes each row a card, whence the headings in the cells.

    Args:
        table: The figures.
        caption: What they are of, for who cannot see what stands around them.
    """
    heads = (element("th", column, scope="col", role="columnheader") for column in table.columns)
    wordy = any(len(cell) > _WORDY for row in table.rows for cell in row[1:])
    # The roles are those that the elements have anyway, and lose in some browsers when they become a grid.
    return joined(
        element(
            "table",
            element("caption", caption, class_="unseen"),
            element("thead", element("tr", *heads, role="row"), role="rowgroup"),
            element("tbody", *(_row(table, row) for row in table.rows), role="rowgroup"),
            class_="figures wordy" if wordy else "figures",
            role="table",
        ),
        *(element("p", note, class_="note") for note in table.notes),
    )


def _row(table: Table, row: tuple[str, ...]) -> Markup:
    cells = (
        element("td", cell and element("span", cell), data_label=column, role="cell")
        for column, cell in zip(table.columns[1:], row[1:], strict=True)
    )
    name = element("th", row[0], scope="row", role="rowheader")
    return element("tr", name, *cells, role="row", class_="ours" if row[0] in table.ours else None)


def drawn_charts(charts: Sequence[Chart]) -> Markup:
    """Return the figures of charts side by side, as far as there is room; without bars none."""
    drawn = [chart for chart in charts if chart.bars]
    short = all(len(bar.name) <= _SHORT for chart in drawn for bar in chart.bars)
    return element(
        "div", *(drawn_chart(chart) for chart in drawn), class_="charts short" if short else "charts"
    )


def drawn_chart(chart: Chart) -> Markup:
    """Return a figure with a bar for each value, the longest as wide as there is room."""
    longest = max((bar.value for bar in chart.bars), default=0.0)
    return element(
        "figure",
        element("figcaption", chart.title),
        element("ul", *(_bar(bar, longest) for bar in chart.bars), class_="bars"),
        class_="chart",
    )


def _bar(bar: Bar, longest: float) -> Markup:
    width = 100 * bar.value / longest if longest else 0
    length = element("span", class_="bar", style=f"width:{width:.3f}%")
    return element(
        "li",
        element("span", bar.name, class_="name"),
        element("span", length, class_="track", aria_hidden="true"),
        element("span", bar.text, class_="value"),
        class_="ours" if bar.ours else None,
    )
