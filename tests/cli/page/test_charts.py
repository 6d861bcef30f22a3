from __future__ import annotations

import re

import pytest

from quinde.cli.page.charts import drawn_chart, drawn_charts, drawn_table
from quinde.cli.page.model import Bar, Chart, Table

TABLE = Table(
    columns=("", "seconds", "times faster"),
    rows=(("requests", "2.0", "1.0 x"), ("quinde", "0.5", "4.0 x")),
    ours=frozenset({"quinde"}),
    notes=("wreq is <not> installed",),
)


def test_a_table_has_its_headings_and_repeats_them_for_narrow_screens() -> None:
    drawn = drawn_table(TABLE, "A & B")
    assert '<caption class="unseen">A &amp; B</caption>' in drawn
    assert re.findall(r"<th scope=\"col\"[^>]*>([^<]*)<", drawn) == list(TABLE.columns)
    assert re.findall(r"<th scope=\"row\"[^>]*>([^<]*)<", drawn) == ["requests", "quinde"]
    assert re.findall(r'data-label="([^"]*)"[^>]*><span>([^<]*)<', drawn) == [
        ("seconds", "2.0"),
        ("times faster", "1.0 x"),
        ("seconds", "0.5"),
        ("times faster", "4.0 x"),
    ]
    assert drawn.count('class="ours"') == 1
    assert drawn.endswith('<p class="note">wreq is &lt;not&gt; installed</p>')


def test_bars_are_as_wide_as_their_share_of_the_longest() -> None:
    bars = (
        Bar(name="slow", value=8, text="8 s"),
        Bar(name="fast", value=1, text="1 s", ours=True),
        Bar(name="none", value=0, text="0 s"),
    )
    drawn = drawn_chart(Chart(title="Seconds", bars=bars))
    assert re.findall(r'style="width:([\d.]+)%"', drawn) == ["100.000", "12.500", "0.000"]
    assert "<figcaption>Seconds</figcaption>" in drawn
    assert drawn.count('<li class="ours">') == 1


def test_cells_with_much_in_them_have_a_line_of_a_card_to_themselves() -> None:
    assert 'class="figures"' in drawn_table(TABLE, "")
    spread = Table(columns=("", "seconds"), rows=(("quinde", "1.000 (0.900-1.100)"),))
    assert 'class="figures wordy"' in drawn_table(spread, "")


def test_charts_without_bars_are_left_out() -> None:
    charts = (
        Chart(title="Full", bars=(Bar(name="quinde", value=1, text="1"),)),
        Chart(title="Empty", bars=()),
    )
    assert re.findall("<figcaption>([^<]*)<", drawn_charts(charts)) == ["Full"]
    assert 'class="charts short"' in drawn_charts(charts)
    long = Chart(title="Long", bars=(Bar(name="quinde, concurrently", value=1, text="1"),))
    assert 'class="charts"' in drawn_charts((long,))


@pytest.mark.parametrize("bars", [(), (Bar(name="none", value=0, text="0 s"),)])
def test_a_chart_of_nothing_divides_by_nothing(bars: tuple[Bar, ...]) -> None:
    assert drawn_chart(Chart(title="Seconds", bars=bars)).count("<li") == len(bars)
