"""The rows of a race: what was measured for each contestant, and how they compare.

Pure values. The JSON shape is read by other people's scripts: add keys, do not rename them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ("Row", "rows_to_json", "times_faster")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One contestant's result.

    Attributes:
        name: What the table calls the contestant.
        library: The package that did the work.
        version: Its version, None if it is not installed.
        requests: How many answers were read.
        concurrency: How many requests were under way at once.
        seconds: Wall time from the first request to the last answer; None if the contestant did not finish.
        cpu_seconds: User and system time of its process in that time; None likewise.
        error: Why it did not finish, in one line; None if it did.
    """

    name: str
    library: str
    version: str | None
    requests: int
    concurrency: int
    seconds: float | None = None
    cpu_seconds: float | None = None
    error: str | None = None

    @property
    def requests_per_second(self) -> float | None:
        """Answers per second of wall time; None if the contestant did not finish."""
        return None if self.seconds is None else self.requests / self.seconds


def times_faster(row: Row, rows: Sequence[Row]) -> float | None:
    """Return how many times faster `row` is than the first row that finished; None if it did not finish."""
    base = next((other.seconds for other in rows if other.seconds is not None), None)
    return None if base is None or row.seconds is None else base / row.seconds


def rows_to_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as what `quinde race --json` prints: seconds, and None for no figure."""
    return [
        {
            "name": row.name,
            "seconds": _rounded(row.seconds, 6),
            "requests": row.requests,
            "concurrency": row.concurrency,
            "requests_per_second": _rounded(row.requests_per_second, 3),
            "times_faster": _rounded(times_faster(row, rows), 3),
            "cpu_seconds": _rounded(row.cpu_seconds, 6),
            "library": row.library,
            "version": row.version,
            "error": row.error,
        }
        for row in rows
    ]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
