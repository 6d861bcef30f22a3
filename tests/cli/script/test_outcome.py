from __future__ import annotations

import pytest

from quinde.cli.script.outcome import Figure
from tests.cli.script.outcomes import outcome, side


def test_a_figure_is_the_middle_and_both_ends() -> None:
    assert Figure.of([3.0, 1.0, 2.0]) == Figure(2.0, 1.0, 3.0)
    assert Figure.of([1.0]) == Figure(1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("low", "high", "apart"), [(4, 5, True), (0.1, 0.9, True), (3, 9, False), (1.5, 2, False)]
)
def test_figures_are_apart_when_no_value_of_one_is_among_those_of_the_other(
    low: float, high: float, apart: bool
) -> None:
    assert Figure(2, 1, 3).is_apart_from(Figure(low, low, high)) is apart
    assert Figure(low, low, high).is_apart_from(Figure(2, 1, 3)) is apart


def test_a_side_sums_up_its_runs() -> None:
    made = side("aiohttp", 1.0, 4.0, 2.0, cpu=0.25)
    assert made.seconds == Figure(2.0, 1.0, 4.0)
    assert made.cpu_seconds == Figure(0.5, 0.25, 1.0)
    assert made.peak_bytes == Figure(10 << 20, 10 << 20, 10 << 20)
    assert made.waiting == 0.75


def test_a_side_without_runs_has_no_figures() -> None:
    made = side("aiohttp", error="ended with code 1")
    assert (made.seconds, made.cpu_seconds, made.peak_bytes, made.waiting) == (None, None, None, None)


def test_who_computes_on_two_cores_does_not_wait_less_than_never() -> None:
    assert side("aiohttp", 1.0, cpu=1.8).waiting == 0


def test_a_ratio_is_aiohttps_figure_by_quindes() -> None:
    made = outcome(side("aiohttp", 3.0, mib=20), side("quinde", 2.0, cpu=0.25, mib=10))
    assert made.ratio("seconds") == 1.5
    assert made.ratio("cpu_seconds") == 3.0
    assert made.ratio("peak_bytes") == 2.0
    assert outcome(side("aiohttp", 3.0), side("quinde", error="failed")).ratio("seconds") is None


def test_errors_say_which_library_and_when_it_is_only_quinde() -> None:
    fine, bad = side("aiohttp", 1.0), side("aiohttp", error="ended with code 1: E: x\x1b[31m")
    lacking = side("quinde", error="ended with code 1: aiohttp.X is not in quinde yet")
    assert outcome(fine, side("quinde", 1.0)).errors() == []
    assert outcome(fine, lacking).errors() == [
        "p.py works on aiohttp; on quinde it ended with code 1: aiohttp.X is not in quinde yet"
    ]
    assert outcome(bad, lacking).errors() == [
        "p.py on aiohttp ended with code 1: E: x[31m",
        "p.py on quinde ended with code 1: aiohttp.X is not in quinde yet",
    ]


def test_as_json() -> None:
    failed = side("quinde", error="did not end within 1 s")
    assert outcome(side("aiohttp", 3.0, 1.0, mib=20), failed).to_json() == {
        "program": "p.py",
        "arguments": ["-x"],
        "rounds": 3,
        "rows": [
            {
                "name": "aiohttp",
                "version": "1.0",
                "seconds": {"median": 2.0, "low": 1.0, "high": 3.0},
                "cpu_seconds": {"median": 1.0, "low": 0.5, "high": 1.5},
                "peak_bytes": {"median": 20 << 20, "low": 20 << 20, "high": 20 << 20},
                "waiting": 0.5,
                "error": None,
            },
            {
                "name": "quinde",
                "version": "1.0",
                "seconds": None,
                "cpu_seconds": None,
                "peak_bytes": None,
                "waiting": None,
                "error": "did not end within 1 s",
            },
        ],
        "times_less": {"seconds": None, "cpu_seconds": None, "peak_bytes": None},
    }
