"""Contestants on an event loop: quinde, aiohttp, httpx and wreq.

A library is a way to open a client and one to fetch by it; how many requests are under way is the same code
for all: workers that take the next stop when they have read an answer. A worker's request is timed by the
library from when it begins: nobody waits in a library's queue.
"""

import asyncio
import ssl
from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Any

from quinde.cli.errors import CommandError
from quinde.cli.race.contestant import Arrived, Contestant, no_answer, not_ok, too_slow
from quinde.cli.race.course import Course

__all__ = (
    "AiohttpConcurrently",
    "HttpxConcurrently",
    "QuindeConcurrently",
    "QuindeOneAtATime",
    "WreqConcurrently",
)


class _OnLoop(Contestant):
    def run(self, course: Course, arrived: Arrived) -> None:
        """Fetch the course on an event loop of its own."""
        try:
            asyncio.run(self._run(course, arrived))
        except BaseExceptionGroup as group:
            # The first failure cancelled the other workers: it is the one that tells something.
            raise group.exceptions[0] from None

    async def _run(self, course: Course, arrived: Arrived) -> None:
        workers = min(course.concurrency, course.count) if self.concurrent else 1
        stops = course.stops()
        async with self._client(course, workers) as client:

            async def work() -> None:
                for number, url in stops:
                    arrived(number, await self._fetch(client, url, course))

            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(work())

    @abstractmethod
    def _client(self, course: Course, connections: int) -> AbstractAsyncContextManager[Any]:
        """Open a client with room for that many connections."""

    @abstractmethod
    async def _fetch(self, client: Any, url: str, course: Course) -> bytes:
        """Fetch one address.

        Raises:
            CommandError: It did not work; the text says why.
        """


def _context(course: Course) -> ssl.SSLContext | None:
    return None if course.authority is None else ssl.create_default_context(cafile=course.authority)


class _AiohttpStyle(_OnLoop):
    """A library with aiohttp's names."""

    def __init__(self) -> None:
        super().__init__()
        # quinde imports its modules when a name is first asked for: ask before the clock runs.
        for name in ("ClientError", "ClientSession", "ClientTimeout", "TCPConnector"):
            getattr(self._module, name)

    def _client(self, course: Course, connections: int) -> AbstractAsyncContextManager[Any]:
        connector = self._module.TCPConnector(limit=connections, ssl=_context(course) or True)
        timeout = self._module.ClientTimeout(total=course.timeout)
        session: AbstractAsyncContextManager[Any]
        session = self._module.ClientSession(connector=connector, timeout=timeout)
        return session

    async def _fetch(self, client: Any, url: str, course: Course) -> bytes:
        try:
            async with client.get(url) as response:
                if response.status != 200:
                    raise not_ok(url, response.status, response.reason)
                body: bytes = await response.read()
                return body
        except TimeoutError:
            raise too_slow(url, course) from None
        except (self._module.ClientError, OSError, ValueError, NotImplementedError) as error:
            raise no_answer(url, error) from error


class QuindeOneAtATime(_AiohttpStyle):
    """quinde, asynchronous in name only: each request waits for the one before. One connection, kept."""

    name = "quinde, one at a time"
    library = "quinde"
    remedy = "pip install quinde"


class QuindeConcurrently(_AiohttpStyle):
    """quinde with many requests under way at once."""

    name = "quinde, concurrently"
    library = "quinde"
    remedy = "pip install quinde"
    concurrent = True


class AiohttpConcurrently(_AiohttpStyle):
    """aiohttp with many requests under way at once: the same code, another import."""

    name = "aiohttp, concurrently"
    library = "aiohttp"
    remedy = "pip install aiohttp"
    concurrent = True
    optional = True


class HttpxConcurrently(_OnLoop):
    """httpx's asynchronous client with many requests under way at once."""

    name = "httpx, concurrently"
    library = "httpx"
    remedy = "pip install httpx"
    concurrent = True
    optional = True

    def _client(self, course: Course, connections: int) -> AbstractAsyncContextManager[Any]:
        limits = self._module.Limits(max_connections=connections, max_keepalive_connections=connections)
        client: AbstractAsyncContextManager[Any] = self._module.AsyncClient(
            limits=limits, timeout=course.timeout, verify=_context(course) or True, trust_env=False
        )
        return client

    async def _fetch(self, client: Any, url: str, course: Course) -> bytes:
        try:
            response = await client.get(url)
        except self._module.TimeoutException:
            raise too_slow(url, course) from None
        except (self._module.HTTPError, self._module.InvalidURL, OSError, ValueError) as error:
            raise no_answer(url, error) from error
        if response.status_code != 200:
            raise not_ok(url, response.status_code, response.reason_phrase)
        body: bytes = response.content
        return body


class WreqConcurrently(_OnLoop):
    """wreq, which works on threads of its own, with many requests under way at once."""

    name = "wreq, concurrently"
    library = "wreq"
    remedy = "pip install wreq"
    concurrent = True
    optional = True

    @property
    def version(self) -> str:
        """The version of the library, which does not tell it itself."""
        from importlib.metadata import version

        return version("wreq")

    def _client(self, course: Course, connections: int) -> AbstractAsyncContextManager[Any]:
        return _WreqClient(self._module, connections)

    async def _fetch(self, client: Any, url: str, course: Course) -> bytes:
        try:
            async with asyncio.timeout(course.timeout):
                response = await client.get(url)
                status = response.status.as_int()
                if status != 200:
                    raise not_ok(url, status, None)
                body: bytes = await response.bytes()
                return body
        except TimeoutError:
            raise too_slow(url, course) from None
        except CommandError:
            raise
        except Exception as error:
            # Its errors have no ancestor of their own.
            raise no_answer(url, error) from error


class _WreqClient(AbstractAsyncContextManager[Any]):
    def __init__(self, module: Any, connections: int) -> None:
        self._client = module.Client(
            pool_max_idle_per_host=connections, pool_max_size=connections, no_proxy=True
        )

    async def __aenter__(self) -> Any:
        return self._client

    async def __aexit__(self, *_: object) -> None:
        self._client.close()
