"""The result of a race as plain values: acts, their rows, and how the rows compare.

All that a table, a page or somebody's script shows. The JSON shape is read by other people's scripts: add
keys, do not rename them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from quinde.cli.timeline import Exchange

__all__ = ("Act", "Row", "acts_to_json", "reasons", "times_faster")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One contestant's result.

    Attributes:
        key: The contestant's key.
        name: What the table calls the contestant.
        library: The package that did the work.
        version: Its version, None if it is not installed.
        requests: How many answers were read.
        planned: How many were to be read; more than `requests` where time was up.
        concurrency: How many requests were under way at once.
        seconds: Wall time from the first request to the last answer; None if the contestant did not finish.
        cpu_seconds: User and system time of its process in that time; None likewise.
        peak_bytes: The most memory that its process had; None likewise, or where the system does not tell.
        error: Why it did not finish, in one line; None if it did.
    """

    key: str
    name: str
    library: str
    version: str | None
    requests: int
    planned: int
    concurrency: int
    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_bytes: int | None = None
    error: str | None = None

    @property
    def is_cut(self) -> bool:
        """Whether time was up before all requests were made: what it says of all of them is projected."""
        return self.seconds is not None and 0 < self.requests < self.planned

    @property
    def all_seconds(self) -> float | None:
        """Wall time for all planned requests, projected where time was up; None if it did not finish."""
        return None if self.seconds is None else self.seconds * self._scale

    @property
    def all_cpu_seconds(self) -> float | None:
        """CPU time for all planned requests, likewise."""
        return None if self.cpu_seconds is None else self.cpu_seconds * self._scale

    @property
    def requests_per_second(self) -> float | None:
        """Answers per second of wall time; None if the contestant did not finish."""
        return None if self.seconds is None else self.requests / self.seconds

    @property
    def waiting(self) -> float | None:
        """The share of the time in which its process did nothing, 0 to 1; None if it did not finish."""
        if self.seconds is None or self.cpu_seconds is None:
            return None
        return max(1 - self.cpu_seconds / self.seconds, 0.0)

    @property
    def _scale(self) -> float:
        return self.planned / self.requests if self.is_cut else 1.0


@dataclass(frozen=True, kw_only=True)
class Act:
    """One act of a race, raced.

    Attributes:
        number: 1, why asynchronous, or 2, why quinde.
        title: What was raced, in one line.
        url: The address template.
        round_trip: Milliseconds that the stage imposes; None if it imposes none.
        tls: Whether the embedded server spoke TLS, or a real one does.
        rows: The contestants' results, in the order in which they ran.
        sentences: What the figures say, the most important first.
        notes: What is to be known about them: who was left out, what could not be had.
        stairs: The life of quinde's requests one at a time, as far as it was recorded.
        wall: The life of quinde's requests concurrently, likewise.
    """

    number: Literal[1, 2]
    title: str
    url: str
    round_trip: float | None
    tls: bool
    rows: tuple[Row, ...]
    sentences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    stairs: tuple[Exchange, ...] = ()
    wall: tuple[Exchange, ...] = ()


def times_faster(row: Row, rows: Sequence[Row]) -> float | None:
    """Return how many times faster `row` is than the first row that finished; None if it did not finish."""
    base = next((other.all_seconds for other in rows if other.seconds is not None), None)
    return None if base is None or row.all_seconds is None else base / row.all_seconds


def reasons(acts: Sequence[Act]) -> list[str]:
    """Return why figures are missing, each reason once."""
    return list(dict.fromkeys(row.error for act in acts for row in act.rows if row.error is not None))


def acts_to_json(acts: Sequence[Act]) -> list[dict[str, Any]]:
    """Return the acts as what `quinde race --json` prints: seconds, bytes, and None for no figure."""
    return [
        {
            "act": act.number,
            "title": act.title,
            "url": act.url,
            "round_trip_ms": act.round_trip,
            "tls": act.tls,
            "rows": [_row_to_json(row, act.rows) for row in act.rows],
            "sentences": list(act.sentences),
            "notes": list(act.notes),
        }
        for act in acts
    ]


def _row_to_json(row: Row, rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "key": row.key,
        "name": row.name,
        "seconds": _rounded(row.seconds, 6),
        "requests": row.requests,
        "planned": row.planned,
        "concurrency": row.concurrency,
        "requests_per_second": _rounded(row.requests_per_second, 3),
        "times_faster": _rounded(times_faster(row, rows), 3),
        "cpu_seconds": _rounded(row.cpu_seconds, 6),
        "waiting": _rounded(row.waiting, 4),
        "peak_bytes": row.peak_bytes,
        "library": row.library,
        "version": row.version,
        "error": row.error,
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
