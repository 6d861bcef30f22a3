"""quinde's run once more, recorded request by request: what the waterfalls of a race's page show.

A run of its own, so that what recording costs is in no figure; in a process of its own, as contestants are.
`record` is called by the race; `_run_alone` is the child.
"""

import asyncio
import os
import ssl
import sys
from collections.abc import Callable
from typing import Any

from quinde.cli.process import Child, attach
from quinde.cli.race.course import Course
from quinde.cli.race.lane import label
from quinde.cli.recorder import Record, Recorder
from quinde.cli.timeline import Exchange
from quinde.client.session import ClientSession
from quinde.client.tcp import TCPConnector
from quinde.client.timeouts import ClientTimeout
from quinde.errors import ClientError

__all__ = ("record",)


def record(course: Course, arrived: Callable[[str], None]) -> tuple[Exchange, ...]:
    """Run the course with quinde, as concurrently as it allows, and return the life of each request.

    Args:
        course: What to fetch.
        arrived: Called with each answer's label as it arrives.

    Raises:
        CommandError: The process ended before its time. A request that fails is an exchange with an error.
    """
    exchanges = []
    with Child("quinde.cli.race.recording", course.to_json()) as child:
        for message in child.messages():
            if "label" in message and len(message) == 1:
                arrived(message["label"])
            else:
                exchanges.append(Exchange.from_json(message))
    return tuple(exchanges)


async def _run(course: Course, recorder: Recorder, arrived: Callable[[str], None]) -> None:
    gate = asyncio.Semaphore(course.concurrency)
    timeout = ClientTimeout(total=course.timeout)

    async def visit(number: int, url: str, record: Record) -> None:
        async with gate:
            record.label = await _fetch(session, url, number, record)
        arrived(record.label)

    context = None if course.authority is None else ssl.create_default_context(cafile=course.authority)
    connector = TCPConnector(limit=course.concurrency, ssl=context or True)
    async with (
        ClientSession(connector=connector, timeout=timeout, trace_configs=[recorder.config]) as session,
        asyncio.TaskGroup() as group,
    ):
        for number, url in course.stops():
            # All are asked for now: until a task's first turn, too, its request waits.
            group.create_task(visit(number, url, recorder.begin(f"#{number}")))


async def _fetch(session: ClientSession, url: str, number: int, record: Record) -> str:
    try:
        async with session.get(url, trace_request_ctx=record) as response:
            return label(await response.read(), number)
    except (ClientError, OSError, ValueError) as error:
        record.fail(error)
        return record.label


def _run_alone() -> None:
    """Record the course that the command line holds as JSON."""
    speak: Callable[[dict[str, Any]], None] = attach()
    os.environ["no_proxy"] = "*"
    recorder = Recorder()
    asyncio.run(_run(Course.from_json(sys.argv[1]), recorder, lambda name: speak({"label": name})))
    for exchange in recorder.exchanges():
        speak(exchange.to_json())


if __name__ == "__main__":
    _run_alone()
