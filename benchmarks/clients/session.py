"""What the aiohttp and quinde clients run, line for line the same: only the package differs."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from types import ModuleType

Fetch = Callable[[str], Awaitable[int]]


@contextlib.asynccontextmanager
async def open_session(package: ModuleType, origin: str, in_flight: int) -> AsyncIterator[Fetch]:
    """Open a `ClientSession` of `package` (aiohttp or quinde) and give its way to fetch a path.

    Args:
        package: module with `ClientSession` and `TCPConnector`.
        origin: URL without a path, such as `http://127.0.0.1:8000`.
        in_flight: connections that the pool may hold, so that no request waits for one.
    """
    connector = package.TCPConnector(limit=in_flight)
    async with package.ClientSession(connector=connector) as session:

        async def fetch(path: str) -> int:
            async with session.get(origin + path) as response:
                return len(await response.read())

        yield fetch
