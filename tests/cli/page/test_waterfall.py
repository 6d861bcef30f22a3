from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from quinde.cli.page.model import Waterfall
from quinde.cli.page.waterfall import drawn_waterfall, ticks, together
from tests.cli.page.sample import FEW, concurrent, exchange

if TYPE_CHECKING:
    from quinde.cli.timeline import Exchange

TWO = (
    exchange("second", ("queue", 10.0, 10.2), ("wait", 10.2, 10.4), reused=True),
    exchange("first", ("connect", 9.9, 10.1), ("wait", 10.1, 10.2)),
)


def drawn(*exchanges: Exchange) -> str:
    return drawn_waterfall(Waterfall(title="T & t", note="A <note>", exchanges=exchanges), 7)


@pytest.mark.parametrize("seconds", [0.0001, 0.001, 0.0299, 0.03, 0.3, 0.31, 1, 7.9, 8.01, 24.4, 599.0])
def test_ticks_are_round_and_as_many_as_are_read(seconds: float) -> None:
    marks = ticks(seconds)
    assert marks[0] == 0
    assert 4 <= len(marks) <= 8
    assert marks[-1] <= seconds * 1.0001
    steps = {round(after - before, 9) for before, after in pairwise(marks)}
    assert len(steps) == 1
    assert f"{steps.pop():.0e}"[0] in "125"


def test_requests_stand_in_the_order_in_which_they_began_each_phase_at_its_place() -> None:
    lines = re.findall(r'<g class="exchange">.*?</g>', drawn(*TWO), re.DOTALL)
    phases = [re.findall(r'class="(\w+)" x="([\d.]+)%" y="[\d.]+" width="([\d.]+)%"', line) for line in lines]
    assert phases == [
        [("connect", "0.000", "40.000"), ("wait", "40.000", "20.000")],
        [("queue", "20.000", "40.000"), ("wait", "60.000", "40.000")],
    ]


def test_a_line_tells_its_request_to_who_points_at_it() -> None:
    assert (
        "<title>2 second: 400 ms\nstatus 200, an open connection\nqueueing 200 ms\nwaiting 200 ms</title>"
        in drawn(*TWO)
    )


def test_the_picture_is_said_in_a_sentence_too() -> None:
    text = drawn(*TWO)
    said = re.search(r'<p id="waterfall-7">([^<]*)</p>', text)
    assert said is not None
    assert said[1] == (
        "2 requests in 500 ms over 1 new connection, 1 under way at once at most. "
        "In the median: queueing 100 ms, connecting 100 ms, waiting 150 ms."
    )
    assert 'aria-describedby="waterfall-7"' in text


def test_the_legend_names_what_is_there_and_nothing_else() -> None:
    legend = drawn(*TWO).partition("</ul>")[0]
    assert re.findall(r'class="key (\w+)"', legend) == ["queue", "connect", "wait"]


def test_a_failure_is_told_and_counted() -> None:
    text = drawn(*FEW)
    assert ", 1 failed." in text
    assert text.count('class="exchange failed"') == 1
    assert "did not answer, an open connection" in text


def test_many_requests_are_drawn_low_and_some_of_them_are_named() -> None:
    few, many = drawn(*concurrent(40)), drawn(*concurrent(41))
    names = re.compile(r'<text x="116" [^>]*>(\d+) ')
    assert names.findall(few) == [str(number) for number in range(1, 41)]
    assert names.findall(many) == ["1", *(str(number) for number in range(5, 41, 5))]
    heights = [int(re.findall(r'class="lines" height="(\d+)"', text)[0]) for text in (few, many)]
    assert heights[1] < heights[0]


def test_what_is_too_short_to_be_seen_is_drawn_within_the_picture() -> None:
    text = drawn(exchange("a", ("wait", 0, 1), ("read", 1, 1.000001)))
    start, width = re.findall(r'class="read" x="([\d.]+)%" y="[\d.]+" width="([\d.]+)%"', text)[0]
    assert float(width) > 0.1
    assert float(start) + float(width) <= 100.001


def test_nothing_to_draw_is_no_error() -> None:
    assert "0 requests in 0 ms" in drawn()


def test_labels_of_strangers_stay_text() -> None:
    assert "<script" not in drawn(*FEW)
    assert "<img" not in drawn(*FEW)


def test_together_counts_those_under_way_not_those_in_the_queue() -> None:
    assert together(concurrent(151)) == 66  # each takes 65.1 ms, and they begin 1 ms apart
    assert together(TWO) == 1
    assert together([exchange("a", ("queue", 0, 1))]) == 0
    in_turn = [exchange("a", ("wait", number * 0.1, number * 0.1 + 0.1)) for number in range(20)]
    assert together(in_turn) == 1
