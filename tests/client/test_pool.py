"""The pool alone, with members that are no connections: slots, turns, waiting, ageing, and a storm."""

from __future__ import annotations

import asyncio
import gc
import random
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from quinde.client.pool import Pool
from quinde.errors import ClientConnectionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from quinde.client.pool import Host


def figures(*, in_flight: int = 0, idle: int = 0, slots: int = 0) -> dict[str, int]:
    """What a pool counts of one host that nobody waits for."""
    return {
        "requests_in_flight": in_flight,
        "requests_waiting": 0,
        "connections_idle": idle,
        "slots_in_use": slots,
        "hosts": 1,
    }


class Timer:
    """A timer that fires when the test says so."""

    def __init__(self, delay: float, callback: Callable[[], object]) -> None:
        self.delay = delay
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None

    def fire(self) -> None:
        callback, self.callback = self.callback, None
        if callback is not None:
            callback()


class Member:
    """A connection as the pool knows it."""

    def __init__(self, pool: Pool, key: str) -> None:
        self.pool = pool
        self.key = key
        self.host: Host | None = None
        self.idle_since = 0.0
        self.usable = True

    def is_usable(self) -> bool:
        return self.usable

    def close(self) -> None:
        self.usable = False
        self.pool.discard(self)

    def die(self) -> None:
        self.usable = False
        self.pool.lose(self, self.key)


class Bench:
    """A pool and the timers it has started."""

    def __init__(self, **options: Any) -> None:
        self.timers: list[Timer] = []
        settings: dict[str, Any] = {
            "limit": 0,
            "limit_per_host": 0,
            "keepalive_timeout": 15.0,
            "force_close": False,
            **options,
        }
        self.pool = Pool(start_timer=self.start, **settings)

    def start(self, delay: float, callback: Callable[[], object]) -> Any:
        timer = Timer(delay, callback)
        self.timers.append(timer)
        return timer

    async def take(self, key: str, until: float | None = None) -> Member:
        """Get a connection as a connector does."""
        host, member = await self.pool.acquire(key, until)
        if member is None:
            member = Member(self.pool, key)
            self.pool.adopt(host, member)
        assert isinstance(member, Member)
        self.pool.assert_consistent()
        return member


async def turn() -> None:
    """Let everything that is ready run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_recycled_connection_is_taken_again_last_first() -> None:
    bench = Bench()
    first, second = await bench.take("a"), await bench.take("a")
    bench.pool.recycle(first)
    bench.pool.recycle(second)
    assert await bench.take("a") is second
    assert await bench.take("a") is first
    assert bench.pool.statistics() == figures(in_flight=2, slots=2)


async def test_keys_do_not_share_connections() -> None:
    bench = Bench()
    bench.pool.recycle(await bench.take("a"))
    assert (await bench.take("b")).key == "b"
    assert bench.pool.statistics()["connections_idle"] == 1


async def test_unusable_idle_connection_is_passed_over() -> None:
    bench = Bench()
    good, dead = await bench.take("a"), await bench.take("a")
    bench.pool.recycle(good)
    bench.pool.recycle(dead)
    dead.usable = False
    assert await bench.take("a") is good


async def test_lost_idle_connection_is_forgotten_with_its_host() -> None:
    bench = Bench()
    member = await bench.take("a")
    bench.pool.recycle(member)
    member.die()
    bench.pool.assert_consistent()
    assert bench.pool.statistics()["hosts"] == 0


async def test_force_close_keeps_nothing() -> None:
    bench = Bench(force_close=True)
    member = await bench.take("a")
    bench.pool.recycle(member)
    assert not member.usable
    assert bench.pool.statistics()["hosts"] == 0


async def test_waiters_are_served_in_order() -> None:
    bench = Bench(limit=1)
    member = await bench.take("a")
    order: list[int] = []

    async def want(number: int) -> None:
        got = await bench.take("a")
        order.append(number)
        bench.pool.recycle(got)

    tasks = [asyncio.create_task(want(number)) for number in range(5)]
    await turn()
    assert bench.pool.statistics()["requests_waiting"] == 5
    bench.pool.recycle(member)
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3, 4]
    assert bench.pool.statistics()["connections_idle"] == 1


async def test_new_comer_does_not_overtake_a_waiter() -> None:
    bench = Bench(limit=1)
    member = await bench.take("a")
    waiting = asyncio.create_task(bench.take("a"))
    await turn()
    bench.pool.recycle(member)
    late = asyncio.create_task(bench.take("a"))
    assert await waiting is member
    await turn()
    assert not late.done()
    bench.pool.recycle(member)
    assert await late is member


async def test_keys_take_turns_at_the_total_limit() -> None:
    bench = Bench(limit=1)
    member = await bench.take("a")
    order: list[str] = []

    async def want(key: str) -> None:
        got = await bench.take(key)
        order.append(key)
        bench.pool.recycle(got)

    tasks = [asyncio.create_task(want(key)) for key in ("a", "a", "a", "b", "b", "b")]
    await turn()
    bench.pool.recycle(member)
    await asyncio.gather(*tasks)
    assert order == ["a", "b", "a", "b", "a", "b"]


async def test_limit_per_host_leaves_others_alone() -> None:
    bench = Bench(limit=3, limit_per_host=1)
    held = await bench.take("a")
    waiting = asyncio.create_task(bench.take("a"))
    await turn()
    await bench.take("b")
    assert not waiting.done()
    bench.pool.recycle(held)
    assert await waiting is held


async def test_discarded_connection_gives_its_slot_to_a_waiter() -> None:
    bench = Bench(limit=1)
    held = await bench.take("a")
    waiting = asyncio.create_task(bench.take("a"))
    await turn()
    held.close()
    assert await waiting is not held
    bench.pool.assert_consistent()


async def test_cancelled_waiter_leaves_the_queue() -> None:
    bench = Bench(limit=1)
    held = await bench.take("a")
    first, second = asyncio.create_task(bench.take("a")), asyncio.create_task(bench.take("a"))
    await turn()
    first.cancel()
    await turn()
    bench.pool.assert_consistent()
    assert bench.pool.statistics()["requests_waiting"] == 1
    bench.pool.recycle(held)
    assert await second is held


@pytest.mark.parametrize("reuse", [True, False])
async def test_slot_handed_over_in_the_turn_of_the_cancellation_is_not_lost(reuse: bool) -> None:
    bench = Bench(limit=1)
    held = await bench.take("a")
    first, second = asyncio.create_task(bench.take("a")), asyncio.create_task(bench.take("a"))
    await turn()
    if reuse:
        bench.pool.recycle(held)  # handed to `first`, which has not run yet
    else:
        held.close()
    first.cancel()
    got = await second
    assert (got is held) == reuse
    bench.pool.assert_consistent()
    assert bench.pool.statistics()["slots_in_use"] == 1


async def test_connection_lost_between_handing_over_and_waking_is_replaced() -> None:
    bench = Bench(limit=1)
    held = await bench.take("a")
    waiting = asyncio.create_task(bench.take("a"))
    await turn()
    bench.pool.recycle(held)
    held.die()
    assert await waiting is not held
    bench.pool.assert_consistent()
    assert bench.pool.statistics() == figures(in_flight=1, slots=1)


async def test_patience_ends_by_one_timer() -> None:
    bench = Bench(limit=1)
    await bench.take("a")
    now = time.monotonic()
    early = asyncio.create_task(bench.take("a", now - 1))
    late = asyncio.create_task(bench.take("a", now + 1000))
    await turn()
    live = [timer for timer in bench.timers if timer.callback is not None]
    assert len(live) == 1
    live[0].fire()
    with pytest.raises(TimeoutError):
        await early
    bench.pool.assert_consistent()
    assert not late.done()
    assert [timer.delay > 900 for timer in bench.timers if timer.callback is not None] == [True]
    late.cancel()
    await turn()


async def test_idle_connections_are_closed_when_they_are_old() -> None:
    bench = Bench(keepalive_timeout=15.0)
    old, young = await bench.take("a"), await bench.take("b")
    bench.pool.recycle(old)
    bench.pool.recycle(young)
    (timer,) = bench.timers
    assert timer.delay == 15.0
    old.idle_since -= 15.0
    timer.fire()
    assert not old.usable
    assert young.usable
    assert 14 < bench.timers[-1].delay <= 15
    assert bench.pool.statistics() == figures(idle=1)


async def test_too_old_connection_is_not_taken_though_the_timer_is_late() -> None:
    bench = Bench(keepalive_timeout=15.0)
    old = await bench.take("a")
    bench.pool.recycle(old)
    old.idle_since -= 16.0
    assert await bench.take("a") is not old
    assert not old.usable


async def test_without_timeout_nothing_ages() -> None:
    bench = Bench(keepalive_timeout=None)
    member = await bench.take("a")
    bench.pool.recycle(member)
    member.idle_since -= 1e9
    assert bench.timers == []
    assert await bench.take("a") is member


async def test_close_gives_all_members_and_refuses() -> None:
    bench = Bench(limit=2)
    active, idle = await bench.take("a"), await bench.take("b")
    bench.pool.recycle(idle)
    other = await bench.take("c")
    waiting = asyncio.create_task(bench.take("a"))
    await turn()
    assert set(bench.pool.close()) == {active, idle, other}
    with pytest.raises(ClientConnectionError, match="Connector is closed"):
        await waiting
    with pytest.raises(ClientConnectionError):
        await bench.pool.acquire("a")
    assert all(timer.callback is None for timer in bench.timers)
    bench.pool.recycle(active)  # the news may come late
    bench.pool.assert_consistent()
    assert bench.pool.statistics()["connections_idle"] == 0


async def test_rejected_member_leaves_its_slot_with_the_caller() -> None:
    bench = Bench(limit=1)
    bench.pool.recycle(await bench.take("a"))
    host, member = await bench.pool.acquire("a")
    assert member is not None
    assert bench.pool.reject(member) is host
    bench.pool.adopt(host, Member(bench.pool, "a"))
    bench.pool.assert_consistent()
    assert bench.pool.statistics()["slots_in_use"] == 1


class Watcher:
    """Keeps what it is told, and may fail at it."""

    def __init__(self, fail: str | None = None) -> None:
        self.told: list[str] = []
        self.fail = fail

    async def queued(self) -> None:
        self.told.append("queued")
        if self.fail == "queued":
            raise ZeroDivisionError

    async def served(self) -> None:
        self.told.append("served")
        if self.fail == "served":
            raise ZeroDivisionError


@pytest.mark.parametrize("with_member", [True, False])
async def test_watcher_is_told_of_a_wait(with_member: bool) -> None:
    bench = Bench(limit=1)
    watcher = Watcher()
    host, _ = await bench.pool.acquire("a", None, watcher)
    assert watcher.told == []
    waiting = asyncio.create_task(bench.pool.acquire("a", None, watcher))
    await turn()
    assert watcher.told == ["queued"]
    member = Member(bench.pool, "a")
    if with_member:
        bench.pool.adopt(host, member)
        bench.pool.recycle(member)
    else:
        bench.pool.give_back(host)
    assert await waiting == (host, member if with_member else None)
    assert watcher.told == ["queued", "served"]


@pytest.mark.parametrize("with_member", [True, False])
@pytest.mark.parametrize("event", ["queued", "served"])
async def test_watcher_that_fails_loses_no_slot(event: str, with_member: bool) -> None:
    bench = Bench(limit=1)
    host, _ = await bench.pool.acquire("a")
    waiting = asyncio.create_task(bench.pool.acquire("a", None, Watcher(fail=event)))
    await turn()
    member = Member(bench.pool, "a")
    if with_member:
        bench.pool.adopt(host, member)
        bench.pool.recycle(member)
    else:
        bench.pool.give_back(host)
    with pytest.raises(ZeroDivisionError):
        await waiting
    bench.pool.assert_consistent()
    statistics = bench.pool.statistics()
    assert statistics == {**figures(idle=int(with_member)), "hosts": int(with_member)}


async def test_timers_do_not_keep_the_pool_alive() -> None:
    bench = Bench()
    bench.pool.recycle(await bench.take("a"))
    reference = weakref.ref(bench.pool)
    (timer,) = bench.timers
    del bench.pool
    gc.collect()
    assert reference() is None
    timer.fire()


@pytest.mark.parametrize(("limit", "limit_per_host"), [(5, 0), (0, 2), (5, 2), (1, 1)])
async def test_storm_of_cancellations_loses_no_slot(limit: int, limit_per_host: int) -> None:  # noqa: C901
    """Thousands of uses, ended in every way at random moments; the books must be right all the time."""
    bench = Bench(limit=limit, limit_per_host=limit_per_host)
    rng = random.Random(f"{limit} {limit_per_host}")
    opened: list[Member] = []

    async def use(key: str) -> None:
        host, member = await bench.pool.acquire(key)
        if member is None:
            try:
                for _ in range(rng.randrange(3)):
                    await asyncio.sleep(0)
                if rng.random() < 0.2:
                    raise OSError("refused")
            except BaseException:
                bench.pool.give_back(host)
                raise
            member = Member(bench.pool, key)
            opened.append(member)
            bench.pool.adopt(host, member)
        assert isinstance(member, Member)
        try:
            for _ in range(rng.randrange(4)):
                await asyncio.sleep(0)
        except BaseException:
            member.close()
            raise
        end = rng.random()
        if end < 0.6:
            bench.pool.recycle(member)
        elif end < 0.8:
            member.close()
        else:
            member.die()

    running: list[asyncio.Task[None]] = []
    for _ in range(3000):
        running.append(asyncio.create_task(use(rng.choice("abc"))))
        if rng.random() < 0.5:
            rng.choice(running[-50:]).cancel()
        if rng.random() < 0.1 and opened:
            victim = rng.choice(opened)
            if victim.host is None:
                victim.die()  # the server closes an idle connection
        if rng.random() < 0.3:
            await asyncio.sleep(0)
            bench.pool.assert_consistent()
    await asyncio.gather(*running, return_exceptions=True)
    bench.pool.assert_consistent()
    assert bench.pool.statistics()["slots_in_use"] == 0
    assert bench.pool.statistics()["requests_waiting"] == 0
    assert bench.pool.statistics()["requests_in_flight"] == 0
