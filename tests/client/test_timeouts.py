"""Moments and deadlines: whose exception leaves the block, and that no cancellation is left behind."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from quinde.client.timeouts import DEFAULT_TIMEOUT, ClientTimeout, Deadline, moment, seconds_until


def current() -> asyncio.Task[object]:
    """The running task."""
    task = asyncio.current_task()
    assert task is not None
    return task


async def for_ever() -> None:
    """Wait for what never comes."""
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize(
    ("delay", "threshold", "when"),
    [
        (None, 5, None),
        (0, 5, None),
        (-1, 5, None),
        (2, 5, 102.25),
        (5, 5, 105.25),
        (6, 5, 107),
        (6, 10, 106.25),
    ],
)
def test_moment(delay: float | None, threshold: float, when: float | None) -> None:
    assert moment(delay, 100.25, threshold) == when


def test_seconds_until() -> None:
    assert seconds_until(None) == 0.0
    assert seconds_until(time.monotonic() - 5) == 0.001
    assert 4 < seconds_until(time.monotonic() + 5) <= 5


def test_defaults_are_aiohttp_s() -> None:
    theirs = aiohttp.client.DEFAULT_TIMEOUT
    for name in ("total", "connect", "sock_read", "sock_connect", "ceil_threshold"):
        assert getattr(DEFAULT_TIMEOUT, name) == getattr(theirs, name)
        assert getattr(ClientTimeout(), name) == getattr(aiohttp.ClientTimeout(), name)
    assert ClientTimeout(1, 2, 3, 4) == ClientTimeout(total=1, connect=2, sock_read=3, sock_connect=4)
    assert DEFAULT_TIMEOUT.sock_write == ClientTimeout().sock_write == 60  # aiohttp has none
    with pytest.raises(AttributeError):
        ClientTimeout().total = 5  # type: ignore[misc]


async def test_time_is_up() -> None:
    with pytest.raises(TimeoutError), Deadline(time.monotonic() + 0.01) as deadline:
        await for_ever()
    assert deadline.fired
    assert current().cancelling() == 0
    await asyncio.sleep(0)


async def test_time_enough() -> None:
    with Deadline(time.monotonic() + 100) as deadline:
        await asyncio.sleep(0)
    assert not deadline.fired


async def test_no_limit() -> None:
    with Deadline(None) as deadline:
        deadline.disarm()
        deadline.arm()
        await asyncio.sleep(0)


async def test_what_is_disarmed_does_not_fire_and_does_once_it_is_armed_again() -> None:
    with pytest.raises(TimeoutError), Deadline(time.monotonic() + 0.01) as deadline:
        deadline.disarm()
        await asyncio.sleep(0.03)
        assert not deadline.fired
        deadline.arm()
        await for_ever()
    deadline.arm()  # the block has been left
    await asyncio.sleep(0.01)
    assert current().cancelling() == 0


async def test_other_exceptions_pass() -> None:
    with pytest.raises(LookupError), Deadline(time.monotonic() + 100):
        raise LookupError


async def test_somebody_else_s_cancellation_wins() -> None:
    async def wait() -> None:
        with Deadline(time.monotonic() + 100):
            await for_ever()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_somebody_else_s_cancellation_wins_also_when_time_is_up() -> None:
    async def wait() -> None:
        deadline = Deadline(time.monotonic() + 100)
        with deadline:
            try:
                await for_ever()
            finally:
                deadline._fire()  # in the same turn

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nested_deadlines() -> None:
    soon = time.monotonic() + 0.01
    with pytest.raises(TimeoutError), Deadline(soon), Deadline(soon):
        await for_ever()
    assert current().cancelling() == 0
    with pytest.raises(TimeoutError), Deadline(soon + 100), Deadline(time.monotonic() + 0.01):
        await for_ever()
    assert current().cancelling() == 0


async def test_deadline_needs_a_task() -> None:
    outcome: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    def outside() -> None:
        try:
            with Deadline(time.monotonic() + 1):
                pass
        except RuntimeError as error:
            outcome.set_result(error)

    asyncio.get_running_loop().call_soon(outside)
    assert "must run in a task" in str(await outcome)
