"""quinde's ClientSession, used exactly as aiohttp's; QUINDE_IO in the environment chooses the I/O backend."""

import contextlib
from collections.abc import AsyncIterator

from session import Fetch, open_session

import quinde


@contextlib.asynccontextmanager
async def connect(origin: str, in_flight: int) -> AsyncIterator[Fetch]:
    """Open a session whose pool holds all that is in flight."""
    async with open_session(quinde, origin, in_flight) as fetch:
        yield fetch
