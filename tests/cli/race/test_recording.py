from __future__ import annotations

import pytest

from quinde.cli.errors import CommandError
from quinde.cli.race.course import Course
from quinde.cli.race.recording import record
from tests.cli.support import answering, pokemon
from tests.support.servers import closed_port


def test_each_request_is_recorded_with_its_queue_and_its_name() -> None:
    names: list[str] = []
    with answering(pokemon) as url:
        exchanges = record(Course(template=url + "/{n}", count=5, concurrency=2, timeout=20), names.append)
    assert sorted(names) == sorted(each.label for each in exchanges) == [f"mon-{n}" for n in range(1, 6)]
    assert {each.status for each in exchanges} == {200}
    assert {each.error for each in exchanges} == {None}
    assert sum(not each.reused for each in exchanges) <= 2
    for each in exchanges:
        assert {phase.name for phase in each.phases} >= {"queue", "wait", "read"}
    assert all(each.seconds_of("connect") > 0 for each in exchanges if not each.reused)


def test_a_request_that_fails_is_an_exchange_with_an_error_and_the_others_go_on() -> None:
    with answering(lambda path: pokemon(path) if path == "/2" else (200, "OK\r\nBad Line", b"{}")) as url:
        course = Course(template=url + "/{n}", count=2, concurrency=1, timeout=20)
        bad, good = record(course, lambda name: None)
    assert (good.label, good.error) == ("mon-2", None)
    assert bad.label == "#1"
    assert bad.error


def test_a_server_that_is_not_there_fails_each_request() -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    course = Course(template=url + "/{n}", count=2, concurrency=2, timeout=20)
    exchanges = record(course, lambda name: None)
    assert [each.status for each in exchanges] == [None, None]
    assert all(each.error for each in exchanges)


def test_a_crash_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Course, "to_json", lambda self: "{}")
    course = Course(template="http://h/{n}", count=1, concurrency=1, timeout=20)
    with pytest.raises(CommandError, match=r"quinde\.cli\.race\.recording ended with code 1"):
        record(course, lambda name: None)
