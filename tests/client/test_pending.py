"""A request that is about to be made: awaitable, a context manager, and a coroutine to everybody who asks."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine
from typing import Any, cast

import pytest

from quinde.client.pending import OneShot, PendingRequest


class Response:
    """What is entered and left."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def __aenter__(self) -> Response:
        self.calls.append("enter")
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.calls.append(f"exit {exception[0] and exception[0].__name__}")  # type: ignore[attr-defined]

    def close(self) -> None:
        self.calls.append("close")


class Session:
    """What is closed."""

    closed = 0

    async def close(self) -> None:
        self.closed += 1


async def make(response: Any) -> Any:
    """Give a response, or raise it."""
    await asyncio.sleep(0)
    if isinstance(response, BaseException):
        raise response
    return response


async def test_awaited() -> None:
    response = Response()
    assert await PendingRequest(make(response)) is response
    assert response.calls == []


async def test_entered() -> None:
    response = Response()
    async with PendingRequest(make(response)) as entered:
        assert entered is response
    with pytest.raises(LookupError):
        async with PendingRequest(make(response)):
            raise LookupError
    assert response.calls == ["enter", "exit None", "enter", "exit LookupError"]


async def test_it_passes_for_a_coroutine() -> None:
    response = Response()
    pending = PendingRequest(make(response))
    assert isinstance(pending, Coroutine)
    assert asyncio.iscoroutine(pending)
    assert inspect.isawaitable(pending)
    assert await asyncio.create_task(pending) is response
    assert await asyncio.gather(PendingRequest(make(response))) == [response]
    async with asyncio.timeout(5):
        assert await asyncio.wait_for(PendingRequest(make(response)), 5) is response


async def test_it_can_be_run_by_hand() -> None:
    pending = PendingRequest(make(1))
    assert pending.send(None) is None
    with pytest.raises(StopIteration):
        pending.send(None)
    thrown = PendingRequest(make(1))
    thrown.send(None)
    with pytest.raises(LookupError):
        thrown.throw(LookupError())
    closed = PendingRequest(make(1))
    closed.close()
    assert next(iter(PendingRequest(make(1)))) is None


async def test_failure_comes_out() -> None:
    with pytest.raises(LookupError):
        async with PendingRequest(make(LookupError())):
            pass


async def test_one_shot_closes_its_session() -> None:
    session, response = Session(), Response()
    async with OneShot(make(response), cast(Any, session)) as entered:
        assert entered is cast(Any, response)
        assert session.closed == 0
    assert (session.closed, response.calls) == (1, ["close"])
    with pytest.raises(LookupError):
        async with OneShot(make(LookupError()), cast(Any, session)):
            pass
    assert session.closed == 2
