from __future__ import annotations

from quinde.cli.race.page import part_of, versions_of, waterfalls_of
from quinde.cli.race.result import Row
from quinde.cli.timeline import Exchange, Phase


def row(name: str, library: str, seconds: float | None, error: str | None = None) -> Row:
    return Row(
        name=name,
        library=library,
        version=None if error else "1.0",
        requests=100,
        concurrency=1,
        seconds=seconds,
        cpu_seconds=seconds and seconds / 4,
        error=error,
    )


ROWS = [
    row("requests.get", "requests", None, "requests is not installed"),
    row("quinde, one at a time", "quinde", 2.0),
    row("quinde, concurrently", "quinde", 0.5),
]


def test_rows_become_a_table_and_bars() -> None:
    part = part_of("Title", "Lead", ROWS, ["A sentence."])
    assert (part.title, part.lead, part.sentences) == ("Title", "Lead", ("A sentence.",))
    assert part.table.rows == (
        ("quinde, one at a time", "2.000", "50", "0.500", "75 %", "1.0 x"),
        ("quinde, concurrently", "0.500", "200", "0.125", "75 %", "4.0 x"),
    )
    assert all(len(cells) == len(part.table.columns) for cells in part.table.rows)
    assert part.table.notes == ("requests.get: requests is not installed",)
    assert part.table.ours == {"quinde, one at a time", "quinde, concurrently"}
    assert [(bar.name, bar.value, bar.text, bar.ours) for bar in part.charts[0].bars] == [
        ("quinde, one at a time", 2.0, "2.000 s", True),
        ("quinde, concurrently", 0.5, "0.500 s", True),
    ]
    assert [bar.value for bar in part.charts[1].bars] == [0.5, 0.125]
    assert part.waterfalls == ()


def test_recorded_requests_become_a_waterfall() -> None:
    one, two = (Exchange(name, "http://a/", 200, None, False, (Phase("wait", 0, 1),)) for name in "ab")
    stairs, wall = waterfalls_of([one], [one, two])
    assert (stairs.title, stairs.exchanges) == ("One at a time: the first 1", (one,))
    assert (wall.title, wall.exchanges) == ("Concurrently", (one, two))
    assert "runs of their own" in stairs.note
    assert [each.title for each in waterfalls_of([one], [one])] == ["One at a time", "Concurrently"]
    assert waterfalls_of([], []) == []
    assert part_of("T", "L", ROWS, (), [wall]).waterfalls == (wall,)


def test_each_library_is_named_once_with_its_version() -> None:
    assert versions_of(ROWS) == [("requests", "not installed"), ("quinde", "1.0")]


def test_a_race_that_nobody_finished_is_a_part_too() -> None:
    part = part_of("T", "L", ROWS[:1])
    assert part.table.rows == ()
    assert [chart.bars for chart in part.charts] == [(), ()]
