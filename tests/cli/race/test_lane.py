from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from quinde.cli.race.contestants import CONTESTANTS
from quinde.cli.race.course import Course
from quinde.cli.race.lane import label, run_lane
from tests.cli.support import answering, pokemon


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"name": "pikachu"}', "pikachu"),
        (b'{"name": "pika\\u001b[2J\\nchu"}', "pika[2J chu"),
        (b'{"name": ""}', "#7"),
        (b'{"name": 5}', "#7"),
        (b"{}", "#7"),
        (b"[]", "#7"),
        (b"17", "#7"),
        (b"<html>", "#7"),
        (b"\xff\xfe", "#7"),
        (b"", "#7"),
        (b"[" * 100_000, "#7"),
        (json.dumps({"name": "x" * 1000}).encode(), "x" * 40),
    ],
)
def test_label(body: bytes, expected: str) -> None:
    assert label(body, 7) == expected


@pytest.mark.parametrize("key", ["requests-get", "quinde-one", "quinde-many"])
def test_a_lane_reports_names_and_figures(key: str) -> None:
    names: list[str] = []
    course = Course(template="", count=4, concurrency=2, timeout=20)
    with answering(pokemon) as url:
        row = run_lane(
            key, replace(course, template=url + "/{n}"), lambda name, answers: names.extend([name] * answers)
        )
    assert sorted(names) == ["mon-1", "mon-2", "mon-3", "mon-4"]
    assert row.error is None
    assert row.name == CONTESTANTS[key].name
    assert row.library == CONTESTANTS[key].library
    assert row.version
    assert (row.key, row.requests, row.planned) == (key, 4, 4)
    assert row.concurrency == (2 if CONTESTANTS[key].concurrent else 1)
    assert row.seconds is not None
    assert row.cpu_seconds is not None
    assert row.seconds > 0
    assert row.cpu_seconds > 0
    if sys.platform == "linux":
        assert row.peak_bytes is not None
        assert 2**20 < row.peak_bytes < 2**30


def test_many_answers_are_counted_and_not_named() -> None:
    told: list[tuple[str, int]] = []
    with answering(pokemon) as url:
        course = Course(template=url + "/{n}", count=100_000, concurrency=2, timeout=20, limit=0.5)
        row = run_lane("quinde-many", course, lambda name, answers: told.append((name, answers)))
    assert row.error is None
    assert 0 < row.requests == sum(answers for _, answers in told) < row.planned == 100_000
    assert {name for name, _ in told} == {""}
    assert len(told) <= 101


def test_a_failure_becomes_the_rows_error() -> None:
    with answering(lambda path: (500, "Oh no", b"")) as url:
        course = Course(template=url + "/{n}", count=4, concurrency=2, timeout=20)
        row = run_lane("quinde-one", course, lambda name, answers: None)
    assert row.error == f"{url}/1 answered 500 Oh no, not 200"
    assert row.seconds is None
    assert row.cpu_seconds is None


def test_a_lane_goes_straight_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with answering(pokemon) as url:
        course = Course(template=url + "/{n}", count=1, concurrency=1, timeout=20)
        assert run_lane("requests-get", course, lambda name, answers: None).error is None


def test_a_crash_becomes_the_rows_error(monkeypatch: pytest.MonkeyPatch) -> None:
    course = Course(template="http://h/{n}", count=1, concurrency=1, timeout=20)
    monkeypatch.setattr(Course, "to_json", lambda self: "{}")
    row = run_lane("quinde-one", course, lambda name, answers: None)
    assert row.error is not None
    assert "quinde.cli.race.lane ended with code 1: TypeError" in row.error
