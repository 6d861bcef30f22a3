"""aiohttp's ClientSession."""

import contextlib
from collections.abc import AsyncIterator

import aiohttp
from session import Fetch, open_session


@contextlib.asynccontextmanager
async def connect(origin: str, in_flight: int) -> AsyncIterator[Fetch]:
    """Open a session whose pool holds all that is in flight."""
    async with open_session(aiohttp, origin, in_flight) as fetch:
        yield fetch
