"""What may answer a request: refused at registration, not at the first request.

Also the default answer to `Expect`. Knows handlers and nothing of routes or patterns.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from quinde import hdrs
from quinde.web.routing.interfaces import AbstractView

if TYPE_CHECKING:
    from quinde.web.request import Request

__all__ = (
    "check_expect_handler",
    "check_handler",
    "default_expect_handler",
    "is_coroutine_function",
)


def check_handler(handler: object, route: str) -> None:
    """Refuse a handler that cannot be awaited for a response.

    Coroutine functions, class-based views, objects whose `__call__` is a coroutine function,
    `functools.partial` of any of them and generators decorated with `types.coroutine` will do.

    Args:
        handler: What shall answer requests.
        route: Method and path, for the message.

    Raises:
        TypeError: Make the handler `async def`.
    """
    if not callable(handler):
        raise TypeError(f"handler {handler!r} of {route} must be `async def`, and is not even callable")
    if is_coroutine_function(handler):
        return
    if isinstance(handler, type):
        if issubclass(handler, AbstractView):
            return
        raise TypeError(
            f"handler {handler!r} of {route} must be `async def` or a subclass of quinde.web.View"
        )
    raise TypeError(
        f"handler {handler!r} of {route} must be `async def`: a plain function would block the event loop. "
        "One that returns a coroutine becomes `async def` and awaits it"
    )


def check_expect_handler(handler: object, route: str) -> None:
    """Refuse an expect handler that is no coroutine function.

    Raises:
        TypeError: Make it `async def`.
    """
    if not is_coroutine_function(handler):
        raise TypeError(f"expect_handler {handler!r} of {route} must be `async def`")


def is_coroutine_function(function: Any) -> bool:
    """Tell whether calling `function` gives something to await, without calling it."""
    while isinstance(function, partial):
        function = function.func
    if _gives_coroutine(function):
        return True
    # An object's `__call__` is looked up on its class; the class itself, being called, makes an object.
    return not isinstance(function, type) and _gives_coroutine(type(function).__call__)


def _gives_coroutine(function: Any) -> bool:
    if inspect.iscoroutinefunction(function):
        return True
    if inspect.isgeneratorfunction(function):  # only `types.coroutine` makes its generators awaitable
        return bool(function.__code__.co_flags & inspect.CO_ITERABLE_COROUTINE)
    # Before 3.14 compiled code (Cython) marks itself for asyncio alone.
    return sys.version_info < (3, 14) and asyncio.iscoroutinefunction(function)


async def default_expect_handler(request: Request) -> None:
    """Answer `Expect: 100-continue` by the interim response (RFC 9110 §10.1.1).

    Raises:
        HTTPExpectationFailed: The field asks for something else.
    """
    if request.version < (1, 1):
        return  # RFC 9110 §10.1.1: an expectation from a 1.0 client is ignored
    expectation = request.headers.get(hdrs.EXPECT, "")
    if expectation.lower() != "100-continue":
        from quinde.web.exceptions import HTTPExpectationFailed

        raise HTTPExpectationFailed(text=f"Unknown Expect: {expectation}")
    request._incoming.informational(100, ())
