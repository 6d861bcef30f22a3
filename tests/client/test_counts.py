"""The counters of a connector; what moves them is in tests/behaviour/test_statistics.py."""

from __future__ import annotations

from quinde.client.counts import Counts


def test_all_that_is_counted_is_told() -> None:
    counts = Counts()
    assert set(counts.statistics().values()) == {0}
    counts.retries += 2
    counts.timeouts_pool += 1
    counts.timeouts_total += 1  # added to the core's
    told = counts.statistics()
    assert {name: count for name, count in told.items() if count} == {
        "retries": 2,
        "timeouts_pool": 1,
        "timeouts_total": 1,
    }
    assert told.keys() > counts.tally.statistics().keys()
