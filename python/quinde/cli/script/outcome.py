"""What came of racing a program on two libraries: each run's figures, and what they come to.

Pure values. The JSON shape is read by other people's scripts: add keys, do not rename them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Self

from quinde.cli.errors import one_line

__all__ = ("Figure", "Outcome", "Run", "Side")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the program.

    Attributes:
        seconds: Wall time from the start of the process to its end.
        cpu_seconds: User and system time of the process, and of those that it started and waited for.
        peak_bytes: The most memory that the process had at once, or one of those that it waited for.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Figure:
    """The middle of what some runs measured, and the least and the most of it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the figure of values, at least one."""
        return cls(median(values), min(values), max(values))

    def is_apart_from(self, other: "Figure") -> bool:
        """Whether no value of one lies among those of the other."""
        return self.high < other.low or other.high < self.low

    def to_json(self, digits: int | None = None) -> dict[str, float]:
        """Return a value that `json.dumps` takes, rounded to `digits` decimals, or to whole numbers."""
        return {name: round(value, digits) for name, value in vars(self).items()}


@dataclass(frozen=True, kw_only=True)
class Side:
    """The program on one library.

    Attributes:
        library: The library.
        version: Its version, None if it is not installed.
        runs: The runs that count; none if one failed.
        error: What became of it in place of figures: `ended with code 1: ValueError`; None if it has figures.
        output: What the program wrote in the run that failed: the end of it.
    """

    library: str
    version: str | None
    runs: tuple[Run, ...] = ()
    error: str | None = None
    output: str = ""

    @property
    def seconds(self) -> Figure | None:
        """Wall time of a run; None without runs."""
        return Figure.of([run.seconds for run in self.runs]) if self.runs else None

    @property
    def cpu_seconds(self) -> Figure | None:
        """CPU time of a run; None without runs."""
        return Figure.of([run.cpu_seconds for run in self.runs]) if self.runs else None

    @property
    def peak_bytes(self) -> Figure | None:
        """Peak memory of a run; None without runs."""
        return Figure.of([run.peak_bytes for run in self.runs]) if self.runs else None

    @property
    def waiting(self) -> float | None:
        """The share of its time in which the program did not compute, in the median; None without runs."""
        shares = [max(1 - run.cpu_seconds / run.seconds, 0.0) for run in self.runs if run.seconds]
        return median(shares) if shares else None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A program's race.

    Attributes:
        program: What was run, as the user named it.
        arguments: What it got.
        rounds: How many runs of each side count.
        sides: aiohttp's side, then quinde's.
        asked: Whether the program imported aiohttp at all, as far as a run on quinde came.
    """

    program: str
    arguments: tuple[str, ...]
    rounds: int
    sides: tuple[Side, Side]
    asked: bool

    def errors(self) -> list[str]:
        """Return a sentence for each side that has no figures."""
        aiohttp, quinde = self.sides
        if quinde.error and not aiohttp.error:
            return [one_line(f"{self.program} works on aiohttp; on quinde it {quinde.error}")]
        failed = (side for side in self.sides if side.error)
        return [one_line(f"{self.program} on {side.library} {side.error}") for side in failed]

    def ratio(self, name: str) -> float | None:
        """Return how many times the `seconds`, `cpu_seconds` or `peak_bytes` of quinde aiohttp takes."""
        aiohttp, quinde = (getattr(side, name) for side in self.sides)
        return aiohttp.median / quinde.median if aiohttp and quinde and quinde.median else None

    def to_json(self) -> dict[str, Any]:
        """Return what `quinde race program.py --json` prints, but for the sentences; None for no figure."""
        ratios = {name: self.ratio(name) for name in ("seconds", "cpu_seconds", "peak_bytes")}
        return {
            "program": self.program,
            "arguments": list(self.arguments),
            "rounds": self.rounds,
            "rows": [_row(side) for side in self.sides],
            "times_less": {name: value and round(value, 3) for name, value in ratios.items()},
        }


def _row(side: Side) -> dict[str, Any]:
    return {
        "name": side.library,
        "version": side.version,
        "seconds": side.seconds and side.seconds.to_json(6),
        "cpu_seconds": side.cpu_seconds and side.cpu_seconds.to_json(6),
        "peak_bytes": side.peak_bytes and side.peak_bytes.to_json(),
        "waiting": None if side.waiting is None else round(side.waiting, 4),
        "error": side.error,
    }
