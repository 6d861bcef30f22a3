from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from quinde.cli.errors import CommandError
from quinde.cli.race import acts
from quinde.cli.race.settings import Settings
from tests.cli.support import answering, pokemon
from tests.support.servers import closed_port

if TYPE_CHECKING:
    from quinde.cli.race.course import Course

FEW = Settings(count=4, requests=200, round_trip=1.0)
"""Act 2 has more requests than the server has numbers: they go round."""


class Watching:
    """Notes what it is told to draw."""

    def __init__(self) -> None:
        self.started: list[tuple[str, int]] = []
        self.answers = 0
        self.finished = 0

    def start(self, name: str, total: int) -> None:
        self.started.append((name, total))

    def arrived(self, label: str, answers: int = 1) -> None:
        self.answers += answers

    def finish(self) -> None:
        self.finished += 1


@pytest.fixture(autouse=True)
def _nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Race without the clients that may or may not be there."""
    for library in ("aiohttp", "httpx", "wreq"):
        monkeypatch.setitem(sys.modules, library, None)


def test_act_1_is_shown_while_it_runs_and_is_complete() -> None:
    shown = Watching()
    act = acts.race_first_act(FEW, shown)
    assert [row.error for row in act.rows] == [None] * 4
    assert shown.started == [(row.name, 4) for row in act.rows]
    assert (shown.answers, shown.finished) == (16, 4)
    assert (act.number, act.tls, act.round_trip, len(act.sentences)) == (1, True, 1.0, 3)
    assert act.url.startswith("https://127.0.0.1:")
    assert act.notes == ("left out, for they are not installed: pip install aiohttp httpx",)


def test_act_1_without_trustme_is_without_tls_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    act = acts.race_first_act(replace(FEW, count=1), Watching())
    assert (act.tls, [row.error for row in act.rows]) == (False, [None] * 4)
    assert act.notes[0] == 'without TLS: trustme is not installed: pip install "quinde[race]"'
    assert act.title == "Act 1, why asynchronous: 1 request to the embedded PokéAPI, 1 ms away"


def test_act_2_races_who_is_there() -> None:
    act = acts.race_second_act(FEW, Watching())
    assert [(row.library, row.requests, row.error) for row in act.rows] == [("quinde", 200, None)]
    assert act.notes == ("left out, for they are not installed: pip install aiohttp httpx wreq",)


def test_act_2_says_who_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(self: Settings, template: str, key: str = "") -> Course:
        return replace(original(self, template, key), limit=1.0)

    original = Settings.second_course
    monkeypatch.setattr(Settings, "second_course", hasty)
    act = acts.race_second_act(replace(FEW, requests=10_000_000), Watching())
    (row,) = act.rows
    assert row.is_cut
    assert re.fullmatch(
        r"≈ is projected: quinde, concurrently was stopped after 1 s and [\d,]+ requests", act.notes[-1]
    )


def test_a_real_server_is_tried_before_anything_is_drawn() -> None:
    shown = Watching()
    with answering(pokemon) as url:
        act = acts.race_real_server(FEW, url + "/{n}", lambda: shown)
    assert (act.title, act.tls, act.round_trip) == (f"4 requests to {url}/{{n}}", False, None)
    assert shown.answers == 16

    def never() -> Watching:
        raise AssertionError("drawn")

    with pytest.raises(CommandError, match="cannot fetch"):
        acts.race_real_server(FEW, f"http://127.0.0.1:{closed_port()}/{{n}}", never)
