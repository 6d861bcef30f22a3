"""One session of measuring: what every part of it shares, and how a window's cost becomes a Sample."""

from __future__ import annotations

import functools
import math
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from . import machine, processes
from .certificates import make_certificates
from .results import Results, Sample
from .works import ClientWork, ServerWork

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from .certificates import Certificates
    from .environment import Environment
    from .load import Generator
    from .machine import Cores
    from .peers import Peer
    from .progress import Progress

Work = TypeVar("Work", ServerWork, ClientWork)


@dataclass(frozen=True)
class Plan:
    """How long and how often, and which peers and works.

    Attributes:
        only: words that each thing measured must have one of in `kind:peer:work`; all when empty.
        quick: leave out what is no part of the short run, unless `only` asks for it.
        limit: seconds for the whole run; what does not fit in loses rounds, never its first one.
    """

    rounds: int
    server_seconds: float
    client_seconds: float
    warm_up: float
    import_runs: int
    only: tuple[str, ...] = ()
    quick: bool = False
    limit: float = math.inf

    def wants(self, kind: str, peer: str, work: str = "", quick: bool = True) -> bool:
        """Was this asked for? `quick`: it is a part of the short run."""
        name = f"{kind}:{peer}:{work}"
        if self.only:
            return any(word in name for word in self.only)
        return quick or not self.quick

    def pairs(self, kind: str, works: Sequence[Work], peers: Sequence[Peer]) -> list[tuple[Work, Peer]]:
        """List which peers are measured at which works, in the order of the works."""
        return [
            (work, peer)
            for work in works
            for peer in peers
            if (peer.works is None or work.name in peer.works)
            and self.wants(kind, peer.name, work.name, work.quick and peer.quick)
        ]


@dataclass
class Bench:
    """What the parts of a run share. `scratch` holds logs and the origin's files, removed at the end."""

    environment: Environment
    cores: Cores
    generator: Generator
    plan: Plan
    results: Results = field(default_factory=Results)
    _scratch: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="quinde-bench-")
    )

    @functools.cached_property
    def certificates(self) -> Certificates:
        """The certificates of this run, made when they are first needed.

        Raises:
            RuntimeError: they could not be made.
        """
        return make_certificates(self.environment.python, self.scratch / "certificates")

    @property
    def scratch(self) -> Path:
        """Directory for logs and files of this run."""
        return Path(self._scratch.name)

    def rounds(
        self, kind: str, progress: Progress, part_of_limit: float, most: int | None = None
    ) -> Iterator[int]:
        """Count the rounds of one kind, and stop before one that would pass its part of the limit."""
        until = self.plan.limit * part_of_limit
        count = min(self.plan.rounds, most or self.plan.rounds)
        for number in range(1, count + 1):
            start = progress.seconds()
            with processes.on_cores(self.cores.test):
                self.results.core_speed.append(machine.time_fixed_loop())
            yield number
            now = progress.seconds()
            if number < count and now + (now - start) > until:
                self.results.missing[f"{kind} rounds {number + 1} to {count}"] = "the time was up"
                return

    def close(self) -> None:
        """Remove the scratch directory."""
        self._scratch.cleanup()


class Window:
    """What a process tree, its cores and the time did between `__init__` and `finish`."""

    def __init__(self, root: int, cores: Collection[int]) -> None:
        self._cores = cores
        self._pids = processes.tree(root)
        self._busy = processes.cores_busy(cores)
        self._start = time.monotonic()
        self._cpu = processes.cpu_time(self._pids)

    def finish(self) -> None:
        """Take the readings at the end of the window."""
        self.cpu = processes.cpu_time(self._pids) - self._cpu
        self.seconds = time.monotonic() - self._start
        self.busy = processes.cores_busy(self._cores) - self._busy
        self.rss_mib = processes.resident_bytes(self._pids) / 2**20

    def sample(
        self, requests: int, seconds: float, p50_us: float | None, p99_us: float | None, load_share: float
    ) -> Sample:
        """Divide what the window cost among the requests that were answered in it.

        `load_share`: of one core. When there are more cores than one, the load was on them too.
        """
        user, system = self.cpu.per_request(requests)
        shared = load_share * seconds if len(self._cores) > 1 else 0.0
        foreign = self.busy - self.cpu.total - shared
        return Sample(
            requests_per_second=requests / seconds,
            cpu_us=user + system,
            user_us=user,
            system_us=system,
            p50_us=p50_us,
            p99_us=p99_us,
            rss_mib=self.rss_mib,
            load_share=load_share,
            # Ticks are coarse: a difference below their error is none.
            foreign_share=max(0.0, foreign / (self.seconds * len(self._cores)) - 0.02),
        )


@contextmanager
def running(child: processes.Child) -> Iterator[None]:
    """Let a parked child run for a while."""
    child.resume()
    try:
        yield
    finally:
        child.park()
