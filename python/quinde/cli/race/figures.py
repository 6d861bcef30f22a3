"""The figures of a race as text: what a table's columns are, and what stands in its cells."""

from quinde.cli.race.result import Act, Row, times_faster

__all__ = ("cells", "headings")

_MIB = 2**20


def headings(act: Act) -> list[str]:
    """Return the names of an act's figures."""
    own = "waiting" if act.number == 1 else "peak memory"
    return ["seconds", "requests/s", "CPU seconds", own, "times faster"]


def cells(row: Row, act: Act) -> list[str]:
    """Return a row's figures as text, one for each heading; none if it has none."""
    faster = times_faster(row, act.rows)
    if row.all_seconds is None or row.all_cpu_seconds is None or row.waiting is None or faster is None:
        return []
    about = "≈ " if row.is_cut else ""
    digits = 3 if act.number == 1 else 2
    if act.number == 1:
        own = f"{row.waiting:.0%}"
    else:
        own = "?" if row.peak_bytes is None else f"{row.peak_bytes / _MIB:.0f} MiB"
    return [
        f"{about}{row.all_seconds:.{digits}f}",
        f"{row.requests_per_second:,.0f}",
        f"{about}{row.all_cpu_seconds:.{digits}f}",
        own,
        f"{faster:.1f} x" if faster >= 0.1 else f"{faster:.2f} x",
    ]
