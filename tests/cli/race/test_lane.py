from __future__ import annotations

import pytest

from quinde.cli.race.contestants import CONTESTANTS
from quinde.cli.race.course import Course
from quinde.cli.race.lane import run_lane
from tests.cli.support import answering, pokemon


@pytest.mark.parametrize("key", list(CONTESTANTS))
def test_a_lane_reports_names_and_figures(key: str) -> None:
    names: list[str] = []
    with answering(pokemon) as url:
        row = run_lane(key, Course(template=url + "/{n}", count=4, concurrency=2, timeout=20), names.append)
    assert sorted(names) == ["mon-1", "mon-2", "mon-3", "mon-4"]
    assert row.error is None
    assert row.name == CONTESTANTS[key].name
    assert row.library == CONTESTANTS[key].library
    assert row.version
    assert row.requests == 4
    assert row.concurrency == (2 if CONTESTANTS[key].concurrent else 1)
    assert row.seconds is not None
    assert row.cpu_seconds is not None
    assert row.seconds > 0
    assert row.cpu_seconds > 0


def test_a_failure_becomes_the_rows_error() -> None:
    with answering(lambda path: (500, "Oh no", b"")) as url:
        course = Course(template=url + "/{n}", count=4, concurrency=2, timeout=20)
        row = run_lane("quinde-one", course, lambda name: None)
    assert row.error == f"{url}/1 answered 500 Oh no, not 200"
    assert row.seconds is None
    assert row.cpu_seconds is None


def test_a_lane_goes_straight_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with answering(pokemon) as url:
        course = Course(template=url + "/{n}", count=1, concurrency=1, timeout=20)
        assert run_lane("requests-get", course, lambda name: None).error is None


def test_a_crash_becomes_the_rows_error(monkeypatch: pytest.MonkeyPatch) -> None:
    course = Course(template="http://h/{n}", count=1, concurrency=1, timeout=20)
    monkeypatch.setattr(Course, "to_json", lambda self: "{}")
    row = run_lane("quinde-one", course, lambda name: None)
    assert row.error is not None
    assert "quinde.cli.race.lane ended with code 1: TypeError" in row.error
