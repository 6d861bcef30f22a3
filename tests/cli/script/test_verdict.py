from __future__ import annotations

import pytest

from quinde.cli.script.verdict import verdict
from tests.cli.script.outcomes import outcome, side

NONE_SEEN = "No difference in time to be seen: the runs of one side differ by as much as the sides do."
COSTS_NOTHING = "a client that cost nothing would make it 1.4 times faster, no more."


@pytest.mark.parametrize(
    ("cpu", "says"),
    [
        (0.04, "96 % of its time is waiting: no client will help, only to wait for more at once."),
        (0.15, "85 % of its time is waiting: no client will help, only to wait for more at once."),
        (0.3, f"70 % of its time is waiting: {COSTS_NOTHING}"),
        (0.75, "75 % of its time is computing, Python's start and the imports included."),
        (1.9, "100 % of its time is computing, Python's start and the imports included."),
    ],
)
def test_the_plain_truth_about_waiting_comes_first(cpu: float, says: str) -> None:
    assert verdict(outcome(side("aiohttp", 1.0, cpu=cpu), side("quinde", 1.0)))[0] == says


@pytest.mark.parametrize(
    ("aiohttp", "quinde", "says"),
    [
        ((3.0, 3.1), (1.0, 1.1), "It is 2.9 times faster on quinde."),
        ((1.3,), (1.0,), "It is 1.30 times faster on quinde."),
        ((1.0,), (2.5,), "It is 2.5 times slower on quinde."),
        ((1.02,), (1.0,), "No difference in time worth the name."),
        ((1.0, 2.0), (1.9, 0.9), NONE_SEEN),
    ],
)
def test_a_difference_in_time_is_said_as_far_as_it_is_seen(
    aiohttp: tuple[float, ...], quinde: tuple[float, ...], says: str
) -> None:
    assert verdict(outcome(side("aiohttp", *aiohttp), side("quinde", *quinde)))[1] == says


@pytest.mark.parametrize(
    ("cpu", "says"), [(0.1, "It takes 5.0 times less CPU time."), (0.6, "It takes 1.20 times more CPU time.")]
)
def test_a_difference_in_cpu_time_is_said_too(cpu: float, says: str) -> None:
    assert verdict(outcome(side("aiohttp", 1.0), side("quinde", 1.0, cpu=cpu)))[2] == says


def test_nothing_is_said_of_half_a_race() -> None:
    assert verdict(outcome(side("aiohttp", 1.0), side("quinde", error="failed"))) == []


def test_a_program_without_aiohttp_is_told_so_and_nothing_else() -> None:
    said = verdict(outcome(side("aiohttp", 1.0), side("quinde", 0.5), asked=False))
    assert said == ["p.py never imported aiohttp: both sides ran the same code."]
