"""What the aiohttp and quinde clients run, line for line the same: only the package differs."""

import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable
from types import ModuleType
from typing import Any, Protocol


class Fetch(Protocol):
    """Asks for a path, by POST when there is a body to send, and gives the size of the body that came."""

    def __call__(self, path: str, body: bytes | None = None) -> Awaitable[int]: ...


@contextlib.asynccontextmanager
async def open_session(
    package: ModuleType, origin: str, in_flight: int, authority: str | None
) -> AsyncIterator[Fetch]:
    """Open a `ClientSession` of `package` (aiohttp or quinde) and give its way to fetch a path.

    Args:
        package: module with `ClientSession` and `TCPConnector`.
        origin: URL without a path, such as `http://127.0.0.1:8000`.
        in_flight: connections that the pool may hold, so that no request waits for one.
        authority: PEM file that the origin is verified against; None for http.
    """
    settings: dict[str, Any] = {"ssl": ssl.create_default_context(cafile=authority)} if authority else {}
    connector = package.TCPConnector(limit=in_flight, **settings)
    async with package.ClientSession(connector=connector) as session:

        async def fetch(path: str, body: bytes | None = None) -> int:
            asked = session.get(origin + path) if body is None else session.post(origin + path, data=body)
            async with asked as response:
                return len(await response.read())

        yield fetch
