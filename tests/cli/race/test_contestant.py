from __future__ import annotations

import sys

import pytest

from quinde.cli.errors import CommandError
from quinde.cli.race.contestant import no_answer, not_ok, too_slow
from quinde.cli.race.contestants import CONTESTANTS
from quinde.cli.race.course import Course


@pytest.mark.parametrize(
    ("key", "library", "remedy"),
    [
        ("requests-get", "requests", 'pip install "quinde[race]"'),
        ("requests-session", "requests", 'pip install "quinde[race]"'),
        ("aiohttp-many", "aiohttp", "pip install aiohttp"),
        ("httpx-many", "httpx", "pip install httpx"),
        ("wreq-many", "wreq", "pip install wreq"),
    ],
)
def test_a_missing_library_says_how_to_get_it(
    key: str, library: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(CommandError) as caught:
        CONTESTANTS[key]()
    assert str(caught.value) == f"{library} is not installed: {remedy}"


def test_a_library_that_is_broken_inside_is_not_called_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "requests", raising=False)
    monkeypatch.setitem(sys.modules, "urllib3", None)
    with pytest.raises(ModuleNotFoundError, match="urllib3"):
        CONTESTANTS["requests-get"]()


def test_failures_are_sentences() -> None:
    course = Course(template="http://h/{n}", count=1, concurrency=1, timeout=0.5)
    assert str(not_ok("http://h/1", 404, "Not Found")) == "http://h/1 answered 404 Not Found, not 200"
    assert str(not_ok("http://h/1", 404, None)) == "http://h/1 answered 404, not 200"
    assert str(too_slow("http://h/1", course)) == "http://h/1 gave no answer within 0.5 s"
    assert str(no_answer("http://h/1", OSError("gone"))) == "cannot fetch http://h/1: gone"
    assert str(no_answer("http://h/1", OSError())) == "cannot fetch http://h/1: OSError"
