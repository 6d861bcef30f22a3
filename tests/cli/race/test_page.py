from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from quinde.cli.race.page import part_of, versions_of, write
from quinde.cli.race.result import Act, Row
from quinde.cli.timeline import Exchange, Phase
from tests.cli.race.rows import row

if TYPE_CHECKING:
    from pathlib import Path


def act(rows: list[Row], number: Literal[1, 2] = 1, stairs: int = 0, wall: int = 0) -> Act:
    exchanges = [Exchange(name, "http://a/", 200, None, False, (Phase("wait", 0, 1),)) for name in "ab"]
    return Act(
        number=number,
        title="5 requests to http://ana:secret@h/{n}",
        url="http://h/{n}",
        round_trip=20.0,
        tls=True,
        rows=tuple(rows),
        sentences=("A sentence.",),
        notes=("A note.",),
        stairs=tuple(exchanges[:stairs]),
        wall=tuple(exchanges[:wall]),
    )


ROWS = [
    row("requests.get", None, "requests is not installed", library="requests"),
    row("quinde, one at a time", 2.0, library="quinde", cpu_seconds=0.5),
    row("quinde, concurrently", 0.5, library="quinde", cpu_seconds=0.125),
]


def test_rows_become_a_table_and_bars() -> None:
    part = part_of(act(ROWS))
    assert (part.title, part.sentences) == ("5 requests to http://h/{n}", ("A sentence.",))
    assert part.table.rows == (
        ("quinde, one at a time", "2.000", "50", "0.500", "75%", "1.0 x"),
        ("quinde, concurrently", "0.500", "200", "0.125", "75%", "4.0 x"),
    )
    assert all(len(cells) == len(part.table.columns) for cells in part.table.rows)
    assert part.table.notes == ("requests.get: requests is not installed", "A note.")
    assert part.table.ours == {"quinde, one at a time", "quinde, concurrently"}
    assert [(bar.name, bar.value, bar.text, bar.ours) for bar in part.charts[0].bars] == [
        ("quinde, one at a time", 2.0, "2.000 s", True),
        ("quinde, concurrently", 0.5, "0.500 s", True),
    ]
    assert [bar.value for bar in part.charts[1].bars] == [0.5, 0.125]
    assert part.waterfalls == ()


def test_act_2_has_bars_of_memory_and_marks_what_is_projected() -> None:
    seconds, _, memory = part_of(act([row("slow", 1.0, library="aiohttp", requests=50)], number=2)).charts
    assert [bar.text for bar in seconds.bars] == ["≈ 2.000 s"]
    assert [bar.text for bar in memory.bars] == ["30.0 MiB"]


def test_recorded_requests_become_waterfalls() -> None:
    stairs, wall = part_of(act(ROWS, stairs=1, wall=2)).waterfalls
    assert (stairs.title, len(stairs.exchanges)) == ("One at a time: the first 1", 1)
    assert (wall.title, len(wall.exchanges)) == ("Concurrently", 2)
    assert "runs of their own" in stairs.note
    assert "round trip" in stairs.note
    titles = [each.title for each in part_of(act(ROWS, stairs=1, wall=1)).waterfalls]
    assert titles == ["One at a time", "Concurrently"]


def test_each_library_is_named_once_with_its_version() -> None:
    assert versions_of(ROWS) == [("requests", "not installed"), ("quinde", "1.0")]


def test_a_race_that_nobody_finished_is_a_part_too() -> None:
    part = part_of(act(ROWS[:1]))
    assert part.table.rows == ()
    assert [chart.bars for chart in part.charts] == [(), ()]


def test_a_page_has_all_acts(tmp_path: Path) -> None:
    path = tmp_path / "race.html"
    write(path, [act(ROWS), act(ROWS, number=2)], ["race", "--html", "race.html"])
    text = path.read_text(encoding="utf-8")
    assert "Why asynchronous?" in text
    assert text.count("A sentence.") == 2
    assert "secret" not in text


def test_an_acts_title_is_its_heading_and_its_course() -> None:
    part = part_of(replace(act(ROWS), title="Act 1, why asynchronous: 5 requests to http://h/{n}"))
    assert (part.title, part.lead) == ("Act 1, why asynchronous", "5 requests to http://h/{n}.")
    assert part_of(act(ROWS)).lead == ""


def test_a_page_asks_what_its_acts_answer(tmp_path: Path) -> None:
    path = tmp_path / "race.html"
    write(path, [act(ROWS), act(ROWS, number=2)], ["race"])
    assert "<h1>Why asynchronous? Why quinde?</h1>" in path.read_text(encoding="utf-8")
    write(path, [act(ROWS, number=2)], ["race"])
    assert "<h1>Why quinde?</h1>" in path.read_text(encoding="utf-8")
