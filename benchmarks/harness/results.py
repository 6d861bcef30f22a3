"""What a run found: samples by (kind, peer, work), their medians, and ratios between peers.

Pure arithmetic on plain data. A ratio is taken round by round and then the median of those: both halves of a
round ran within seconds of each other, so that drifts of the machine cancel out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Sample:
    """One measured window.

    Attributes:
        requests_per_second: answered requests by wall time.
        cpu_us: CPU µs per request of the whole process tree under test, user and system together.
        user_us: the user part of it, by the 10 ms ticks.
        system_us: the system part.
        p50_us, p99_us: latency, µs; None for pipelined work.
        rss_mib: resident memory of the tree after the window, MiB.
        load_share: share of its core that generator or origin used; near 1.0 it is the limit.
        foreign_share: share of the core under test that neither we nor it used: others disturb.
    """

    requests_per_second: float
    cpu_us: float
    user_us: float
    system_us: float
    p50_us: float | None
    p99_us: float | None
    rss_mib: float
    load_share: float
    foreign_share: float


METRICS = tuple(each.name for each in fields(Sample))
# Above this share of its core the load side is the limit, and req/s a lower bound.
LOAD_LIMIT = 0.93


@dataclass
class Cell:
    """All rounds of one peer at one work; a failed round is None in `samples`, its reason is `problem`."""

    samples: list[Sample | None] = field(default_factory=list)
    problem: str | None = None

    def median(self, metric: str) -> float | None:
        """Median over the rounds that succeeded; None when none did."""
        values = [
            value for sample in self.samples if sample and (value := getattr(sample, metric)) is not None
        ]
        return median(values) if values else None

    @property
    def load_limited(self) -> bool:
        """The other side had no core left, so req/s says too little of this peer."""
        share = self.median("load_share")
        return share is not None and share >= LOAD_LIMIT

    def summary(self) -> dict[str, Any]:
        """For the result file: medians, problem, and every round."""
        medians = {metric: value for metric in METRICS if (value := self.median(metric)) is not None}
        rounds = [asdict(sample) if sample else None for sample in self.samples]
        return {
            "median": medians,
            "problem": self.problem,
            "load_limited": self.load_limited,
            "rounds": rounds,
        }


@dataclass
class Results:
    """All of a run: cells by kind (server or client), peer and work; single figures; what is missing.

    `figures` holds every round by kind and name: `import`, in ms, and `idle`, KiB for each connection.

    `core_speed` holds the CPU ms of the same fixed loop on the core under test, once a round: if they differ,
    so did the machine.
    """

    cells: dict[tuple[str, str, str], Cell] = field(default_factory=dict)
    figures: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    core_speed: list[float] = field(default_factory=list)

    def cell(self, kind: str, peer: str, work: str) -> Cell:
        """The cell of a peer at a work, made empty when it is new."""
        return self.cells.setdefault((kind, peer, work), Cell())

    def find(self, kind: str, peer: str, work: str) -> Cell | None:
        """The cell if something was measured there."""
        cell = self.cells.get((kind, peer, work))
        return cell if cell is not None and any(cell.samples) else None

    def figure(self, kind: str, name: str) -> float | None:
        """Median of a figure's rounds."""
        values = self.figures.get((kind, name))
        return median(values) if values else None

    def names(self, kind: str) -> list[str]:
        """What has a figure of this kind, in the order of measuring."""
        return [name for each, name in self.figures if each == kind]


def ratio(above: Cell | None, below: Cell | None, metric: str) -> float | None:
    """Median of the rounds' ratios of a metric; None when no round has both."""
    if above is None or below is None:
        return None
    pairs = zip(above.samples, below.samples, strict=False)
    quotients = [getattr(a, metric) / getattr(b, metric) for a, b in pairs if a and b and getattr(b, metric)]
    return median(quotients) if quotients else None
