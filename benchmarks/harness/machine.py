"""The machine a run happens on: its cores, open-file limit and programs, and what a reader must know of it.

Knows Linux's /proc. Measures nothing; see processes.py for that.
"""

import os
import platform
import re
import resource
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_LOOP_LENGTH = 500_000
PYTHON_FINDER = Path(__file__).resolve().parents[2] / "tools" / "python.sh"


@dataclass(frozen=True)
class Cores:
    """Which core the load runs on and which one belongs to the program under test."""

    load: int
    test: int

    def under_test(self, spread: bool = False) -> tuple[int, ...]:
        """The cores of the program under test: its own one, or all when the work is spread over them."""
        return tuple(sorted({self.load, self.test})) if spread else (self.test,)

    def of_load(self, spread: bool = False) -> tuple[int, ...]:
        """The cores of the load."""
        return self.under_test(spread) if spread else (self.load,)

    @property
    def shared(self) -> bool:
        """Both are the same core, so req/s and latency mean little."""
        return self.load == self.test


def pick_cores() -> Cores:
    """Take the first core for the load and the second for the program under test, of those allowed to us."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(load=allowed[0], test=allowed[1] if len(allowed) > 1 else allowed[0])


def raise_open_file_limit() -> None:
    """Lift the soft limit of open files to the hard one: 512 connections need more than some defaults."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def find_program(name: str) -> str | None:
    """Find a program on PATH or in the sbin directories, which a user's PATH often lacks."""
    places = [os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"]
    return shutil.which(name, path=os.pathsep.join(places))


def find_newest_python() -> str:
    """Find the newest CPython ≥ 3.11 that really runs, by the checkout's own rule; PYTHON overrides it.

    Raises:
        RuntimeError: there is none; the message says what to do.
    """
    answer = subprocess.run(["sh", str(PYTHON_FINDER)], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise RuntimeError(answer.stderr.strip())
    return answer.stdout.strip()


def time_fixed_loop() -> float:
    """Measure how fast this core is now: CPU ms that a fixed loop needs, the same in each run.

    A core that a hypervisor shares out in secret, or that has a busy neighbour on its silicon, shows here and
    nowhere else: its CPU clock counts on, and less gets done.
    """
    start = time.process_time()
    total = 0
    for number in range(_LOOP_LENGTH):
        total += number
    return (time.process_time() - start) * 1e3


def describe_machine(cores: Cores) -> dict[str, str | int | float]:
    """Say what the figures depend on, for the result file."""
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "cpu": model.group(1) if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load core": cores.load,
        "core under test": cores.test,
        # Its number; what a builder appended tells of the builder.
        "kernel": platform.release().split("-")[0],
        "load average before": round(os.getloadavg()[0], 2),
    }
