"""Many connections: what an idle one costs, how late a timer is beside busy ones, a coming and going."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.soak.crowd import CLOSE, COLUMNS, END, FULL, Column, Crowd, Server, read_to_end, servers, tell

if TYPE_CHECKING:
    from collections.abc import Callable

IDLE = 10_000 if FULL else 1_500
IDLE_TLS = IDLE if FULL else 150  # each a handshake
MOST = {
    Column("reactor"): 2048,
    Column("transport"): 6144,
    Column("reactor", tls=True): 24 * 1024,
    Column("transport", tls=True): 128 * 1024,
}
"""Bytes of one that does nothing."""
ACTIVE = 5_000 if FULL else 200
ACTIVE_FOR = 10.0 if FULL else 0.5
LATE = 0.005 if FULL else 0.02  # within all other tests the cores are not its own
CHURN = 20_000 if FULL else 1_000
GROWTH = 2**20 if FULL else 2**22  # a process that has done little is not warm


@COLUMNS
def test_idle_connections_are_small(column: Column) -> None:
    """asyncio's own transport is 3 KiB of those on the transport backend; of TLS nearly all is OpenSSL's."""
    count = IDLE_TLS if column.tls else IDLE
    with servers(column, connections=count) as (server,):
        descriptors = server.descriptors + 2  # what the first connection opens for all
        with Crowd(server) as warm:
            warm.join(count // 8)
            warm.ask(20)
        until(lambda: server.descriptors <= descriptors)
        before = server.rss
        with Crowd(server) as crowd:
            crowd.join(count)
            crowd.ask()
            assert server.about()["statistics"]["connections_open"] == count + 1
            full = server.rss
            each = (full - before) / count
            tell(f"{column}: {count} idle connections, {each:.0f} bytes each")
            assert each < MOST[column]
        until(lambda: server.descriptors <= descriptors)
        # All of it is used again.
        with Crowd(server) as crowd:
            crowd.join(count)
            crowd.ask()
            assert server.rss - full < 2**21 + count * MOST[column] // 20


@COLUMNS
def test_a_timer_is_not_late_beside_busy_connections(column: Column) -> None:
    """asyncio's transports have no budget: each iteration of the loop serves all that is ready."""
    with servers(column, connections=ACTIVE) as (server,), Crowd(server) as crowd:
        crowd.join(ACTIVE)
        crowd.ask()
        server.about()
        started = time.monotonic()
        answered = crowd.ask_for(ACTIVE_FOR)
        rate = answered / (time.monotonic() - started)
        about = server.about()
        tell(
            f"{column}: {ACTIVE} active connections, {rate:.0f} requests/s, "
            f"p99 of lateness {about['p99'] * 1000:.1f} ms in {about['beats']} beats"
        )
        assert answered >= ACTIVE
        assert about["beats"] > 0
        if column.backend == "reactor":
            assert about["p99"] <= LATE


@COLUMNS
@pytest.mark.parametrize("processes", [1, 2])
def test_connections_that_come_and_go(column: Column, processes: int) -> None:
    with servers(column, processes) as started:
        count = CHURN // 10 if column.tls else CHURN
        churn(started[0], max(50, count // 10))  # warm
        before = [(server.rss, server.descriptors, server.cpu) for server in started]
        begun = time.monotonic()
        churn(started[0], count)
        took = time.monotonic() - begun
        used = sum(server.cpu - cpu for server, (_, _, cpu) in zip(started, before, strict=True))
        tell(
            f"{column}, {processes} processes: {count} connections of one request, {count / took:.0f}/s, "
            f"{used / count * 1e6:.0f} µs of the servers' processors each"
        )
        for server, (rss, descriptors, _) in zip(started, before, strict=True):
            until(lambda server=server, descriptors=descriptors: server.descriptors <= descriptors)
            assert server.rss - rss < GROWTH
        if processes == 2:
            shares = [server.cpu - cpu for server, (_, _, cpu) in zip(started, before, strict=True)]
            assert min(shares) > 0.1 * used, "the kernel deals connections out among those that listen"


def churn(server: Server, count: int) -> None:
    """Ask once on each of many connections, some at a time."""
    for _ in range(count // 50):
        sockets = [server.connect() for _ in range(50)]
        for sock in sockets:
            sock.sendall(CLOSE)
        for sock in sockets:
            with sock:
                assert read_to_end(sock).endswith(END)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what the other process does in its own time."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
