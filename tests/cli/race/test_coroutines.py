from __future__ import annotations

import gc
import threading
import warnings

import pytest

from quinde.cli.errors import CommandError
from quinde.cli.race.contestants import CONTESTANTS
from quinde.cli.race.course import Course
from quinde.cli.race.stage import behind_relay
from tests.cli.support import PATIENCE, answering, pokemon

CONCURRENT = ["quinde-many", "aiohttp-many", "httpx-many", "wreq-many"]


@pytest.mark.parametrize("key", CONCURRENT)
def test_concurrency_is_used_and_not_exceeded(key: str) -> None:
    """Nobody is answered before three have asked; the highest number of requests under way is counted."""
    pytest.importorskip(CONTESTANTS[key].library)
    meeting, lock = threading.Barrier(3, timeout=PATIENCE), threading.Lock()
    under_way, most = 0, 0

    def answer(path: str) -> tuple[int, str, bytes]:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        meeting.wait()
        with lock:
            under_way -= 1
        return pokemon(path)

    numbers: list[int] = []
    with answering(answer) as url:
        course = Course(template=url + "/{n}", count=6, concurrency=3, timeout=20)
        CONTESTANTS[key]().run(course, lambda number, body: numbers.append(number))
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]
    assert most == 3


@pytest.mark.parametrize("key", ["quinde-one", "quinde-many", "aiohttp-many", "httpx-many"])
def test_the_courses_authority_is_trusted_and_no_stranger(key: str) -> None:
    pytest.importorskip(CONTESTANTS[key].library)
    numbers: list[int] = []
    with behind_relay(0.0) as stage:
        trusting = Course(
            template=stage.template, count=4, concurrency=2, timeout=20, authority=stage.authority
        )
        CONTESTANTS[key]().run(trusting, lambda number, body: numbers.append(number))
        stranger = Course(template=stage.template, count=4, concurrency=2, timeout=20)
        with pytest.raises(CommandError, match="certificate"):
            CONTESTANTS[key]().run(stranger, lambda number, body: None)
    assert sorted(numbers) == [1, 2, 3, 4]
    if key == "httpx-many":  # it leaves the connection of a handshake that failed to the garbage collector
        with warnings.catch_warnings(action="ignore"):
            gc.collect()
