from __future__ import annotations

import asyncio
import contextlib
import importlib
import sys
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.harness.environment import BENCHMARKS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

WORK = {"path": "/small", "size": 5, "in_flight": 2, "body": "", "session": "kept"}


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Import drive.py as it runs: as a script beside the clients."""
    monkeypatch.syspath_prepend(str(BENCHMARKS / "clients"))
    yield importlib.import_module("drive")
    for name in ("drive", "session"):
        del sys.modules[name]


class Client:
    """Counts what is done with it; `size` is what each body has."""

    def __init__(self, size: int = 5) -> None:
        self.size = size
        self.opened: list[int] = []
        self.closed = 0
        self.asked: list[tuple[str, bytes | None]] = []

    @contextlib.asynccontextmanager
    async def connect(self, in_flight: int) -> AsyncIterator[Any]:
        self.opened.append(in_flight)

        async def fetch(path: str, body: bytes | None = None) -> int:
            await asyncio.sleep(0)
            self.asked.append((path, body))
            return self.size

        yield fetch
        self.closed += 1


async def use(drive: Any, client: Client, **changes: Any) -> int:
    """Do a work for so short a time that each task asks once; give the number of its latencies."""
    work = WORK | changes
    async with drive.opened(client.connect, work) as fetch:
        _, latencies = await drive.run_for(1e-9, fetch, work)
    return len(latencies)


def test_one_session_is_kept_for_all(drive: Any) -> None:
    client = Client()
    assert asyncio.run(use(drive, client, body="abc")) == 2
    assert (client.opened, client.closed, client.asked) == ([2], 1, [("/small", b"abc")] * 2)


def test_each_request_has_a_session_of_its_own(drive: Any) -> None:
    client = Client()
    assert asyncio.run(use(drive, client, session="new")) == 2
    assert (client.opened, client.closed, client.asked) == ([1, 1], 2, [("/small", None)] * 2)


def test_sessions_that_ask_nothing_are_opened_and_closed(drive: Any) -> None:
    client = Client()
    assert asyncio.run(use(drive, client, session="unused", size=0)) == 2
    assert (client.opened, client.closed, client.asked) == ([1, 1], 2, [])


def test_a_body_of_another_size_ends_the_work(drive: Any) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(use(drive, Client(size=4)))
    assert str(caught.value.exceptions[0]) == "4 bytes of /small in place of 5"
