from __future__ import annotations

import json
from xml.etree import ElementTree

from benchmarks.harness import picture, report
from benchmarks.harness.results import Results
from tests.benchmarks.samples import cell

FACTS = {
    "run": {"mode": "quick", "seconds": 1},
    "machine": {"cpu": "a < b"},
    "versions": {"Python": "3.13.0"},
}


def measured() -> Results:
    found = Results(
        figures={("import", "quinde"): [30.0, 50.0, 35.0], ("idle", "quinde"): [1.5, 4.5, 4.0]},
        missing={"server nginx": "nginx is not installed"},
    )
    found.cells["server", "quinde", "hello"] = cell(90000, cpu=8.25, load_share=0.99)
    found.cells["server", "aiohttp-uvloop", "hello"] = cell(30000, cpu=25)
    found.cell("server", "granian-rsgi", "hello").problem = "it ended: exit status 1"
    return found


def test_a_table_shows_medians_limits_and_problems() -> None:
    title, table = report.tables(measured())[0]
    assert title == "server: hello"
    rows = {row[0]: row[1:] for row in table}
    assert rows["quinde"][:2] == ["90,000*", "8.2"]
    assert rows["aiohttp-uvloop"][0] == "30,000"
    assert rows["granian-rsgi"] == ["n/a", "it ended: exit status 1"]


def test_goals_stand_beside_what_was_found() -> None:
    rows = {row[0]: row[1:] for row in report.goal_table(measured())}
    times = report.TIMES
    hello = rows["server: hello ÷ aiohttp on uvloop"]
    assert hello[:4] == ["req/s", f"≥ 2.6 {times}", f"≥ 3 {times}", f"3.00 {times}"]
    assert hello[4] == f"reached, target too (3.03 {times} by CPU; req/s held back by the load core)"
    assert rows["server: hello ÷ nginx"][-1] == "not measured"
    assert rows["import quinde"] == ["ms", "< 40", "", "35.0", "reached"]
    assert rows["server: idle keep-alive connection"] == ["KiB", "< 4", "", "4.0", "missed"]


def test_goals_that_a_run_did_not_ask_for_are_left_out() -> None:
    rows = {row[0] for row in report.goal_table(measured())}
    assert "server: TLS: hello ÷ aiohttp on uvloop" not in rows
    asked = measured()
    asked.cell("server", "quinde", "tls").problem = "it ended"
    rows = {row[0] for row in report.goal_table(asked)}
    assert "server: TLS: hello ÷ aiohttp on uvloop" in rows


def test_limits_that_a_run_did_not_ask_for_are_left_out() -> None:
    found = Results(missing={"idle quinde": "it ended"})
    rows = [row for row in report.goal_table(found) if row[-1] == "not measured"]
    assert rows == [["server: idle keep-alive connection", "KiB", "< 4", "", "-", "not measured"]]


def test_figures_have_tables_of_their_own() -> None:
    found = dict(report.tables(measured()))
    assert found["server: 10,000 idle keep-alive connections"] == [["server", "KiB each"], ["quinde", "4.0"]]
    assert found["import, beyond asyncio"] == [["package", "ms"], ["quinde", "35.0"]]


def test_columns_are_aligned_and_short_rows_end_in_free_text() -> None:
    text = report.aligned(
        [["server", "req/s", "x"], ["a", "1", "22"], ["long name", "n/a", "b"], ["c", "n/a"]]
    )
    assert text.splitlines() == [
        "server     req/s   x",
        "─" * 20,
        "a              1  22",
        "long name    n/a   b",
        "c          n/a",
    ]


def test_markdown_rows_have_equal_lengths() -> None:
    lines = report.markdown([["server", "req/s", "CPU"], ["a", "n/a"]]).splitlines()
    assert lines == ["| server | req/s | CPU |", "|---|--:|--:|", "| a | n/a |  |"]


def test_the_page_holds_goals_tables_and_what_is_missing() -> None:
    page = report.page(measured(), FACTS, "latest.svg")
    assert "![quick run](latest.svg)" in page
    assert "## server: hello" in page
    assert "- server nginx: nginx is not installed" in page


def test_the_json_holds_every_round() -> None:
    whole = json.loads(report.as_json(measured(), FACTS))
    hello = whole["cells"]["server"]["hello"]
    assert hello["quinde"]["median"]["cpu_us"] == 8.25
    assert hello["quinde"]["rounds"][0]["requests_per_second"] == 90000
    assert hello["granian-rsgi"]["problem"] == "it ended: exit status 1"
    assert whole["imports_ms"] == {"quinde": [30.0, 50.0, 35.0]}
    assert whole["idle_kib"] == {"quinde": [1.5, 4.5, 4.0]}
    assert whole["goals"][0]["reached"] is True


def test_the_picture_is_well_formed_and_shows_the_cheapest_first() -> None:
    drawing = ElementTree.fromstring(picture.draw(measured(), "a < b"))
    texts = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.index("quinde") < texts.index("aiohttp-uvloop")
    assert "granian-rsgi" not in texts


def test_a_picture_of_nothing_is_still_one() -> None:
    ElementTree.fromstring(picture.draw(Results(), "nothing"))
