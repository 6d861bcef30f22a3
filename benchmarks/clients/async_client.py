"""What the httpx and httpx2 clients run, line for line the same: only the package differs."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

from session import Fetch


@contextlib.asynccontextmanager
async def open_client(
    package: ModuleType, origin: str, in_flight: int, authority: str | None
) -> AsyncIterator[Fetch]:
    """Open an `AsyncClient` of `package` whose pool holds all that is in flight.

    As aiohttp by default, it does not look for proxies in the environment.
    """
    settings: dict[str, Any] = {"verify": ssl.create_default_context(cafile=authority)} if authority else {}
    limits = package.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    async with package.AsyncClient(limits=limits, trust_env=False, **settings) as client:

        async def fetch(path: str, body: bytes | None = None) -> int:
            url = origin + path
            response = await (client.get(url) if body is None else client.post(url, content=body))
            return len(response.content)

        yield fetch
