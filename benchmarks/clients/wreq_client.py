"""wreq: reqwest's fork on tokio threads, its results brought to the loop by one batched bell."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import wreq
from session import Fetch


@contextlib.asynccontextmanager
async def connect(origin: str, in_flight: int, authority: str | None) -> AsyncIterator[Fetch]:
    """Open a client whose pool holds all that is in flight."""
    settings: dict[str, Any] = {"tls_verify": Path(authority)} if authority else {}
    client = wreq.Client(pool_max_idle_per_host=in_flight, pool_max_size=in_flight, no_proxy=True, **settings)

    async def fetch(path: str, body: bytes | None = None) -> int:
        url = origin + path
        response = await (client.get(url) if body is None else client.post(url, body=body))
        return len(await response.bytes())

    yield fetch
    client.close()
