from __future__ import annotations

import pytest

from quinde.cli.race.figures import cells, headings
from quinde.cli.race.result import Act
from tests.cli.race.rows import row

ROWS = (row("base", 1.0), row("slow", 50.0), row("cut", 2.0, requests=25), row("failed", None))
FIRST = Act(number=1, title="", url="", round_trip=None, tls=False, rows=ROWS)
SECOND = Act(number=2, title="", url="", round_trip=None, tls=False, rows=ROWS)


@pytest.mark.parametrize("act", [FIRST, SECOND])
def test_each_heading_has_its_cell(act: Act) -> None:
    assert [len(cells(each, act)) for each in ROWS] == [len(headings(act))] * 3 + [0]


def test_act_1_tells_of_waiting() -> None:
    assert cells(ROWS[0], FIRST) == ["1.000", "100", "0.250", "75%", "1.0 x"]


def test_act_2_tells_of_memory() -> None:
    assert cells(ROWS[0], SECOND) == ["1.00", "100", "0.25", "30 MiB", "1.0 x"]


def test_who_is_far_slower_is_not_0_times_faster() -> None:
    assert cells(ROWS[1], SECOND)[-1] == "0.02 x"


def test_what_is_projected_is_marked() -> None:
    assert cells(ROWS[2], SECOND) == ["≈ 8.00", "12", "≈ 1.00", "30 MiB", "0.1 x"]
