"""Loads a server and says what came of it: wrk where it is installed, else our own slower generator.

Both run on the load core and answer with one JSON line. wrk knows whole seconds only, so it is ended by
SIGINT. Knows ports and works, not which server it loads.
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .environment import BENCHMARKS
from .machine import find_program
from .processes import ProcessFailureError, on_cores

if TYPE_CHECKING:
    from pathlib import Path

    from .machine import Cores
    from .works import ServerWork

ERROR_KINDS = ("connect", "read", "write", "status", "timeout")
# Longer than any window; SIGINT comes first.
_WRK_LIMIT = "600s"
_END_GRACE = 10.0


@dataclass(frozen=True)
class LoadResult:
    """What the generator counted, and the share of its core that it used: near 1.0 it is the limit itself.

    The latencies are None for pipelined work, where wrk corrects them by an interval that is wrong there.
    """

    requests: int
    seconds: float
    p50_us: float | None
    p99_us: float | None
    generator_share: float


class BadAnswersError(Exception):
    """Some answers were not 2xx or 3xx, or connections broke; such a measurement does not count."""


class Generator:
    """One way to load a server; `wrk` if it is installed, unless `own` asks for ours."""

    def __init__(self, python: Path, cores: Cores, own: bool) -> None:
        self._python = python
        self._cores = cores
        self._wrk = None if own else find_program("wrk")
        self.name = "wrk" if self._wrk else "our own generator, slower than wrk"

    def load(self, port: int, work: ServerWork, seconds: float) -> LoadResult:
        """Load a server for so many seconds.

        Raises:
            BadAnswersError: errors were counted.
            ProcessFailureError: the generator failed or gave no result.
        """
        command = self._command(port, work, seconds)
        cpu_before = _reaped_cpu()
        with on_cores(*self._cores.of_load(work.setup.spread)):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        with process:
            try:
                if self._wrk:
                    time.sleep(seconds)
                    process.send_signal(signal.SIGINT)
                output, _ = process.communicate(timeout=seconds + _END_GRACE)
            except subprocess.TimeoutExpired as error:
                raise ProcessFailureError(f"{self.name} did not end in time") from error
            finally:
                process.kill()
        cpu_seconds = _reaped_cpu() - cpu_before
        return parse_answer(output.decode(errors="replace"), cpu_seconds, work.mode == "pipeline")

    def _command(self, port: int, work: ServerWork, seconds: float) -> list[str]:
        body = work.body.decode()
        if self._wrk:
            # A name, as there is no SNI for an address.
            origin = f"https://localhost:{port}" if work.setup.tls else f"http://127.0.0.1:{port}"
            options = [
                f"-c{work.connections}",
                "-t1",
                "-d",
                _WRK_LIMIT,
                "-s",
                str(BENCHMARKS / "load" / "wrk.lua"),
            ]
            return [self._wrk, *options, f"{origin}{work.path}", "--", work.mode, body]
        options = [f"--port={port}", f"--path={work.path}", f"--mode={work.mode}", f"--body={body}"]
        options += [f"--connections={work.connections}", f"--seconds={seconds}"]
        if work.setup.tls:
            options.append("--tls")
        return [str(self._python), str(BENCHMARKS / "load" / "generator.py"), *options]


def parse_answer(output: str, cpu_seconds: float, pipelined: bool) -> LoadResult:
    """Read the JSON line at the end of a generator's output.

    Args:
        output: all that it printed; wrk prints a table before the line.
        cpu_seconds: what it used, unless the line says so itself.
        pipelined: its latencies mean nothing.

    Raises:
        BadAnswersError: errors were counted, or nothing was answered.
        ProcessFailureError: there is no such line.
    """
    lines = output.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        raise ProcessFailureError(f"the generator gave no result: {lines[-1] if lines else 'silence'}")
    answer = json.loads(lines[-1])
    errors = {kind: answer[kind] for kind in ERROR_KINDS if answer.get(kind)}
    if errors or not answer["requests"]:
        counts = ", ".join(f"{kind} {count}" for kind, count in errors.items())
        raise BadAnswersError(f"{answer['requests']} answers; errors: {counts or 'none'}")
    return LoadResult(
        requests=answer["requests"],
        seconds=answer["seconds"],
        p50_us=None if pipelined else answer["p50_us"],
        p99_us=None if pipelined else answer["p99_us"],
        generator_share=answer.get("cpu_seconds", cpu_seconds) / answer["seconds"],
    )


def _reaped_cpu() -> float:
    """CPU seconds of all our children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
