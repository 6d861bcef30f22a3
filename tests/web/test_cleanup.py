"""`cleanup_ctx`: resources round an application's life."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from quinde.web.cleanup import CleanupContext, CleanupError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

APP: Any = object()


def resource(name: str, trace: list[str], *, enter: Any = None, leave: Any = None) -> Any:
    async def generator(app: Any) -> AsyncIterator[None]:
        assert app is APP
        if enter is not None:
            raise enter
        trace.append(f"+{name}")
        yield
        trace.append(f"-{name}")
        if leave is not None:
            raise leave

    return generator


async def test_entered_in_order_left_in_reverse() -> None:
    trace: list[str] = []
    context = CleanupContext()
    context.append(resource("a", trace))
    context.append(asynccontextmanager(resource("b", trace)))
    context.freeze()
    await context.enter(APP)
    await context.leave(APP)
    await context.leave(APP)
    assert trace == ["+a", "+b", "-b", "-a"]


async def test_what_was_entered_before_a_failure_is_left() -> None:
    trace: list[str] = []
    context = CleanupContext()
    context.extend(
        [resource("a", trace), resource("b", trace, enter=ZeroDivisionError()), resource("c", trace)]
    )
    with pytest.raises(ZeroDivisionError):
        await context.enter(APP)
    await context.leave(APP)
    assert trace == ["+a", "-a"]


async def test_one_failure_is_raised_as_it_is() -> None:
    trace: list[str] = []
    context = CleanupContext()
    context.extend([resource("a", trace), resource("b", trace, leave=KeyError("b"))])
    await context.enter(APP)
    with pytest.raises(KeyError):
        await context.leave(APP)
    assert trace[-1] == "-a"


async def test_several_failures_are_gathered() -> None:
    cancelled, broken = asyncio.CancelledError(), ValueError("a")
    context = CleanupContext()
    context.extend([resource("a", [], leave=broken), resource("b", [], leave=cancelled)])
    await context.enter(APP)
    with pytest.raises(CleanupError, match="Multiple errors") as caught:
        await context.leave(APP)
    assert caught.value.exceptions == [cancelled, broken]
