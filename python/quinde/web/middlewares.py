"""Middlewares: coroutine functions round handlers, `async def middleware(request, handler) -> response`."""

from __future__ import annotations

from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quinde.web.types import Handler, Middleware

__all__ = ("check_middleware", "middleware", "wrap_handler")

F = TypeVar("F")


def middleware(f: F) -> F:
    """Mark a coroutine function as a middleware.

    ``async def f(request, handler)`` awaits ``handler(request)``, unless it answers by itself, and returns
    the response.
    """
    f.__middleware_version__ = 1  # type: ignore[attr-defined]
    return f


def check_middleware(candidate: Any) -> Any:
    """Return a middleware of the present kind.

    Raises:
        TypeError: It is not marked: factories ``async def f(app, handler)`` of before aiohttp 3 are not
            taken.
    """
    if getattr(candidate, "__middleware_version__", None) != 1:
        raise TypeError(
            f"middleware {candidate!r} is not marked: write `@web.middleware async def f(request, handler)`"
        )
    return candidate


def wrap_handler(handler: Handler, middlewares: Iterable[Middleware]) -> Handler:
    """Put middlewares round a handler, the last of them innermost."""
    for each in reversed(tuple(middlewares)):
        handler = update_wrapper(partial(each, handler=handler), handler)
    return handler
