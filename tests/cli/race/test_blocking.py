from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from quinde.cli.race.blocking import RequestsGet, RequestsSession
from quinde.cli.race.course import Course
from quinde.cli.race.stage import behind_relay
from tests.cli.support import answering, pokemon

if TYPE_CHECKING:
    from quinde.cli.race.contestant import Contestant


@pytest.mark.parametrize(("kind", "connections"), [(RequestsGet, 4), (RequestsSession, 1)])
def test_connections(kind: type[Contestant], connections: int) -> None:
    """The server of these tests has a thread for each connection."""
    threads: list[threading.Thread] = []

    def answer(path: str) -> tuple[int, str, bytes]:
        if threading.current_thread() not in threads:
            threads.append(threading.current_thread())
        return pokemon(path)

    with answering(answer) as url:
        kind().run(
            Course(template=url + "/{n}", count=4, concurrency=9, timeout=20), lambda number, body: None
        )
    assert len(threads) == connections


@pytest.mark.parametrize("kind", [RequestsGet, RequestsSession])
def test_the_courses_authority_is_trusted(kind: type[Contestant]) -> None:
    answers: list[int] = []
    with behind_relay(0.0) as stage:
        assert stage.authority is not None
        course = Course(
            template=stage.template, count=3, concurrency=1, timeout=20, authority=stage.authority
        )
        kind().run(course, lambda number, body: answers.append(number))
    assert answers == [1, 2, 3]
