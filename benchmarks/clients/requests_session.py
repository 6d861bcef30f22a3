"""requests: blocking, without threads, so one request at a time, whatever the work says."""

import contextlib
from collections.abc import AsyncIterator

import requests
from session import Fetch


@contextlib.asynccontextmanager
async def connect(origin: str, in_flight: int, authority: str | None) -> AsyncIterator[Fetch]:
    """Open a session. As aiohttp by default, it does not look for proxies in the environment."""
    if in_flight != 1:
        raise ValueError(f"{in_flight} in flight, but each of its requests blocks the loop")
    with requests.Session() as session:
        session.trust_env = False
        if authority:
            session.verify = authority

        async def fetch(path: str, body: bytes | None = None) -> int:
            url = origin + path
            response = session.get(url) if body is None else session.post(url, data=body)
            return len(response.content)

        yield fetch
