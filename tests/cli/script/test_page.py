from __future__ import annotations

from quinde.cli.script.page import part_of
from quinde.cli.script.verdict import verdict
from tests.cli.script.outcomes import outcome, side


def test_the_part_shows_what_the_terminal_shows() -> None:
    made = outcome(side("aiohttp", 3.0, mib=20), side("quinde", 1.0, cpu=0.25))
    part = part_of(made)
    assert part.sentences == tuple(verdict(made))
    assert part.table.columns == ("", "seconds", "CPU seconds", "peak MiB", "waiting")
    assert part.table.rows == (
        ("aiohttp", "3.000", "1.500", "20.0", "50 %"),
        ("quinde", "1.000", "0.250", "10.0", "75 %"),
        ("aiohttp / quinde", "3.00 x", "6.00 x", "2.00 x", ""),
    )
    assert part.table.ours == {"quinde"}
    assert [(bar.name, bar.value, bar.text, bar.ours) for bar in part.charts[2].bars] == [
        ("aiohttp", 20.0, "20.0 MiB", False),
        ("quinde", 10.0, "10.0 MiB", True),
    ]
    assert [chart.title for chart in part.charts] == ["Seconds", "CPU seconds", "Peak memory"]


def test_a_side_that_failed_is_a_note() -> None:
    part = part_of(outcome(side("aiohttp", 3.0), side("quinde", error="ended with code 1")))
    assert [row[0] for row in part.table.rows] == ["aiohttp"]
    assert part.table.notes == ("p.py works on aiohttp; on quinde it ended with code 1",)
    assert [len(chart.bars) for chart in part.charts] == [1, 1, 1]


def test_a_race_without_figures_is_a_part_too() -> None:
    part = part_of(outcome(side("aiohttp", error="failed"), side("quinde", error="failed")))
    assert part.table.rows == ()
    assert len(part.table.notes) == 2
