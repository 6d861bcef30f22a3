"""wreq: reqwest's fork on tokio threads, its results brought to the loop by one batched bell."""

import contextlib
from collections.abc import AsyncIterator

import wreq
from session import Fetch


@contextlib.asynccontextmanager
async def connect(origin: str, in_flight: int) -> AsyncIterator[Fetch]:
    """Open a client whose pool holds all that is in flight."""
    client = wreq.Client(pool_max_idle_per_host=in_flight, pool_max_size=in_flight, no_proxy=True)

    async def fetch(path: str) -> int:
        response = await client.get(origin + path)
        return len(await response.bytes())

    yield fetch
