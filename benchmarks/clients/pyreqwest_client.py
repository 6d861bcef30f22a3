"""pyreqwest: reqwest on tokio threads."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from pyreqwest.client import ClientBuilder
from session import Fetch


@contextlib.asynccontextmanager
async def connect(origin: str, in_flight: int, authority: str | None) -> AsyncIterator[Fetch]:
    """Open a client whose pool holds all that is in flight."""
    builder = ClientBuilder().pool_max_idle_per_host(in_flight).no_proxy()
    if authority:
        certificate = Path(authority).read_bytes()  # noqa: ASYNC240 - before anything is measured
        builder = builder.add_root_certificate_pem(certificate)
    async with builder.build() as client:

        async def fetch(path: str, body: bytes | None = None) -> int:
            url = origin + path
            asked = client.get(url) if body is None else client.post(url).body_bytes(body)
            response = await asked.build().send()
            return len(await response.bytes())

        yield fetch
