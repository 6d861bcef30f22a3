"""A route: what answers one method of one resource.

The two abstract classes refer to each other, so both stand here; concrete resources are in `resources`. Knows
handlers; knows no pattern.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sized
from typing import TYPE_CHECKING, Any, Final

from quinde.web.routing.handlers import check_expect_handler, check_handler, default_expect_handler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarl import URL

    from quinde.web.request import Request
    from quinde.web.routing.interfaces import AbstractMatchInfo, AbstractView
    from quinde.web.stream import StreamResponse
    from quinde.web.types import ExpectHandler, Handler

__all__ = ("AbstractResource", "AbstractRoute", "ResourceRoute")

# A method is a token (RFC 9110 §9.1, §5.6.2).
METHOD: Final = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+")


class AbstractResource(Sized, Iterable["AbstractRoute"]):
    """What a path leads to: its routes, one a method.

    Args:
        name: The name under which the router finds it, or None.
    """

    names: tuple[str, ...] = ()
    """The names that the pattern cuts out of a path, in order."""

    def __init__(self, *, name: str | None = None) -> None:
        self._name = name

    @property
    def name(self) -> str | None:
        """The name under which the router finds the resource."""
        return self._name

    @property
    @abstractmethod
    def canonical(self) -> str:
        """The path with its names in braces, such as `/user/{id}`."""

    @property
    def index_path(self) -> str:
        """The path, decoded, by which the router files the resource: `canonical` unless overridden."""
        return self.canonical

    @abstractmethod
    def url_for(self, **parts: str) -> URL:
        """Build the URL of this resource, with `parts` for its names."""

    @abstractmethod
    async def resolve(self, request: Request) -> tuple[AbstractMatchInfo | None, set[str]]:
        """Give the match, if path and method fit, and the methods that this path has here."""

    @abstractmethod
    def add_prefix(self, prefix: str) -> None:
        """Put `prefix` before the path, as for an application below another."""

    @abstractmethod
    def get_info(self) -> Mapping[str, Any]:
        """Describe the resource for introspection."""

    def freeze(self) -> None:
        """Prepare for requests: no resource will be added to the router any more."""

    @abstractmethod
    def raw_match(self, path: str) -> bool:
        """Tell whether the resource was made from exactly this pattern."""


class AbstractRoute(ABC):
    """What answers one method.

    Args:
        method: The method, in any case; `*` takes those that have no route of their own.
        handler: A coroutine function or a class-based view.
        expect_handler: A coroutine function that answers the `Expect` field; by default sends `100 Continue`.
        resource: What the route belongs to.

    Raises:
        ValueError: The method is no token.
        TypeError: One of the handlers is no coroutine function. Make it `async def`.
    """

    def __init__(
        self,
        method: str,
        handler: Handler | type[AbstractView],
        *,
        expect_handler: ExpectHandler | None = None,
        resource: AbstractResource | None = None,
    ) -> None:
        method = method.upper()
        if not METHOD.fullmatch(method):
            raise ValueError(f"{method!r} is no HTTP method: it must be a token")
        label = method if resource is None else f"{method} {resource.canonical or '/'}"
        check_handler(handler, label)
        if expect_handler is not None:
            check_expect_handler(expect_handler, label)
        self._method = method
        self._handler = handler
        self._expect_handler = expect_handler or default_expect_handler
        self._resource = resource

    @property
    def method(self) -> str:
        """The method in capitals, or `*`."""
        return self._method

    @property
    def handler(self) -> Any:
        """What answers: called with the request and awaited."""
        return self._handler

    @property
    @abstractmethod
    def name(self) -> str | None:
        """The name of the resource."""

    @property
    def resource(self) -> AbstractResource | None:
        """What the route belongs to."""
        return self._resource

    @abstractmethod
    def get_info(self) -> Mapping[str, Any]:
        """Describe the resource for introspection."""

    @abstractmethod
    def url_for(self, *args: str, **kwargs: str) -> URL:
        """Build the URL of the resource."""

    async def handle_expect_header(self, request: Request) -> StreamResponse | None:
        """Answer the request's `Expect` field. A response that is given replaces the handler's."""
        return await self._expect_handler(request)


class ResourceRoute(AbstractRoute):
    """A route of a resource: what `add_route` gives.

    Args:
        method: As of `AbstractRoute`.
        handler: As of `AbstractRoute`.
        resource: What the route belongs to.
        expect_handler: As of `AbstractRoute`.
    """

    def __init__(
        self,
        method: str,
        handler: Handler | type[AbstractView],
        resource: AbstractResource,
        *,
        expect_handler: ExpectHandler | None = None,
    ) -> None:
        super().__init__(method, handler, expect_handler=expect_handler, resource=resource)
        self._owner = resource

    def __repr__(self) -> str:
        return f"<ResourceRoute [{self.method}] {self._owner!r} -> {self.handler!r}>"

    @property
    def name(self) -> str | None:
        """The name of the resource."""
        return self._owner.name

    def url_for(self, *args: str, **kwargs: str) -> URL:
        """Build the URL of the resource."""
        return self._owner.url_for(*args, **kwargs)

    def get_info(self) -> Mapping[str, Any]:
        """Describe the resource for introspection."""
        return self._owner.get_info()
