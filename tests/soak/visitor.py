"""The client of the soak tests, a process of its own: `python -m tests.soak.visitor URL WORK [options]`.

It does one work and tells as JSON what that took of its memory and descriptors.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import quinde

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PIECE = bytes(range(256)) * 1024
AT_ONCE = 20


def rss() -> int:
    """Bytes of this process's memory that are resident."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak() -> int:
    """The most that was since `forget_peak`."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def hello(session: quinde.ClientSession, url: str) -> None:
    async with session.get(url) as response:
        assert await response.text() == "Hello, world!"


async def ask(session: quinde.ClientSession, url: str, count: int) -> dict[str, Any]:
    """Ask in ten blocks, some requests at a time."""

    async def some() -> None:
        for _ in range(count // 10 // AT_ONCE):
            await hello(session, url)

    await hello(session, url)
    before, blocks = descriptors(), []
    for _ in range(10):
        await asyncio.gather(*(some() for _ in range(AT_ONCE)))
        blocks.append(rss())
    assert session.connector is not None
    return {"blocks": blocks, "statistics": session.connector.statistics(), "opened": descriptors() - before}


async def download(session: quinde.ClientSession, url: str, size: int) -> dict[str, Any]:
    """Read a body more slowly than it comes."""
    await hello(session, url)
    before, received = rss(), 0
    forget_peak()
    async with session.get(f"{url}give", params={"size": size}) as response:
        async for piece in response.content.iter_any():
            so_far, received = received, received + len(piece)
            if so_far // 2**22 != received // 2**22:
                await asyncio.sleep(0.001)
    assert received == size
    return {"grown": peak() - before}


async def upload(session: quinde.ClientSession, url: str, size: int) -> dict[str, Any]:
    """Send a body that is made piece by piece, faster than it is read."""
    digest = hashlib.md5(usedforsecurity=False)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size // len(PIECE)):
            digest.update(PIECE)
            yield PIECE

    await hello(session, url)
    before = rss()
    forget_peak()
    async with session.put(f"{url}take", data=pieces()) as response:
        assert await response.json() == {"size": size, "digest": digest.hexdigest()}
    return {"grown": peak() - before}


WORKS = {"ask": ask, "churn": ask, "download": download, "upload": upload}


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("size", type=int, help="requests, or bytes of a body")
    parser.add_argument("--authority", help="a file: whom to trust")
    chosen = parser.parse_args()
    connector = quinde.TCPConnector(
        ssl=ssl.create_default_context(cafile=chosen.authority) if chosen.authority else True,
        force_close=chosen.work == "churn",
    )
    timeout = quinde.ClientTimeout()  # none: a large body is slow on purpose
    async with quinde.ClientSession(connector=connector, timeout=timeout) as session:
        told = await WORKS[chosen.work](session, chosen.url, chosen.size)
    print(json.dumps(told))  # noqa: T201  # the test reads it


if __name__ == "__main__":
    asyncio.run(main())
