"""The router: resources in order of registration, found by path and method.

`resolve()` is the coroutine that users override or wrap; `match()` gives the same answer without a request
object and without suspending, and is what the server asks as long as nobody has touched `resolve`. Both stand
on the native `Router`, which is built at the first look-up and anew when resources change. Where a resource
that only Python can ask comes first (one with a `resolve` of its own), `match()` gives None, and `resolve()`
walks the candidates in Python.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sized
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from quinde import hdrs
from quinde._core import Router
from quinde.web.routing.interfaces import AbstractMatchInfo, AbstractRouter
from quinde.web.routing.matchinfo import MatchInfoError, SystemRoute, Values, build_match_info
from quinde.web.routing.patterns import has_names
from quinde.web.routing.resources import DynamicResource, PlainResource, Resource
from quinde.web.routing.routes import AbstractResource, AbstractRoute

if TYPE_CHECKING:
    from collections.abc import Callable

    from quinde.web.request import Request
    from quinde.web.routing.definitions import AbstractRouteDef
    from quinde.web.routing.interfaces import AbstractView
    from quinde.web.types import ExpectHandler, Handler

__all__ = (
    "OWN_DISPATCH",
    "Incoming",
    "NativeEntry",
    "ResourcesView",
    "RoutesView",
    "UrlDispatcher",
    "has_own_ways",
    "index_key",
    "native_entry",
)

NAME_SEPARATOR: Final = re.compile(r"[.:-]")
# What the classes do by themselves: anything else is somebody's own and has to be asked.
OWN_CAPTURES: Final = (PlainResource.capture, DynamicResource.capture)
OWN_RESOLVE: Final = Resource.resolve


class Incoming(Protocol):
    """What `UrlDispatcher.finder()` needs of a request."""

    @property
    def method(self) -> str:
        """The method."""

    @property
    def raw_path(self) -> str:
        """The target's path as it was sent."""

    @property
    def expect_continue(self) -> bool:
        """Whether the peer waits for 100 before it sends the body."""


class NativeEntry(NamedTuple):
    """A resource as the native router takes it."""

    key: str
    pattern: str | tuple[str, ...]
    """A fixed path; the text around plain names; for a foreign one, what its paths start and end with."""
    routes: dict[str, Any]
    foreign: bool = False
    capture: Callable[[str], Values | None] | None = None


class ResourcesView(Sized, Iterable[AbstractResource], Container[AbstractResource]):
    """The resources of a router, read-only.

    Args:
        resources: They, in order of registration.
    """

    def __init__(self, resources: list[AbstractResource]) -> None:
        self._resources = resources

    def __len__(self) -> int:
        return len(self._resources)

    def __iter__(self) -> Iterator[AbstractResource]:
        return iter(self._resources)

    def __contains__(self, resource: object) -> bool:
        return resource in self._resources


class RoutesView(Sized, Iterable[AbstractRoute], Container[AbstractRoute]):
    """The routes of a router as they were when the view was made.

    Args:
        resources: What they belong to, in order of registration.
    """

    def __init__(self, resources: Iterable[AbstractResource]) -> None:
        self._routes = [route for resource in resources for route in resource]

    def __len__(self) -> int:
        return len(self._routes)

    def __iter__(self) -> Iterator[AbstractRoute]:
        return iter(self._routes)

    def __contains__(self, route: object) -> bool:
        return route in self._routes


class UrlDispatcher(AbstractRouter, Mapping[str, AbstractResource]):
    """Find routes by path and method; as a mapping, named resources by name."""

    def __init__(self) -> None:
        super().__init__()
        self._resources: list[AbstractResource] = []
        self._named_resources: dict[str, AbstractResource] = {}
        self._index: dict[str, list[AbstractResource]] = {}
        self._longest_key = 0
        self._native: Router | None = None

    # Looking up

    @property
    def is_native(self) -> bool:
        """Whether `finder()` answers for `resolve()`: nobody has overridden or wrapped that one."""
        return type(self).resolve is OWN_DISPATCH and "resolve" not in vars(self)

    def finder(self) -> Callable[[Incoming], Any]:
        """Give the core's look-up for a table that will not change any more.

        Returns:
            A callable: received request → `(route, values)`; or something that is no tuple, when the
            application's `_handle` must see to it: no route, `Expect: 100-continue`, a resource with its own
            `resolve`.
        """
        return (self._native or self._build()).find

    async def resolve(self, request: Request) -> AbstractMatchInfo:
        """Find what answers `request`; a miss is a match that raises 404 or 405."""
        found = (self._native or self._build()).resolve(request.method, request.rel_url.raw_path)
        if type(found) is tuple:
            return build_match_info(*found)
        if found is NotImplemented:
            return await self._walk(request)
        return build_match_info(*self._miss(request.method, found))

    async def _walk(self, request: Request) -> AbstractMatchInfo:
        """Ask each candidate's own `resolve`, those under the longest key first."""
        allowed: set[str] = set()
        for key in self._keys(request.rel_url.path_safe):
            for resource in self._index.get(key, ()):
                match_info, methods = await resource.resolve(request)
                if match_info is not None:
                    return match_info
                allowed |= methods
        route, _ = self._miss(request.method, allowed or None)
        return MatchInfoError(route.http_exception, route)

    def _keys(self, path: str) -> Iterator[str]:
        """Give the keys that a path may be filed under; never more than fit the longest key in use."""
        end = len(path)
        while end > 0 and path[:end] != "/":
            if end <= self._longest_key:
                yield path[:end]
            end = path.rfind("/", 0, min(end, self._longest_key + 1))
        if path:
            yield "/"

    def _miss(self, method: str, allowed: set[str] | None) -> tuple[SystemRoute, None]:
        from quinde.web.exceptions import HTTPMethodNotAllowed, HTTPNotFound

        return SystemRoute(HTTPMethodNotAllowed(method, allowed) if allowed else HTTPNotFound()), None

    def _build(self) -> Router:
        self._native = Router(
            [native_entry(key, item) for key, items in self._index.items() for item in items]
        )
        return self._native

    # The mapping of named resources

    def __iter__(self) -> Iterator[str]:
        return iter(self._named_resources)

    def __len__(self) -> int:
        return len(self._named_resources)

    def __contains__(self, name: object) -> bool:
        return name in self._named_resources

    def __getitem__(self, name: str) -> AbstractResource:
        return self._named_resources[name]

    def resources(self) -> ResourcesView:
        """Give all resources in order of registration."""
        return ResourcesView(self._resources)

    def routes(self) -> RoutesView:
        """Give the routes of all resources."""
        return RoutesView(self._resources)

    def named_resources(self) -> Mapping[str, AbstractResource]:
        """Give the resources that have a name, by it."""
        return MappingProxyType(self._named_resources)

    # Registration

    def register_resource(self, resource: AbstractResource) -> None:
        """Add a resource, after those that are there.

        Raises:
            TypeError: It is no `AbstractResource`.
            RuntimeError: The router is frozen.
            ValueError: Its name is taken, or not made of Python identifiers joined by `.`, `:` or `-`.
        """
        if not isinstance(resource, AbstractResource):
            raise TypeError(f"a router takes instances of AbstractResource, not {resource!r}")
        if self.frozen:
            raise RuntimeError(f"{resource!r} comes too late: the router is frozen")
        if resource.name is not None:
            self._check_name(resource.name)
            self._named_resources[resource.name] = resource
        self._resources.append(resource)
        self.index_resource(resource)

    def _check_name(self, name: str) -> None:
        for part in NAME_SEPARATOR.split(name):
            if keyword.iskeyword(part):
                raise ValueError(f"Incorrect route name {name!r}: {part!r} is a keyword of Python")
            if not part.isidentifier():
                raise ValueError(
                    f"Incorrect route name {name!r}: use identifiers, joined by dash, dot or colon"
                )
        if name in self._named_resources:
            raise ValueError(f"Duplicate name {name!r}: {self._named_resources[name]!r} has it")

    def index_resource(self, resource: AbstractResource) -> None:
        """File a resource under the path that all its paths start with."""
        key = index_key(resource)
        self._index.setdefault(key, []).append(resource)
        self._longest_key = max(self._longest_key, len(key))
        self._native = None

    def unindex_resource(self, resource: AbstractResource) -> None:
        """Take a resource out of the look-up, as before its path changes."""
        self._index[index_key(resource)].remove(resource)
        self._native = None

    def add_resource(self, path: str, *, name: str | None = None) -> Resource:
        """Add a resource, or give the one added last if it has the same pattern and name.

        Args:
            path: Empty or starting with a slash; may contain `{name}` and `{name:regex}`.
            name: The name under which it is found, or None.

        Raises:
            ValueError: The pattern or the name cannot be used.
            RuntimeError: The router is frozen.
        """
        if path and not path.startswith("/"):
            raise ValueError(f"path {path!r} must start with / or be empty")
        last = self._resources[-1] if self._resources else None
        if isinstance(last, Resource) and last.name == name and last.raw_match(path):
            return last
        resource = DynamicResource(path, name=name) if has_names(path) else PlainResource(path, name=name)
        self.register_resource(resource)
        return resource

    def add_route(
        self,
        method: str,
        path: str,
        handler: Handler | type[AbstractView],
        *,
        name: str | None = None,
        expect_handler: ExpectHandler | None = None,
    ) -> AbstractRoute:
        """Add a route.

        Args:
            method: The method in any case; `*` for any that has no route of its own.
            path: As of `add_resource`.
            handler: A coroutine function or a class-based view.
            name: The name of the resource, for `router[name].url_for()`.
            expect_handler: A coroutine function that answers the `Expect` field; by default `100 Continue`.

        Raises:
            ValueError: Method, pattern or name cannot be used.
            TypeError: A handler is no coroutine function. Make it `async def`.
            RuntimeError: The router is frozen, or another route takes the method already.
        """
        return self.add_resource(path, name=name).add_route(method, handler, expect_handler=expect_handler)

    def add_head(self, path: str, handler: Handler, **kwargs: Any) -> AbstractRoute:
        """Add a route for HEAD; arguments and errors as of `add_route`."""
        return self.add_route(hdrs.METH_HEAD, path, handler, **kwargs)

    def add_options(self, path: str, handler: Handler, **kwargs: Any) -> AbstractRoute:
        """Add a route for OPTIONS; arguments and errors as of `add_route`."""
        return self.add_route(hdrs.METH_OPTIONS, path, handler, **kwargs)

    def add_get(
        self, path: str, handler: Handler, *, name: str | None = None, allow_head: bool = True, **kwargs: Any
    ) -> AbstractRoute:
        """Add a route for GET, and unless `allow_head` is false one for HEAD; else as `add_route`."""
        resource = self.add_resource(path, name=name)
        if allow_head:
            resource.add_route(hdrs.METH_HEAD, handler, **kwargs)
        return resource.add_route(hdrs.METH_GET, handler, **kwargs)

    def add_post(self, path: str, handler: Handler, **kwargs: Any) -> AbstractRoute:
        """Add a route for POST; arguments and errors as of `add_route`."""
        return self.add_route(hdrs.METH_POST, path, handler, **kwargs)

    def add_put(self, path: str, handler: Handler, **kwargs: Any) -> AbstractRoute:
        """Add a route for PUT; arguments and errors as of `add_route`."""
        return self.add_route(hdrs.METH_PUT, path, handler, **kwargs)

    def add_patch(self, path: str, handler: Handler, **kwargs: Any) -> AbstractRoute:
        """Add a route for PATCH; arguments and errors as of `add_route`."""
        return self.add_route(hdrs.METH_PATCH, path, handler, **kwargs)

    def add_delete(self, path: str, handler: Handler, **kwargs: Any) -> AbstractRoute:
        """Add a route for DELETE; arguments and errors as of `add_route`."""
        return self.add_route(hdrs.METH_DELETE, path, handler, **kwargs)

    def add_view(self, path: str, handler: type[AbstractView], **kwargs: Any) -> AbstractRoute:
        """Add a class-based view for all methods; arguments and errors as of `add_route`."""
        return self.add_route(hdrs.METH_ANY, path, handler, **kwargs)

    def add_routes(self, routes: Iterable[AbstractRouteDef]) -> list[AbstractRoute]:
        """Add what `web.get()` and its kin define, in order; give the routes."""
        return [route for definition in routes for route in definition.register(self)]

    def freeze(self) -> None:
        """Refuse further resources from now on, and get ready to look up."""
        super().freeze()
        for resource in self._resources:
            resource.freeze()
        self._build()


OWN_DISPATCH: Final = UrlDispatcher.resolve


def index_key(resource: AbstractResource) -> str:
    """Give the path, without trailing slash, that every path of a resource starts with."""
    path = resource.index_path
    if "{" in path:
        path = path.partition("{")[0].rpartition("/")[0]
    return path.rstrip("/") or "/"


def native_entry(key: str, resource: AbstractResource) -> NativeEntry:
    """Say of a resource what the native router needs; without `capture`, that only Python can ask it."""
    if not isinstance(resource, PlainResource | DynamicResource) or has_own_ways(resource):
        return NativeEntry(key, ("", ""), {}, foreign=True)
    if isinstance(resource, PlainResource):
        return NativeEntry(key, resource.canonical, resource.routes)
    if resource.pattern.texts is not None:
        return NativeEntry(key, resource.pattern.texts, resource.routes)
    return NativeEntry(key, resource.pattern.affixes, resource.routes, foreign=True, capture=resource.capture)


def has_own_ways(resource: Resource) -> bool:
    """Tell whether somebody has overridden or wrapped how a resource matches."""
    kind = type(resource)
    overridden = kind.resolve is not OWN_RESOLVE or kind.capture not in OWN_CAPTURES
    return overridden or not vars(resource).keys().isdisjoint(("resolve", "capture"))
