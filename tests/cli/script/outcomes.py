"""Outcomes made up from a few numbers."""

from __future__ import annotations

from quinde.cli.script.outcome import Outcome, Run, Side


def side(library: str, *seconds: float, cpu: float = 0.5, mib: int = 10, error: str | None = None) -> Side:
    """A side whose runs took so long, computing a share `cpu` of it."""
    runs = tuple(Run(seconds=each, cpu_seconds=each * cpu, peak_bytes=mib << 20) for each in seconds)
    return Side(library=library, version="1.0", runs=runs, error=error)


def outcome(aiohttp: Side, quinde: Side, *, asked: bool = True) -> Outcome:
    return Outcome(program="p.py", arguments=("-x",), rounds=3, sides=(aiohttp, quinde), asked=asked)
