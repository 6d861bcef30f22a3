"""Requests cancelled at random moments, client and server in one loop: nothing of them is left.

The ordinary run is small; `make soak` has ten thousand. The seed is fixed: what fails, fails again.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sys

import pytest

import quinde
from quinde import web
from quinde.net import reactor
from tests.behaviour.library import application
from tests.support.servers import serve_quinde

COUNTS = [400, pytest.param(10_000, marks=[pytest.mark.soak, pytest.mark.limit(300)])]


async def handler(request):
    """Answer in one of several ways, with pauses in which a cancellation may fall."""
    kind = request.path
    if kind == "/early":
        return web.Response(text="early")
    body = await request.read()
    await asyncio.sleep(0)
    if kind == "/stream":
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(4):
            await response.write(bytes(30_000))
            await asyncio.sleep(0)
        return response
    if kind == "/fail" and request.transport is not None:
        request.transport.abort()
    return web.Response(body=body)


async def pieces():
    for _ in range(3):
        yield bytes(20_000)
        await asyncio.sleep(0)


async def use(session, url, rng):
    kind = rng.choice(["/", "/early", "/stream", "/fail"])
    data = rng.choice([None, b"x" * rng.randrange(1, 5000), bytes(200_000), "pieces"])
    timeout = quinde.ClientTimeout(total=rng.choice([30, 0.001, 0.01]))
    async with session.post(
        url + kind, data=pieces() if data == "pieces" else data, timeout=timeout
    ) as response:
        how = rng.random()
        if how < 0.6:
            await response.read()
        elif how < 0.8:
            await response.content.readany()


async def storm(session, url, rng, count):
    """Start requests, and cancel about half of them while others run; return what they came to."""
    results = []
    running = set()

    def ended(task):
        running.discard(task)
        # An exception would keep its frames, and these what is looked for.
        results.append(asyncio.CancelledError if task.cancelled() else type(task.exception()))

    for _ in range(count):
        task = asyncio.create_task(use(session, url, rng))
        running.add(task)
        task.add_done_callback(ended)
        for _ in range(rng.randrange(3)):
            await asyncio.sleep(0)
        if rng.random() < 0.5:
            rng.choice(list(running) or [task]).cancel()
        while len(running) > 50:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        session.connector._pool.assert_consistent()
    await asyncio.gather(*running, return_exceptions=True)
    await asyncio.sleep(0)
    return results


def left_behind():
    """What a request may leave: descriptors, tasks, objects of the library."""
    gc.collect()
    names = {
        "ClientResponse",
        "ClientRequest",
        "Request",
        "IncomingRequest",
        "IncomingResponse",
        "Body",
        "StreamReader",
    }
    things = sum(type(thing).__name__ in names for thing in gc.get_objects())
    return len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()), things


async def settle(server):
    """Let the loop go on until the server is idle and asyncio's transports have closed their sockets."""
    while server.connections or server.service.tasks:  # noqa: ASYNC110  # the core's counters have no event
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)


async def fetch(session, url):
    async with session.get(url) as response:
        return await response.text()


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
@pytest.mark.parametrize("count", COUNTS)
async def test_storm_of_cancellations(mode, count):
    rng = random.Random(f"{mode} {count}")
    async with serve_quinde(application(handler)) as served:
        server = served.runner.server
        async with quinde.ClientSession() as session:  # warm: what is made once is there
            await storm(session, served.url, rng, 20)
        await settle(server)
        engine = reactor.engine().statistics
        before, open_before = left_behind(), engine()["open"]

        connector = quinde.TCPConnector(limit=30)
        async with quinde.ClientSession(connector=connector) as session:
            results = await storm(session, served.url, rng, count)
            statistics = connector._pool.statistics()
            assert (
                statistics["requests_in_flight"],
                statistics["slots_in_use"],
                statistics["requests_waiting"],
            ) == (0, 0, 0)
            assert await fetch(session, served.url + "/early") == "early"
        await settle(server)
        assert left_behind() == before
        assert engine()["open"] == open_before

    assert len(results) == count
    expected = (quinde.ClientError, TimeoutError, asyncio.CancelledError, type(None))
    assert [each.__name__ for each in results if not issubclass(each, expected)] == []
    assert count / 10 < results.count(asyncio.CancelledError) < count
    # Handshakes take most of the time that many requests have.
    assert count / (40 if mode.tls else 10) < results.count(type(None))
