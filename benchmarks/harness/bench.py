"""One session of measuring: what every part of it shares, and how a window's cost becomes a Sample."""

from __future__ import annotations

import math
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from . import machine, processes
from .results import Results, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .environment import Environment
    from .load import Generator
    from .machine import Cores
    from .progress import Progress


@dataclass(frozen=True)
class Plan:
    """How long and how often, and which peers and works (all when `only` is empty).

    `limit`: seconds for the whole run; what does not fit in loses rounds, never its first one.
    """

    rounds: int
    server_seconds: float
    client_seconds: float
    warm_up: float
    import_runs: int
    only: tuple[str, ...] = ()
    limit: float = math.inf

    def wants(self, kind: str, peer: str, work: str = "") -> bool:
        """Was this asked for? Each word of `only` must be a part of `kind:peer:work`; any word will do."""
        name = f"{kind}:{peer}:{work}"
        return not self.only or any(word in name for word in self.only)


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

    @property
    def scratch(self) -> Path:
        """Directory for logs and files of this run."""
        return Path(self._scratch.name)

    def rounds(self, kind: str, progress: Progress, part_of_limit: float) -> Iterator[int]:
        """Count the rounds of one kind, and stop before one that would pass its part of the limit."""
        until = self.plan.limit * part_of_limit
        for number in range(1, self.plan.rounds + 1):
            start = progress.seconds()
            with processes.on_core(self.cores.test):
                self.results.core_speed.append(machine.time_fixed_loop())
            yield number
            now = progress.seconds()
            if number < self.plan.rounds and now + (now - start) > until:
                self.results.missing[f"{kind} rounds {number + 1} to {self.plan.rounds}"] = "the time was up"
                return

    def close(self) -> None:
        """Remove the scratch directory."""
        self._scratch.cleanup()


class Window:
    """What a process tree, a core and the time did between `__init__` and `finish`."""

    def __init__(self, root: int, core: int) -> None:
        self._core = core
        self._pids = processes.tree(root)
        self._busy = processes.core_busy(core)
        self._start = time.monotonic()
        self._cpu = processes.cpu_time(self._pids)

    def finish(self) -> None:
        """Take the readings at the end of the window."""
        self.cpu = processes.cpu_time(self._pids) - self._cpu
        self.seconds = time.monotonic() - self._start
        self.busy = processes.core_busy(self._core) - self._busy
        self.rss_mib = processes.resident_bytes(self._pids) / 2**20

    def sample(
        self, requests: int, seconds: float, p50_us: float | None, p99_us: float | None, load_share: float
    ) -> Sample:
        """Divide what the window cost among the requests that were answered in it."""
        user, system = self.cpu.per_request(requests)
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
            foreign_share=max(0.0, (self.busy - self.cpu.total) / self.seconds - 0.02),
        )


@contextmanager
def running(child: processes.Child) -> Iterator[None]:
    """Let a parked child run for a while."""
    child.resume()
    try:
        yield
    finally:
        child.park()
