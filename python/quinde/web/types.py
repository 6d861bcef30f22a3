"""The callables that users hand to a server, as types. For annotations only; no behaviour."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from quinde.typedefs import Handler, Middleware

if TYPE_CHECKING:
    from quinde.web.request import Request
    from quinde.web.stream import StreamResponse

__all__ = ("ExpectHandler", "Handler", "Middleware")

ExpectHandler: TypeAlias = Callable[["Request"], Awaitable["StreamResponse | None"]]
"""A coroutine function that answers `Expect`: by an interim response and None, or by a response instead of
the handler's."""
