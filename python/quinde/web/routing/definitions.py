"""Routes defined before there is a router: `web.get()` and its kin, and tables of them filled by decorators.

Only notes what was said; the router checks it at registration.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from quinde import hdrs

if TYPE_CHECKING:
    from quinde.web.routing.dispatcher import UrlDispatcher
    from quinde.web.routing.interfaces import AbstractView
    from quinde.web.routing.routes import AbstractRoute
    from quinde.web.types import Handler

__all__ = (
    "AbstractRouteDef",
    "RouteDef",
    "RouteTableDef",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "route",
    "view",
)

_Handler = TypeVar("_Handler", bound="Handler | type[AbstractView]")


class AbstractRouteDef(ABC):
    """What `add_routes` takes."""

    __slots__ = ()

    @abstractmethod
    def register(self, router: UrlDispatcher) -> list[AbstractRoute]:
        """Add what is defined to `router` and give its routes."""


@dataclass(frozen=True, repr=False, slots=True)
class RouteDef(AbstractRouteDef):
    """One route, defined.

    Args:
        method: The method, `*` for any.
        path: The pattern.
        handler: What answers.
        kwargs: Other arguments of the router's method.
    """

    method: str
    path: str
    handler: Handler | type[AbstractView]
    kwargs: dict[str, Any]

    def register(self, router: UrlDispatcher) -> list[AbstractRoute]:
        """Add the route to `router`, by the method that is named for it if there is one."""
        add = getattr(router, f"add_{self.method.lower()}", None) if self.method in hdrs.METH_ALL else None
        if add is None:
            return [router.add_route(self.method, self.path, self.handler, **self.kwargs)]
        return [add(self.path, self.handler, **self.kwargs)]

    def __repr__(self) -> str:
        name = getattr(self.handler, "__name__", self.handler)
        kwargs = "".join(f", {key}={value!r}" for key, value in sorted(self.kwargs.items()))
        return f"<RouteDef {self.method} {self.path} -> {name!r}{kwargs}>"


def route(method: str, path: str, handler: Handler | type[AbstractView], **kwargs: Any) -> RouteDef:
    """Define a route for any method; `kwargs` are `name` and `expect_handler`."""
    return RouteDef(method, path, handler, kwargs)


def head(path: str, handler: Handler, **kwargs: Any) -> RouteDef:
    """Define a route for HEAD."""
    return route(hdrs.METH_HEAD, path, handler, **kwargs)


def options(path: str, handler: Handler, **kwargs: Any) -> RouteDef:
    """Define a route for OPTIONS."""
    return route(hdrs.METH_OPTIONS, path, handler, **kwargs)


def get(
    path: str, handler: Handler, *, name: str | None = None, allow_head: bool = True, **kwargs: Any
) -> RouteDef:
    """Define a route for GET, and unless `allow_head` is false one for HEAD."""
    return route(hdrs.METH_GET, path, handler, name=name, allow_head=allow_head, **kwargs)


def post(path: str, handler: Handler, **kwargs: Any) -> RouteDef:
    """Define a route for POST."""
    return route(hdrs.METH_POST, path, handler, **kwargs)


def put(path: str, handler: Handler, **kwargs: Any) -> RouteDef:
    """Define a route for PUT."""
    return route(hdrs.METH_PUT, path, handler, **kwargs)


def patch(path: str, handler: Handler, **kwargs: Any) -> RouteDef:
    """Define a route for PATCH."""
    return route(hdrs.METH_PATCH, path, handler, **kwargs)


def delete(path: str, handler: Handler, **kwargs: Any) -> RouteDef:
    """Define a route for DELETE."""
    return route(hdrs.METH_DELETE, path, handler, **kwargs)


def view(path: str, handler: type[AbstractView], **kwargs: Any) -> RouteDef:
    """Define a class-based view for all methods."""
    return route(hdrs.METH_ANY, path, handler, **kwargs)


class RouteTableDef(Sequence[AbstractRouteDef]):
    """A table of routes, filled by decorators and given to `add_routes`."""

    def __init__(self) -> None:
        self._items: list[AbstractRouteDef] = []

    def __repr__(self) -> str:
        return f"<RouteTableDef count={len(self._items)}>"

    @overload
    def __getitem__(self, index: int) -> AbstractRouteDef: ...

    @overload
    def __getitem__(self, index: slice) -> list[AbstractRouteDef]: ...

    def __getitem__(self, index: int | slice) -> AbstractRouteDef | list[AbstractRouteDef]:
        return self._items[index]

    def __iter__(self) -> Iterator[AbstractRouteDef]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def route(self, method: str, path: str, **kwargs: Any) -> Callable[[_Handler], _Handler]:
        """Decorate the handler of a route for any method; `kwargs` are those of the router's method."""

        def add(handler: _Handler) -> _Handler:
            self._items.append(RouteDef(method, path, handler, kwargs))
            return handler

        return add

    def head(self, path: str, **kwargs: Any) -> Callable[[_Handler], _Handler]:
        """Decorate the handler of a route for HEAD."""
        return self.route(hdrs.METH_HEAD, path, **kwargs)

    def get(self, path: str, **kwargs: Any) -> Callable[[_Handler], _Handler]:
        """Decorate the handler of a route for GET, and unless `allow_head=False` for HEAD."""
        return self.route(hdrs.METH_GET, path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> Callable[[_Handler], _Handler]:
        """Decorate the handler of a route for POST."""
        return self.route(hdrs.METH_POST, path, **kwargs)

    def put(self, path: str, **kwargs: Any) -> Callable[[_Handler], _Handler]:
        """Decorate the handler of a route for PUT."""
        return self.route(hdrs.METH_PUT, path, **kwargs)

    def patch(self, path: str, **kwargs: Any) -> Callable[[_Handler], _Handler]:
        """Decorate the handler of a route for PATCH."""
        return self.route(hdrs.METH_PATCH, path, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Callable[[_Handler], _Handler]:
        """Decorate the handler of a route for DELETE."""
        return self.route(hdrs.METH_DELETE, path, **kwargs)

    def options(self, path: str, **kwargs: Any) -> Callable[[_Handler], _Handler]:
        """Decorate the handler of a route for OPTIONS."""
        return self.route(hdrs.METH_OPTIONS, path, **kwargs)

    def view(self, path: str, **kwargs: Any) -> Callable[[_Handler], _Handler]:
        """Decorate a class-based view for all methods."""
        return self.route(hdrs.METH_ANY, path, **kwargs)
