"""Child processes on cores of their own, and what they cost: CPU time and memory of a whole process tree.

CPU time comes from each process's CPU clock, which counts nanoseconds and keeps the time of ended threads;
utime and stime of /proc/PID/stat have 10 ms ticks and only divide that sum into user and system.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

PROC = Path("/proc")
_TICK = 1 / os.sysconf("SC_CLK_TCK")
_STOP_GRACE = 3.0


class ProcessFailureError(Exception):
    """A child ended, answered nonsense or kept silent; the message says which and quotes its last words."""


@dataclass(frozen=True)
class CpuTime:
    """Seconds of CPU: all of it precisely, and the ticks that say how it divides into user and system."""

    total: float
    user_ticks: float
    system_ticks: float

    def __sub__(self, earlier: "CpuTime") -> "CpuTime":
        return CpuTime(
            self.total - earlier.total,
            self.user_ticks - earlier.user_ticks,
            self.system_ticks - earlier.system_ticks,
        )

    def per_request(self, requests: int) -> tuple[float, float]:
        """Divide among requests: (user, system) in µs, with the ticks' proportion and the precise sum."""
        total = self.total * 1e6 / requests
        ticks = self.user_ticks + self.system_ticks
        user = total * self.user_ticks / ticks if ticks else total
        return user, total - user


@contextlib.contextmanager
def on_cores(*cores: int) -> Iterator[None]:
    """Be on these cores for a while: a child started meanwhile, its threads and children stay there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Child:
    """A child process with a process group of its own, on its cores, its output kept for the error message.

    Args:
        name: what messages call it.
        command: program and arguments.
        cores: the cores for it and for all that it starts.
        environment: added to ours.
        log: file that takes stderr (and stdout, unless `talks`).
        talks: stdin and stdout are pipes for `send` and `receive`.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        cores: Collection[int],
        environment: Mapping[str, str],
        log: Path,
        talks: bool = False,
    ) -> None:
        self.name = name
        self._log = log
        self._received = b""
        self._stopped = False
        with log.open("wb") as sink, on_cores(*cores):
            self.process: subprocess.Popen[bytes] = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else sink,
                stderr=sink,
                bufsize=0,
                env={**os.environ, **environment},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def last_words(self) -> str:
        """The last line that it wrote to stderr, or how it ended."""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        ending = "" if self.alive else f"exit status {self.process.returncode}"
        return (
            ": ".join(part for part in (ending, lines[-1].strip() if lines else "") if part) or "no message"
        )

    def park(self) -> None:
        """Stop the whole group from running, so that it cannot disturb the measurement of another."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a parked group run again."""
        self._signal(signal.SIGCONT)

    def send(self, message: Mapping[str, Any]) -> None:
        """Write one JSON line to its stdin.

        Raises:
            ProcessFailureError: it has gone.
        """
        try:
            _stream(self.process.stdin).write(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise ProcessFailureError(f"{self.name} has gone: {self.last_words()}") from error

    def receive(self, timeout: float) -> dict[str, Any]:
        """Read one JSON line from its stdout.

        Raises:
            ProcessFailureError: it ended, said something else, or kept silent for `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        source = _stream(self.process.stdout)
        while b"\n" not in self._received:
            ready, _, _ = select.select([source], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise ProcessFailureError(f"{self.name} kept silent for {timeout:g} s: {self.last_words()}")
            piece = os.read(source.fileno(), 65536)
            if not piece:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(_STOP_GRACE)
                raise ProcessFailureError(f"{self.name} ended: {self.last_words()}")
            self._received += piece
        line, _, self._received = self._received.partition(b"\n")
        try:
            message: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise ProcessFailureError(f"{self.name} said {line[:80]!r}") from error
        return message

    def stop(self) -> None:
        """End the group: SIGTERM, then SIGKILL for what is left after three seconds."""
        if self._stopped:
            return
        self._stopped = True
        self.resume()
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_STOP_GRACE)
        self._signal(signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def _stream(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise TypeError("this child was started without talks=True")
    return pipe


def tree(root: int) -> list[int]:
    """List a process and all its descendants that live now."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                children.setdefault(_parse_stat((entry / "stat").read_text())[0], []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def _parse_stat(text: str) -> tuple[int, float, float]:
    """Take (parent, user seconds, system seconds) from /proc/PID/stat; its name field may hold anything."""
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), int(fields[11]) * _TICK, int(fields[12]) * _TICK


def cpu_time(pids: Iterable[int]) -> CpuTime:
    """Add up the CPU time of these processes, all their threads included; one that has gone counts 0."""
    total = user = system = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            _, own_user, own_system = _parse_stat((PROC / str(pid) / "stat").read_text())
            total += time.clock_gettime(_cpu_clock(pid))
            user += own_user
            system += own_system
    return CpuTime(total, user, system)


def _cpu_clock(pid: int) -> int:
    """Give the clock id of another process's CPU time, as clock_getcpuclockid(3) builds it on Linux."""
    return (~pid << 3) | 2


def resident_bytes(pids: Iterable[int]) -> int:
    """Add up the resident memory of these processes; pages that they share count once for each."""
    pages = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            pages += int((PROC / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def cores_busy(cores: Collection[int]) -> float:
    """Seconds that these cores have been busy with anything since boot (steal counts: we did not get it)."""
    names = {f"cpu{core}" for core in cores}
    ticks = 0
    for line in (PROC / "stat").read_text().splitlines():
        name, *numbers = line.split()
        if name in names:
            names.remove(name)
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, numbers[:8])
            ticks += user + nice + system + irq + softirq + steal
    if names:
        raise ValueError(f"no {', '.join(sorted(names))} in /proc/stat")
    return ticks * _TICK
