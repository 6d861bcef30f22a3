"""Samples and cells for the tests of the benchmark harness, by the few numbers that a test cares for."""

from __future__ import annotations

from benchmarks.harness.results import Cell, Sample


def sample(speed: float = 1000.0, cpu: float = 10.0, load_share: float = 0.5, p99: float = 900.0) -> Sample:
    """Make a sample with these numbers and plain other ones."""
    return Sample(
        requests_per_second=speed,
        cpu_us=cpu,
        user_us=cpu / 2,
        system_us=cpu / 2,
        p50_us=100.0,
        p99_us=p99,
        rss_mib=30.0,
        load_share=load_share,
        foreign_share=0.0,
    )


def cell(*speeds: float, cpu: float = 10.0, load_share: float = 0.5) -> Cell:
    """Make a cell with a round for each speed."""
    return Cell([sample(speed, cpu, load_share) for speed in speeds])
