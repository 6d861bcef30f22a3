"""Who runs in a race: one small class for each library and way of working.

Each runs in a process of its own (see `lane`), so a class here is free to import its library, to block and
to fail. Libraries are imported by the constructor, never at the top: the program must list contestants that
are not installed, and the clock must not count imports.

A contestant fetches every stop of the course, reads each body whole, takes anything but 200 for a failure,
and reports the label of each answer as it arrives. They differ in nothing else.
"""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar

from quinde.cli.errors import CommandError, one_line
from quinde.cli.race.course import Course

__all__ = (
    "CONTESTANTS",
    "Arrived",
    "Contestant",
    "QuindeConcurrently",
    "QuindeOneAtATime",
    "RequestsGet",
    "label",
)

Arrived = Callable[[str], None]
"""Called with the label of each answer."""

_LABEL_LIMIT = 40


def label(body: bytes, number: int) -> str:
    """Return the `name` of a JSON answer, or `#number` for an answer without one."""
    try:
        name = json.loads(body)["name"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return f"#{number}"
    return one_line(name, _LABEL_LIMIT) if isinstance(name, str) and name.strip() else f"#{number}"


def _not_ok(url: str, status: int, reason: str | None) -> CommandError:
    return CommandError(f"{url} answered {status} {reason or ''}".rstrip() + ", not 200")


def _too_slow(url: str, course: Course) -> CommandError:
    return CommandError(f"{url} gave no answer within {course.timeout:g} s")


def _no_answer(url: str, error: Exception) -> CommandError:
    return CommandError(f"cannot fetch {url}: {str(error) or type(error).__name__}")


class Contestant(ABC):
    """One way to fetch the course.

    Raises:
        CommandError: By the constructor, if the library is not installed; the text says how to get it.
    """

    name: ClassVar[str]
    """What the table calls it."""
    library: ClassVar[str]
    """The package that does the work."""
    remedy: ClassVar[str]
    """How to install it."""
    concurrent: ClassVar[bool] = False
    """Whether it has `course.concurrency` requests under way, or one."""

    def __init__(self) -> None:
        try:
            self._module: Any = import_module(self.library)
        except ModuleNotFoundError as error:
            if error.name != self.library:
                raise
            raise CommandError(f"{self.library} is not installed: {self.remedy}") from None

    @property
    def version(self) -> str:
        """The version of the library."""
        return str(self._module.__version__)

    @abstractmethod
    def run(self, course: Course, arrived: Arrived) -> None:
        """Fetch the whole course and return when the last answer is read.

        Raises:
            CommandError: A request failed; the text says which and why.
        """


class RequestsGet(Contestant):
    """`requests.get` for each address, one after the other: a new connection for every call."""

    name = "requests.get"
    library = "requests"
    remedy = 'pip install "quinde[race]"'

    def run(self, course: Course, arrived: Arrived) -> None:
        """Fetch the course by one blocking call after the other."""
        for number, url in course.stops():
            arrived(label(self._fetch(url, course), number))

    def _fetch(self, url: str, course: Course) -> bytes:
        try:
            # requests knows no limit for a whole request: this one is for connecting and for each silence.
            response = self._module.get(url, timeout=course.timeout)
        except self._module.Timeout:
            raise _too_slow(url, course) from None
        except self._module.RequestException as error:
            raise _no_answer(url, error) from error
        if response.status_code != 200:
            raise _not_ok(url, response.status_code, response.reason)
        body: bytes = response.content
        return body


class _AiohttpStyle(Contestant):
    """A library with aiohttp's names: one session, used in one of two ways."""

    def __init__(self) -> None:
        super().__init__()
        # quinde imports its modules when a name is first asked for: ask before the clock runs.
        for name in ("ClientError", "ClientSession", "ClientTimeout", "TCPConnector"):
            getattr(self._module, name)

    def run(self, course: Course, arrived: Arrived) -> None:
        """Fetch the course on an event loop of its own."""
        try:
            asyncio.run(self._run(course, arrived))
        except BaseExceptionGroup as group:
            # The first failure cancelled the other tasks: it is the one that tells something.
            raise group.exceptions[0] from None

    async def _run(self, course: Course, arrived: Arrived) -> None:
        connector = self._module.TCPConnector(limit=course.concurrency if self.concurrent else 1)
        timeout = self._module.ClientTimeout(total=course.timeout)
        async with self._module.ClientSession(connector=connector, timeout=timeout) as session:
            await self._fetch_all(session, course, arrived)

    @abstractmethod
    async def _fetch_all(self, session: Any, course: Course, arrived: Arrived) -> None:
        """Fetch the course with an open session."""

    async def _fetch(self, session: Any, url: str, course: Course) -> bytes:
        try:
            async with session.get(url) as response:
                if response.status != 200:
                    raise _not_ok(url, response.status, response.reason)
                body: bytes = await response.read()
                return body
        except TimeoutError:
            raise _too_slow(url, course) from None
        except (self._module.ClientError, OSError, ValueError, NotImplementedError) as error:
            raise _no_answer(url, error) from error


class _OneAtATime(_AiohttpStyle):
    async def _fetch_all(self, session: Any, course: Course, arrived: Arrived) -> None:
        for number, url in course.stops():
            arrived(label(await self._fetch(session, url, course), number))


class _Concurrently(_AiohttpStyle):
    concurrent = True

    async def _fetch_all(self, session: Any, course: Course, arrived: Arrived) -> None:
        # The timeout is for a request, not for its place in the queue: so the queue is not the connector's.
        gate = asyncio.Semaphore(course.concurrency)

        async def visit(number: int, url: str) -> None:
            async with gate:
                body = await self._fetch(session, url, course)
            arrived(label(body, number))

        async with asyncio.TaskGroup() as group:
            for number, url in course.stops():
                group.create_task(visit(number, url))


class QuindeOneAtATime(_OneAtATime):
    """quinde, asynchronous in name only: each request waits for the one before. One connection, kept."""

    name = "quinde, one at a time"
    library = "quinde"
    remedy = "pip install quinde"


class QuindeConcurrently(_Concurrently):
    """quinde with many requests under way at once."""

    name = "quinde, concurrently"
    library = "quinde"
    remedy = "pip install quinde"


CONTESTANTS: dict[str, type[Contestant]] = {
    "requests-get": RequestsGet,
    "quinde-one": QuindeOneAtATime,
    "quinde-many": QuindeConcurrently,
}
"""All contestants by key, in the order in which they run; the first to finish is the measure of the rest."""
