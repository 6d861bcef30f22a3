from __future__ import annotations

import json

import pytest

from quinde.cli.race.result import Act, Row, acts_to_json, reasons, times_faster
from tests.cli.race.rows import row


def act(*rows: Row) -> Act:
    return Act(number=1, title="Act 1", url="http://h/{n}", round_trip=20.0, tls=True, rows=rows)


def test_times_faster_is_relative_to_the_first_that_finished() -> None:
    rows = [row("missing", None, "not installed"), row("slow", 4.0), row("fast", 0.5)]
    assert [times_faster(each, rows) for each in rows] == [None, 1.0, 8.0]


def test_nobody_finished() -> None:
    rows = [row("missing", None, "not installed")]
    assert times_faster(rows[0], rows) is None


def test_the_share_of_waiting() -> None:
    assert row("half", 0.5).waiting == 0.5
    assert row("with threads", 0.1).waiting == 0.0
    assert row("failed", None, "why").waiting is None


def test_what_was_cut_short_is_projected() -> None:
    cut, whole, failed = (
        row("cut", 2.0, requests=40),
        row("whole", 2.5),
        row("failed", None, "why", requests=40),
    )
    assert (cut.is_cut, whole.is_cut, failed.is_cut) == (True, False, False)
    assert (cut.all_seconds, cut.all_cpu_seconds) == (5.0, 0.625)
    assert (whole.all_seconds, whole.all_cpu_seconds) == (2.5, 0.25)
    assert (failed.all_seconds, failed.all_cpu_seconds) == (None, None)
    assert cut.requests_per_second == 20.0
    assert times_faster(whole, [cut, whole]) == 2.0


def test_each_reason_is_told_once() -> None:
    acts = [act(row("a", None, "why"), row("b", 1.0)), act(row("c", None, "why"), row("d", None, "how"))]
    assert reasons(acts) == ["why", "how"]


def test_json_shape() -> None:
    (value,) = acts_to_json([act(row("fast", 0.5), row("missing", None, "not installed"))])
    rows = value.pop("rows")
    assert value == {
        "act": 1,
        "title": "Act 1",
        "url": "http://h/{n}",
        "round_trip_ms": 20.0,
        "tls": True,
        "sentences": [],
        "notes": [],
    }
    assert rows[0] == {
        "key": "fast",
        "name": "fast",
        "seconds": 0.5,
        "requests": 100,
        "planned": 100,
        "concurrency": 1,
        "requests_per_second": 200.0,
        "times_faster": 1.0,
        "cpu_seconds": 0.25,
        "waiting": 0.5,
        "peak_bytes": 30 * 2**20,
        "library": "lib",
        "version": "1.0",
        "error": None,
    }
    figures = ("seconds", "requests_per_second", "times_faster", "cpu_seconds", "waiting", "peak_bytes")
    assert [rows[1][name] for name in figures] == [None] * 6
    assert rows[1]["error"] == "not installed"


def test_json_is_json() -> None:
    assert json.loads(json.dumps(acts_to_json([act(row("fast", 1 / 3))])))[0]["rows"][0]["seconds"] == (
        pytest.approx(1 / 3, abs=1e-6)
    )
