"""Class-based handlers: one coroutine method a request method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from quinde import hdrs
from quinde.web.routing.interfaces import AbstractView

if TYPE_CHECKING:
    from collections.abc import Generator

    from quinde.web.stream import StreamResponse

__all__ = ("View",)


class View(AbstractView):
    """Answer by the coroutine method that is named for the request's method: `async def get(self)`.

    The route for it is made by `add_view` and takes all methods; those that the class lacks get 405. HEAD is
    not taken from `get`.
    """

    async def _iter(self) -> StreamResponse:
        method = self.request.method
        answer = getattr(self, method.lower(), None) if method in hdrs.METH_ALL else None
        if answer is None:
            self._raise_allowed_methods()
        response: StreamResponse = await answer()
        return response

    def __await__(self) -> Generator[Any, None, StreamResponse]:
        return self._iter().__await__()

    def _raise_allowed_methods(self) -> NoReturn:
        from quinde.web.exceptions import HTTPMethodNotAllowed

        allowed = {method for method in hdrs.METH_ALL if hasattr(self, method.lower())}
        raise HTTPMethodNotAllowed(self.request.method, allowed)
