"""Rows of a result, as the tests of what is made of them want them: 100 requests, one at a time."""

from __future__ import annotations

from quinde.cli.race.result import Row


def row(
    name: str,
    seconds: float | None,
    error: str | None = None,
    *,
    library: str = "lib",
    requests: int = 100,
    cpu_seconds: float = 0.25,
    peak_bytes: int | None = 30 * 2**20,
) -> Row:
    """Make a row of who took so many seconds; None: it did not finish."""
    return Row(
        key=name,
        name=name,
        library=library,
        version=None if error else "1.0",
        requests=requests,
        planned=100,
        concurrency=1,
        seconds=seconds,
        cpu_seconds=None if seconds is None else cpu_seconds,
        peak_bytes=None if seconds is None else peak_bytes,
        error=error,
    )
