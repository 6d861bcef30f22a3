"""Runs one client under test: reads works as JSON lines on stdin, does them, answers on stdout.

For each work it warms up, says `ready`, waits for `go`, runs the window, says `done`, and reports when it is
asked to. So the harness reads this process's CPU time at the edges of the window, without the report's part.
Between works it sits in a blocking read and costs nothing.
"""

from __future__ import annotations  # array[float] is none before Python 3.12

import argparse
import asyncio
import contextlib
import functools
import importlib
import json
import sys
import time
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from session import Fetch

Connect = Callable[[int], AbstractAsyncContextManager[Fetch]]


class WrongBodyError(Exception):
    """The client gave a body of another size than the origin sent."""


async def run_for(seconds: float, fetch: Fetch, work: dict[str, Any]) -> tuple[float, array[float]]:
    """Fetch with `in_flight` tasks for so many seconds; give the real seconds and each request's latency."""
    latencies: array[float] = array("d")
    path, size = work["path"], work["size"]
    body = work["body"].encode() or None
    start = time.perf_counter()
    deadline = start + seconds

    async def worker() -> None:
        now = start
        while now < deadline:
            got = await fetch(path, body)
            if got != size:
                raise WrongBodyError(f"{got} bytes of {path} in place of {size}")
            before, now = now, time.perf_counter()
            latencies.append(now - before)

    async with asyncio.TaskGroup() as group:
        for _ in range(work["in_flight"]):
            group.create_task(worker())
    return time.perf_counter() - start, latencies


@contextlib.asynccontextmanager
async def opened(connect: Connect, work: dict[str, Any]) -> AsyncIterator[Fetch]:
    """Give the way to fetch that a work asks for: in one session that is kept, or in a new one each time."""

    async def fetch_in_new(path: str, body: bytes | None = None) -> int:
        async with connect(1) as fetch:
            return await fetch(path, body)

    async def open_and_close(path: str, body: bytes | None = None) -> int:
        async with connect(1):
            return 0

    if work["session"] == "kept":
        async with connect(work["in_flight"]) as fetch:
            yield fetch
    else:
        yield fetch_in_new if work["session"] == "new" else open_and_close


async def do(connect: Connect, work: dict[str, Any]) -> None:
    """Do one work by the protocol described above."""
    async with opened(connect, work) as fetch:
        await run_for(work["warm_up"], fetch, work)
        say({"state": "ready"})
        listen()
        seconds, latencies = await run_for(work["seconds"], fetch, work)
        say({"state": "done"})
        listen()
    ordered = sorted(latencies)
    say(
        {
            "requests": len(ordered),
            "seconds": seconds,
            "p50_us": ordered[len(ordered) // 2] * 1e6,
            "p99_us": ordered[len(ordered) * 99 // 100] * 1e6,
        }
    )


def say(message: dict[str, Any]) -> None:
    """Write one line to the harness."""
    print(json.dumps(message), flush=True)


def listen() -> dict[str, Any] | None:
    """Read one line from the harness, blocking the loop on purpose; None at its end."""
    line = sys.stdin.readline()
    message: dict[str, Any] | None = json.loads(line) if line else None
    return message


async def main(plain: Connect, tls: Connect) -> None:
    """Do works until stdin ends; a work that fails is reported and the next one starts afresh."""
    say({"state": "up"})
    while (work := listen()) is not None:
        try:
            await do(tls if work["tls"] else plain, work)
        except Exception as error:
            causes = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
            say({"error": f"{type(causes[0]).__name__}: {causes[0]}"})


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--client", required=True, help="module of this directory")
    arguments.add_argument("--origin", default="")
    arguments.add_argument("--tls-origin", default="", help="the one by https")
    arguments.add_argument("--authority", help="PEM file to verify the latter against")
    arguments.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    chosen = arguments.parse_args()
    factory = importlib.import_module("uvloop").new_event_loop if chosen.loop == "uvloop" else None
    connect = importlib.import_module(chosen.client).connect
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(
            main(
                functools.partial(connect, chosen.origin, authority=None),
                functools.partial(connect, chosen.tls_origin, authority=chosen.authority),
            )
        )
