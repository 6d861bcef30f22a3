"""What all contestants have in common; those whose library is not there are passed over."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from quinde.cli.errors import CommandError
from quinde.cli.race.contestants import CONTESTANTS, FIRST_ACT, SECOND_ACT, present
from quinde.cli.race.course import Course
from tests.cli.support import accept, answering, listening, pokemon
from tests.support.servers import closed_port

if TYPE_CHECKING:
    from quinde.cli.race.contestant import Contestant


def course(template: str, count: int = 5, timeout: float = 20.0) -> Course:
    return Course(template=template, count=count, concurrency=3, timeout=timeout)


@pytest.fixture(params=list(CONTESTANTS))
def contestant(request: pytest.FixtureRequest) -> Contestant:
    """Each contestant in turn."""
    kind = CONTESTANTS[request.param]
    if kind.optional:
        pytest.importorskip(kind.library)
    return kind()


def test_who_runs_in_which_act() -> None:
    assert [CONTESTANTS[key].name for key in FIRST_ACT] == [
        "requests.get",
        "requests.Session",
        "quinde, one at a time",
        "quinde, concurrently",
        "aiohttp, concurrently",
        "httpx, concurrently",
    ]
    assert [CONTESTANTS[key].library for key in SECOND_ACT] == ["aiohttp", "httpx", "wreq", "quinde"]
    assert {*FIRST_ACT, *SECOND_ACT} == CONTESTANTS.keys()


def test_who_is_absent_is_left_out_where_the_race_is_whole_without_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for library in ("requests", "httpx"):
        monkeypatch.setitem(sys.modules, library, None)
    here, absent = present(("requests-get", "httpx-many", "quinde-many"))
    assert (here, absent) == (["requests-get", "quinde-many"], ["httpx"])


def test_all_answers_are_read(contestant: Contestant) -> None:
    answers: list[tuple[int, bytes]] = []
    with answering(pokemon) as url:
        contestant.run(course(url + "/{n}"), lambda number, body: answers.append((number, body)))
    assert sorted(answers) == [(number, pokemon(f"/{number}")[2]) for number in range(1, 6)]
    if not contestant.concurrent:
        assert answers == sorted(answers)
    assert contestant.version[0].isdigit()


def test_one_refusal_among_good_answers(contestant: Contestant) -> None:
    def answer(path: str) -> tuple[int, str, bytes]:
        return (404, "Not Found", b"") if path == "/4" else pokemon(path)

    with answering(answer) as url, pytest.raises(CommandError) as caught:
        contestant.run(course(url + "/{n}"), lambda number, body: None)
    # wreq does not give the reason.
    assert str(caught.value).replace(" Not Found", "") == f"{url}/4 answered 404, not 200"


def test_a_success_other_than_200_is_refused_too(contestant: Contestant) -> None:
    with answering(lambda path: (203, "", b"")) as url:
        with pytest.raises(CommandError, match=r"answered 203.*, not 200"):
            contestant.run(course(url + "/{n}", count=1), lambda number, body: None)


def test_nobody_listens(contestant: Contestant) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    with pytest.raises(CommandError, match=rf"^cannot fetch {url}/\d: ."):
        contestant.run(course(url + "/{n}"), lambda number, body: None)


def test_a_server_that_never_answers(contestant: Contestant) -> None:
    with listening() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(CommandError, match=rf"^{url}/1 gave no answer within 0\.2 s$"):
            contestant.run(course(url + "/{n}", count=1, timeout=0.2), lambda number, body: None)
        accept(listener).close()


def test_no_request_is_begun_after_the_limit(contestant: Contestant) -> None:
    answers: list[int] = []
    with answering(pokemon) as url:
        stops = Course(template=url + "/{n}", count=100_000, concurrency=3, timeout=20.0, limit=0.05)
        contestant.run(stops, lambda number, body: answers.append(number))
    assert 0 < len(answers) < 100_000
