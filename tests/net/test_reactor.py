"""The engine of a loop: one per loop, owned by its reader callback, freed with it."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import socket
import weakref
from asyncio.selector_events import BaseSelectorEventLoop
from functools import partial

import pytest

from quinde._core import Engine, Limits
from quinde.net import reactor


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def run(loop_factory, main):
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(main())


def loop_factories():
    import uvloop

    return [asyncio.new_event_loop, uvloop.new_event_loop]


def ids(factory):
    return factory.__module__.split(".")[0]


async def test_engine_is_one_per_loop():
    assert reactor.engine() is reactor.engine()


def test_engine_needs_a_running_loop():
    with pytest.raises(RuntimeError):
        reactor.engine()


@pytest.mark.parametrize("factory", loop_factories(), ids=ids)
def test_closing_the_loop_frees_the_engine_and_its_descriptors(factory):
    async def main():
        reference = weakref.ref(reactor.engine())
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        reactor.engine().connect(ours.detach(), Limits(), None, None, 1 << 19)
        return reference, theirs

    run(factory, main)[1].close()  # what a kind of loop opens once, and keeps
    gc.collect()
    before = open_files()
    reference, theirs = run(factory, main)
    gc.collect()
    assert reference() is None
    with theirs:
        theirs.settimeout(5)
        assert theirs.recv(1) == b""
    assert open_files() == before


@pytest.mark.parametrize("factory", loop_factories(), ids=ids)
def test_a_second_run_gets_a_new_engine(factory):
    async def main():
        return reactor.engine().serial

    assert run(factory, main) != run(factory, main)


@pytest.mark.parametrize("factory", loop_factories(), ids=ids)
def test_timer_fires_outside_the_callers_context(factory):
    variable = contextvars.ContextVar("variable", default="unset")

    async def main():
        variable.set("the caller's")
        seen = asyncio.get_running_loop().create_future()
        timer = reactor.engine().timer(0.01, lambda: seen.set_result(variable.get()))
        assert not timer.fired
        value = await seen
        assert timer.fired
        return value

    assert run(factory, main) == "unset"


@pytest.mark.parametrize("closed", [True, False])
async def test_only_open_descriptors_are_taken(closed: bool) -> None:
    engine = reactor.engine()
    ours, theirs = socket.socketpair()
    with theirs:
        number = ours.detach()
        os.close(number)
        with pytest.raises(OSError, match="not an open file descriptor"):
            engine.connect(number if closed else -1, Limits(), None, None, 1 << 19)


async def test_cancelled_timer_does_not_fire():
    fired = []
    engine = reactor.engine()
    cancelled = engine.timer(0.01, lambda: fired.append("cancelled"))
    cancelled.cancel()
    done = asyncio.get_running_loop().create_future()
    engine.timer(0.05, lambda: done.set_result(None))
    await done
    assert fired == []
    assert not cancelled.fired


async def test_timers_fire_in_their_order_and_never_early():
    loop = asyncio.get_running_loop()
    engine = reactor.engine()
    start = loop.time()
    order: list[tuple[str, float]] = []
    done = loop.create_future()
    for name, delay in [("late", 0.06), ("soon", 0.01), ("middle", 0.03)]:
        engine.timer(delay, lambda name=name: order.append((name, loop.time() - start)))
    engine.timer(0.1, lambda: done.set_result(None))
    await done
    assert [name for name, _ in order] == ["soon", "middle", "late"]
    assert all(at >= delay for (_, at), delay in zip(order, (0.01, 0.03, 0.06), strict=True))


async def test_no_timer_is_early_by_a_part_of_a_millisecond():
    # The engine counts whole milliseconds. What that cuts off must not come off a delay: it would when the
    # end falls on the grain of deadlines and the loop's timer was set at an earlier part of a millisecond.
    loop = asyncio.get_running_loop()
    engine = reactor.engine()
    early: list[float] = []
    done = loop.create_future()

    def check(start: float, delay: float) -> None:
        missing = delay - (loop.time() - start)
        if missing > 1e-6:
            early.append(missing)

    def begin(rounds: int) -> None:
        begun = loop.time()
        for delay in range(10, 30):
            engine.timer(delay / 1000, partial(check, loop.time(), delay / 1000))
        while loop.time() < begun + 0.0003:
            pass  # so that each round begins at another part of a millisecond
        if rounds:
            engine.timer(0.01, partial(begin, rounds - 1))
        else:
            engine.timer(0.05, lambda: done.set_result(None))

    begin(30)
    await done
    assert early == []


@pytest.mark.parametrize("delay", [-1.0, float("nan"), float("inf")])
async def test_timer_refuses_what_is_no_delay(delay):
    with pytest.raises(ValueError, match="timeout"):
        reactor.engine().timer(delay, print)


async def test_a_callback_that_fails_goes_to_the_loops_exception_handler():
    loop = asyncio.get_running_loop()
    seen = loop.create_future()
    loop.set_exception_handler(lambda _, context: seen.set_result(context["exception"]))

    def fail():
        raise LookupError("mine")

    reactor.engine().timer(0, fail)
    assert isinstance(await seen, LookupError)


@pytest.mark.parametrize("factory", loop_factories(), ids=ids)
@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_leaves_a_callback_too(factory, exception):
    def interrupt():
        raise exception

    async def main():
        reactor.engine().timer(0, interrupt)
        await asyncio.get_running_loop().create_future()

    loop = factory()
    task = loop.create_task(main())
    loop.call_later(5, task.cancel)
    with pytest.raises(exception):
        loop.run_until_complete(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)  # the loop and its engine are as before
    loop.close()


@pytest.mark.parametrize(
    ("value", "expected"), [("transport", "transport"), ("reactor", "reactor"), ("", "reactor")]
)
async def test_backend_follows_the_environment(monkeypatch, value, expected):
    monkeypatch.setenv("QUINDE_IO", value)
    assert reactor.backend() == expected


async def test_backend_refuses_another_word(monkeypatch):
    monkeypatch.setenv("QUINDE_IO", "epoll")
    with pytest.raises(ValueError, match="QUINDE_IO"):
        reactor.backend()


async def test_backend_claims_nothing_for_an_unknown_platform(monkeypatch):
    monkeypatch.setattr(reactor.sys, "platform", "darwin")
    monkeypatch.setenv("QUINDE_IO", "auto")
    assert reactor.backend() == "transport"
    monkeypatch.setenv("QUINDE_IO", "reactor")
    with pytest.raises(RuntimeError, match="not supported"):
        reactor.backend()


class Stranger(BaseSelectorEventLoop):
    """A loop that can watch descriptors, and that quinde has never heard of."""


class Blind(Stranger):
    """One that cannot."""

    add_reader = asyncio.AbstractEventLoop.add_reader


@pytest.mark.parametrize(("value", "expected"), [("auto", "transport"), ("reactor", "reactor")])
def test_an_unknown_loop_gets_the_reactor_on_demand_only(monkeypatch, value, expected):
    async def main():
        engine = reactor.engine()
        done = asyncio.get_running_loop().create_future()
        engine.timer(0, lambda: done.set_result(None))
        await done
        return reactor.backend()

    monkeypatch.setenv("QUINDE_IO", value)
    assert run(Stranger, main) == expected


def test_a_demand_that_comes_after_the_first_connection_is_refused(monkeypatch):
    async def main():
        reactor.engine()
        monkeypatch.setenv("QUINDE_IO", "reactor")
        return reactor.backend()

    monkeypatch.setenv("QUINDE_IO", "auto")
    with pytest.raises(RuntimeError, match="not supported"):
        run(Stranger, main)


def test_a_loop_that_watches_no_descriptors_is_refused_the_reactor(monkeypatch):
    async def main():
        return reactor.backend()

    monkeypatch.setenv("QUINDE_IO", "reactor")
    with pytest.raises(RuntimeError, match="not supported"):
        run(Blind, main)


async def test_engine_without_a_poller_still_has_timers():
    engine = Engine(asyncio.get_running_loop(), False)
    with pytest.raises(ValueError, match="no poller"):
        engine.fileno()
    done = asyncio.get_running_loop().create_future()
    engine.timer(0, lambda: done.set_result("fired"))
    assert await done == "fired"
    engine.close()


async def test_bad_descriptor_is_refused():
    with pytest.raises(OSError, match="descriptor"):
        reactor.engine().connect(-1, Limits(), None, None, 1 << 19)


def test_a_loop_that_is_dropped_takes_its_engine_along():
    async def main():
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        engine = reactor.engine()
        engine.connect(ours.detach(), Limits(), None, None, 1 << 19)
        engine.timer(1000, main)
        return weakref.ref(engine), weakref.ref(asyncio.get_running_loop()), theirs

    loop = asyncio.new_event_loop()
    engine, reference, theirs = loop.run_until_complete(main())
    del loop
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        gc.collect()
    assert (engine(), reference()) == (None, None)
    with theirs:
        assert theirs.recv(1) == b""


def test_a_loop_without_a_poller_takes_its_engine_along(monkeypatch):
    monkeypatch.setattr(reactor.sys, "platform", "win32")

    async def main():
        return weakref.ref(reactor.engine()), weakref.ref(asyncio.get_running_loop())

    engine, reference = asyncio.run(main())
    gc.collect()
    assert (engine(), reference()) == (None, None)
