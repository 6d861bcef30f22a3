from __future__ import annotations

import json
import sys
import threading

import pytest

from quinde.cli.errors import CommandError
from quinde.cli.race.contestants import CONTESTANTS, Contestant, label
from quinde.cli.race.course import Course
from tests.cli.support import PATIENCE, accept, answering, listening, pokemon
from tests.support.servers import closed_port


def course(template: str, count: int = 5, timeout: float = 20.0) -> Course:
    return Course(template=template, count=count, concurrency=3, timeout=timeout)


@pytest.fixture(params=list(CONTESTANTS))
def contestant(request: pytest.FixtureRequest) -> Contestant:
    """Each contestant in turn."""
    return CONTESTANTS[request.param]()


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


def test_keys_and_names_are_unique() -> None:
    names = [contestant.name for contestant in CONTESTANTS.values()]
    assert names == ["requests.get", "quinde, one at a time", "quinde, concurrently"]


def test_all_answers_are_read(contestant: Contestant) -> None:
    names: list[str] = []
    with answering(pokemon) as url:
        contestant.run(course(url + "/{n}"), names.append)
    assert sorted(names) == ["mon-1", "mon-2", "mon-3", "mon-4", "mon-5"]
    if not contestant.concurrent:
        assert names == sorted(names)


def test_one_refusal_among_good_answers(contestant: Contestant) -> None:
    def answer(path: str) -> tuple[int, str, bytes]:
        return (404, "Not Found", b"") if path == "/4" else pokemon(path)

    with answering(answer) as url, pytest.raises(CommandError) as caught:
        contestant.run(course(url + "/{n}"), lambda name: None)
    assert str(caught.value) == f"{url}/4 answered 404 Not Found, not 200"


def test_a_success_other_than_200_is_refused_too(contestant: Contestant) -> None:
    with (
        answering(lambda path: (203, "", b"")) as url,
        pytest.raises(CommandError, match="answered 203, not 200"),
    ):
        contestant.run(course(url + "/{n}", count=1), lambda name: None)


def test_nobody_listens(contestant: Contestant) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    with pytest.raises(CommandError, match=rf"^cannot fetch {url}/\d: .*127\.0\.0\.1"):
        contestant.run(course(url + "/{n}"), lambda name: None)


def test_a_server_that_never_answers(contestant: Contestant) -> None:
    with listening() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(CommandError, match=rf"^{url}/1 gave no answer within 0\.2 s$"):
            contestant.run(course(url + "/{n}", count=1, timeout=0.2), lambda name: None)
        accept(listener).close()


def test_concurrency_is_used_and_not_exceeded() -> None:
    """Nobody is answered before three have asked; the highest number of requests under way is counted."""
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

    names: list[str] = []
    with answering(answer) as url:
        CONTESTANTS["quinde-many"]().run(course(url + "/{n}", count=6), names.append)
    assert len(names) == 6
    assert most == 3


def test_a_missing_library_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(CommandError) as caught:
        CONTESTANTS["requests-get"]()
    assert str(caught.value) == 'requests is not installed: pip install "quinde[race]"'


def test_a_library_that_is_broken_inside_is_not_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "requests", raising=False)
    monkeypatch.setitem(sys.modules, "urllib3", None)
    with pytest.raises(ModuleNotFoundError, match="urllib3"):
        CONTESTANTS["requests-get"]()
