"""Middlewares: coroutine functions round handlers, `async def middleware(request, handler) -> response`."""

from __future__ import annotations

import re
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar

from quinde.web.exceptions import HTTPPermanentRedirect
from quinde.web.routing import SystemRoute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from quinde.web.exceptions import HTTPMove
    from quinde.web.request import Request
    from quinde.web.stream import StreamResponse
    from quinde.web.types import Handler, Middleware

__all__ = ("check_middleware", "middleware", "normalize_path_middleware", "wrap_handler")

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


def normalize_path_middleware(
    *,
    append_slash: bool = True,
    remove_slash: bool = False,
    merge_slashes: bool = True,
    redirect_class: type[HTTPMove] = HTTPPermanentRedirect,
) -> Middleware:
    """Make a middleware that redirects to the path that was perhaps meant, where there is none as it stands.

    Args:
        append_slash: Try it with a slash at its end.
        remove_slash: Try it without one; not together with `append_slash`.
        merge_slashes: Try it with one slash for several, alone and with the others.
        redirect_class: How to redirect, `HTTPPermanentRedirect` (308) by default.

    Raises:
        AssertionError: Slashes are to be both appended and removed.
    """
    if append_slash and remove_slash:
        raise AssertionError("Cannot both remove and append slash")

    def ended(path: str) -> str:
        if append_slash and not path.endswith("/"):
            return path + "/"
        return path[:-1] if remove_slash and path.endswith("/") else path

    def others(path: str) -> Iterator[str]:
        merged = re.sub("//+", "/", path) if merge_slashes else path
        return (other for other in (merged, ended(path), ended(merged)) if other != path)

    @middleware
    async def normalize(request: Request, handler: Handler) -> StreamResponse:
        if isinstance(request.match_info.route, SystemRoute):
            target = request.raw_path if request.raw_path.startswith("/") else str(request.rel_url)
            path, mark, query = target.partition("?")
            for other in others(path):
                # Two slashes at its beginning would make another host of what follows.
                meant = request.clone(rel_url="/" + other.lstrip("/"))
                found = await request.app.router.resolve(meant)
                if found.http_exception is None:
                    raise redirect_class(meant.raw_path + mark + query)
        return await handler(request)

    return normalize
