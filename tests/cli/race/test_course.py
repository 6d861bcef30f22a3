from __future__ import annotations

import pytest

from quinde.cli.race.course import Course, check_template


def course(**changes: object) -> Course:
    values: dict[str, object] = {"template": "http://h/{n}", "count": 3, "concurrency": 2, "timeout": 1.5}
    return Course(**(values | changes))  # type: ignore[arg-type]


def test_stops_count_from_one() -> None:
    assert list(course().stops()) == [(1, "http://h/1"), (2, "http://h/2"), (3, "http://h/3")]


def test_stops_start_again_where_the_server_knows_no_more() -> None:
    assert [number for number, _ in course(count=5, numbers=2).stops()] == [1, 2, 1, 2, 1]


def test_each_place_is_filled_and_other_braces_stay() -> None:
    assert list(course(template="http://h/{n}?q={n}&x={y}", count=1).stops()) == [(1, "http://h/1?q=1&x={y}")]


def test_json_and_back() -> None:
    assert Course.from_json(course(numbers=151).to_json()) == course(numbers=151)


@pytest.mark.parametrize(
    "template",
    ["http://localhost:8080/{n}", "https://pokeapi.co/api/v2/pokemon/{n}", "http://[::1]:80/?n={n}"],
)
def test_good_templates(template: str) -> None:
    assert check_template(template) is None


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("http://localhost/", "needs {n}"),
        ("http://localhost/{m}", "needs {n}"),
        ("", "needs {n}"),
        ("ftp://localhost/{n}", "must be an http:// or https:// URL"),
        ("localhost/{n}", "must be an http:// or https:// URL"),
        ("http:///{n}", "with a host"),
        ("http://[::1/{n}", "is no URL"),
        ("http://localhost:port/{n}", "is no URL"),
        ("http://localhost:99999/{n}", "is no URL"),
        ("http://local host/{n}", "space or control"),
        ("http://localhost/{n}\r\nX: 1", "space or control"),
    ],
)
def test_bad_templates(template: str, reason: str) -> None:
    assert reason in (check_template(template) or "")
