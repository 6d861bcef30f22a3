from __future__ import annotations

from benchmarks.harness.results import Cell, Results, ratio
from tests.benchmarks.samples import cell, sample


def test_the_median_leaves_failed_rounds_out() -> None:
    measured = Cell([sample(speed=10), None, sample(speed=30), sample(speed=20)])
    assert measured.median("requests_per_second") == 20


def test_a_cell_without_a_successful_round_has_no_median() -> None:
    assert Cell([None, None]).median("cpu_us") is None


def test_ratios_are_taken_round_by_round() -> None:
    # The machine was twice as fast in round two: ratios 2, 2, 3, while the medians' ratio would be 4.
    assert ratio(cell(200, 400, 600), cell(100, 200, 200), "requests_per_second") == 2
    assert ratio(cell(200, 400, 30), cell(100, 200, 10), "requests_per_second") == 2


def test_a_round_that_one_side_failed_is_left_out() -> None:
    ours = Cell([sample(speed=100), None, sample(speed=300)])
    theirs = Cell([None, sample(speed=100), sample(speed=100)])
    assert ratio(ours, theirs, "requests_per_second") == 3


def test_without_a_common_round_there_is_no_ratio() -> None:
    assert ratio(Cell([sample(), None]), Cell([None, sample()]), "cpu_us") is None
    assert ratio(None, cell(1), "cpu_us") is None
    assert ratio(cell(1), None, "cpu_us") is None


def test_a_busy_load_core_is_noticed() -> None:
    assert cell(1, 2, 3, load_share=0.99).load_limited
    assert not cell(1, 2, 3, load_share=0.8).load_limited
    assert not Cell().load_limited


def test_find_gives_only_what_was_measured() -> None:
    results = Results()
    results.cell("server", "nginx", "echo").problem = "it cannot"
    assert results.find("server", "nginx", "echo") is None
    results.cell("server", "nginx", "hello").samples.append(sample())
    assert results.find("server", "nginx", "hello") is results.cell("server", "nginx", "hello")
