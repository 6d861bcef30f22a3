from __future__ import annotations

import pytest

from benchmarks.harness.goals import GOALS, LIMITS, P99, Goal, judge, judge_one
from benchmarks.harness.peers import CLIENTS, SERVERS
from benchmarks.harness.results import Cell, Results
from benchmarks.harness.works import CLIENT_WORKS, SERVER_WORKS
from tests.benchmarks.samples import cell, sample

FASTER = Goal("server", "hello", "quinde", "hello", "slow", "requests_per_second", 2.6, True, target=3.0)
CHEAPER = Goal("server", "hello", "quinde", "hello", "slow", "cpu_us", 1.45, target=1.25)


def results(ours: float, theirs: float, cpu_ours: float = 10, cpu_theirs: float = 10) -> Results:
    return Results(
        {
            ("server", "quinde", "hello"): cell(ours, cpu=cpu_ours),
            ("server", "slow", "hello"): cell(theirs, cpu=cpu_theirs),
        }
    )


@pytest.mark.parametrize(
    ("speed", "word"),
    [(259, "missed"), (260, "reached"), (299, "reached"), (300, "reached, target too")],
)
def test_a_minimum_is_reached_from_below(speed: float, word: str) -> None:
    assert judge_one(FASTER, results(speed, 100)).word == word


@pytest.mark.parametrize(
    ("cpu", "word"),
    [(14.6, "missed"), (14.5, "reached"), (12.6, "reached"), (12.5, "reached, target too")],
)
def test_a_maximum_is_reached_from_above(cpu: float, word: str) -> None:
    assert judge_one(CHEAPER, results(1, 1, cpu_ours=cpu)).word == word


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    verdict = judge_one(FASTER, Results())
    assert (verdict.value, verdict.reached, verdict.word) == (None, None, "not measured")


def test_a_ratio_of_speeds_comes_with_that_of_cpu_and_says_when_the_load_was_the_limit() -> None:
    found = results(200, 100, cpu_ours=10, cpu_theirs=30)
    found.cells["server", "quinde", "hello"] = cell(200, cpu=10, load_share=0.99)
    verdict = judge_one(FASTER, found)
    assert (verdict.value, verdict.cpu_value, verdict.load_limited) == (2.0, 3.0, True)


def test_a_goal_may_compare_two_works_of_one_peer() -> None:
    goal = Goal("client", "", "quinde", "small-512", "quinde", "cpu_us", 1.3, against_work="small-64")
    found = Results(
        {
            ("client", "quinde", "small-512"): cell(1, cpu=12),
            ("client", "quinde", "small-64"): cell(1, cpu=10),
        }
    )
    assert judge_one(goal, found).value == 1.2


def test_a_goal_may_be_about_latency() -> None:
    goal = Goal("server", "", "quinde", "c512", "slow", P99, 0.3)
    found = Results(
        {
            ("server", "quinde", "c512"): Cell([sample(p99=200)]),
            ("server", "slow", "c512"): Cell([sample(p99=1000)]),
        }
    )
    verdict = judge_one(goal, found)
    assert (verdict.value, verdict.word, verdict.cpu_value) == (0.2, "reached", None)


def test_a_limit_is_reached_below_it() -> None:
    idle = next(limit for limit in LIMITS if limit.kind == "idle")
    assert (idle.word(3.99), idle.word(4.0)) == ("reached", "missed")


def test_every_goal_is_judged() -> None:
    assert [verdict.goal for verdict in judge(Results())] == list(GOALS)


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: f"{goal.kind} {goal.title}")
def test_every_goal_names_peers_and_works_that_exist(goal: Goal) -> None:
    peers = {peer.name: peer for peer in (SERVERS if goal.kind == "server" else CLIENTS)}
    works = {work.name for work in (SERVER_WORKS if goal.kind == "server" else CLIENT_WORKS)}
    for name, work in ((goal.peer, goal.work), (goal.against, goal.against_work or goal.work)):
        peer = peers[name]
        assert work in works - peer.lacks.keys()
        assert peer.works is None or work in peer.works
    assert goal.target is None or (goal.target > goal.bound) is goal.at_least
