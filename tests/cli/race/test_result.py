from __future__ import annotations

from quinde.cli.race.result import Row, rows_to_json, times_faster


def row(name: str, seconds: float | None, error: str | None = None) -> Row:
    return Row(
        name=name,
        library="lib",
        version="1.0",
        requests=10,
        concurrency=1,
        seconds=seconds,
        cpu_seconds=None if seconds is None else 0.25,
        error=error,
    )


def test_times_faster_is_relative_to_the_first_that_finished() -> None:
    rows = [row("missing", None, "not installed"), row("slow", 4.0), row("fast", 0.5)]
    assert [times_faster(each, rows) for each in rows] == [None, 1.0, 8.0]


def test_nobody_finished() -> None:
    rows = [row("missing", None, "not installed")]
    assert times_faster(rows[0], rows) is None


def test_json_shape() -> None:
    assert rows_to_json([row("fast", 0.5), row("missing", None, "not installed")]) == [
        {
            "name": "fast",
            "seconds": 0.5,
            "requests": 10,
            "concurrency": 1,
            "requests_per_second": 20.0,
            "times_faster": 1.0,
            "cpu_seconds": 0.25,
            "library": "lib",
            "version": "1.0",
            "error": None,
        },
        {
            "name": "missing",
            "seconds": None,
            "requests": 10,
            "concurrency": 1,
            "requests_per_second": None,
            "times_faster": None,
            "cpu_seconds": None,
            "library": "lib",
            "version": "1.0",
            "error": "not installed",
        },
    ]
