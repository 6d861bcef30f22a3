from __future__ import annotations

import asyncio
import inspect
import itertools
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from quinde.cli.suspensions import Suspension, Watched
from tests.support.servers import serve_raw

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.wire import Wire

HERE = "tests/cli/test_suspensions.py"


def line_of(function: Any, text: str) -> int:
    """The number of the line of a function that has a text in it."""
    lines, first = inspect.getsourcelines(function)
    return first + next(number for number, line in enumerate(lines) if text in line)


async def nap(times: int) -> str:
    for _ in range(times):
        await asyncio.sleep(0)
    return "rested"


async def outer() -> str:
    return await nap(1) + await asyncio.create_task(nap(1))


async def test_each_suspension_is_noted_where_it_was() -> None:
    ticks = map(float, itertools.count(10))
    watched = Watched(outer(), 10.0, lambda: next(ticks))
    assert await watched == "restedrested"
    first, second = watched.suspensions
    assert (first.start, first.end, first.seconds) == (0.0, 1.0, 1.0)
    assert (first.function, first.line) == ("nap", line_of(nap, "asyncio.sleep"))
    assert (second.start, second.end, second.function) == (2.0, 3.0, "outer")
    assert (second.file, second.line) == (first.file, line_of(outer, "create_task"))
    assert HERE.endswith(first.file)


def test_json_shape() -> None:
    assert Suspension(0.1, 0.12345678, "f", "p/m.py", 3).to_json() == {
        "start": 0.1,
        "end": 0.123457,
        "function": "f",
        "file": "p/m.py",
        "line": 3,
    }


async def test_nothing_is_suspended() -> None:
    async def straight() -> int:
        return 7

    watched = Watched(straight(), 0.0)
    assert await watched == 7
    assert watched.suspensions == []


async def test_exceptions_go_in_and_out() -> None:
    waiting = asyncio.get_running_loop().create_future()

    async def catch() -> str:
        try:
            await waiting
        except ZeroDivisionError:
            await asyncio.sleep(0)
            raise KeyError("mine") from None
        return "never"

    watched = Watched(catch(), 0.0)
    task = asyncio.ensure_future(watched)
    await asyncio.sleep(0)
    waiting.set_exception(ZeroDivisionError())
    with pytest.raises(KeyError, match="mine"):
        await task
    assert len(watched.suspensions) == 2


async def test_cancelling() -> None:
    ended = False

    async def sleep() -> None:
        nonlocal ended
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended = True

    watched = Watched(sleep(), 0.0)
    task = asyncio.ensure_future(watched)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended
    assert len(watched.suspensions) == 1


def test_closing_closes_the_coroutine() -> None:
    closed = []

    class Pause:
        def __await__(self) -> Generator[None, None, None]:
            yield

    async def sleep() -> None:
        try:
            await Pause()
        except GeneratorExit:
            closed.append(True)
            raise

    driven = Watched(sleep(), 0.0).__await__()
    assert next(driven) is None
    driven.close()
    assert closed == [True]


async def test_generators_and_wrappers_are_looked_through() -> None:
    class Wrapper:
        """As a pending request: its `__await__` gives the coroutine's."""

        def __init__(self, coroutine: Any) -> None:
            self.coroutine = coroutine

        def __await__(self) -> Any:
            return self.coroutine.__await__()

    class Generating:
        def __await__(self) -> Any:
            yield from Wrapper(nap(1)).__await__()

    async def through() -> None:
        await Wrapper(nap(1))
        await Generating()

    watched = Watched(through(), 0.0)
    await watched
    assert [each.function for each in watched.suspensions] == ["nap", "nap"]


async def test_a_request_is_suspended_in_quinde() -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        await asked_for_body.wait()
        await wire.send(b"k")

    asked_for_body = asyncio.Event()

    async def fetch() -> bytes:
        async with session.get(served.url) as response:
            asyncio.get_running_loop().call_soon(asked_for_body.set)
            return await response.read()

    async with serve_raw(talk) as served, quinde.ClientSession() as session:
        watched = Watched(fetch(), 0.0)
        assert await watched == b"ok"
    # TCP's handshake on the loopback may be over at once.
    assert [(each.function, each.file) for each in watched.suspensions][-2:] == [
        ("ClientSession._request", "quinde/client/session.py"),
        ("ClientResponse.read", "quinde/client/response.py"),
    ]
