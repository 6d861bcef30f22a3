"""Resources with a path of their own: fixed, or with names.

A resource keeps its routes in one dict, method to route, `*` for any; the native router reads that very dict,
so a route that is added later is found at once. `resolve()` is aiohttp's seam: the dispatcher asks it only
where somebody has overridden it, or where another resource that only Python can ask competes.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from yarl import URL

from quinde import hdrs
from quinde.web.routing.matchinfo import UrlMappingMatchInfo, Values, build_match_info
from quinde.web.routing.patterns import PathPattern, quote_path, unquote_value
from quinde.web.routing.routes import AbstractResource, ResourceRoute

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from quinde.web.request import Request
    from quinde.web.routing.interfaces import AbstractView
    from quinde.web.types import ExpectHandler, Handler

__all__ = (
    "DynamicResource",
    "PlainResource",
    "Resource",
    "check_prefix",
)


class Resource(AbstractResource):
    """A path's routes, one a method.

    Args:
        name: The name under which the router finds it, or None.
    """

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self._routes: dict[str, ResourceRoute] = {}

    @property
    def routes(self) -> dict[str, ResourceRoute]:
        """The routes by method, `*` for any. Add to them by `add_route` or `register_route`."""
        return self._routes

    def add_route(
        self,
        method: str,
        handler: Handler | type[AbstractView],
        *,
        expect_handler: ExpectHandler | None = None,
    ) -> ResourceRoute:
        """Add a route for a method, `*` for any that has none.

        Raises:
            RuntimeError: A route takes this method already.
            ValueError: The method is no token.
            TypeError: A handler is no coroutine function. Make it `async def`.
        """
        if taken := self._routes.get(method) or self._routes.get(hdrs.METH_ANY):
            raise RuntimeError(
                f"{method} {self.canonical} would never be reached: {taken!r} takes it already"
            )
        route = ResourceRoute(method, handler, self, expect_handler=expect_handler)
        self.register_route(route)
        return route

    def register_route(self, route: ResourceRoute) -> None:
        """Add a route that was made elsewhere, in place of another one for its method.

        Raises:
            TypeError: It is no `ResourceRoute`.
        """
        if not isinstance(route, ResourceRoute):
            raise TypeError(f"a resource takes instances of ResourceRoute, not {route!r}")
        self._routes[route.method] = route

    async def resolve(self, request: Request) -> tuple[UrlMappingMatchInfo | None, set[str]]:
        """Give the match, if path and method fit, and the methods that this path has here."""
        values = self.capture(request.rel_url.path_safe)
        if values is None:
            return None, set()
        route = self._routes.get(request.method) or self._routes.get(hdrs.METH_ANY)
        return None if route is None else build_match_info(route, values), set(self._routes)

    @abstractmethod
    def capture(self, path: str) -> Values | None:
        """Give what `names` stand for in a decoded path, or None when it does not match."""

    def __len__(self) -> int:
        return len(self._routes)

    def __iter__(self) -> Iterator[ResourceRoute]:
        return iter(self._routes.values())

    def __repr__(self) -> str:
        name = "" if self.name is None else f" {self.name!r}"
        return f"<{type(self).__name__}{name} {self.canonical}>"


class PlainResource(Resource):
    """The routes of one fixed path.

    Args:
        path: The path, decoded; empty means `/` once the router is frozen.
        name: The name under which the router finds it, or None.

    Raises:
        ValueError: The path does not start with a slash.
    """

    def __init__(self, path: str, *, name: str | None = None) -> None:
        super().__init__(name=name)
        if path and not path.startswith("/"):
            raise ValueError(f"path {path!r} must start with / or be empty")
        self._path = path

    @property
    def canonical(self) -> str:
        """The path."""
        return self._path

    def freeze(self) -> None:
        """Take the empty path for the root."""
        self._path = self._path or "/"

    def add_prefix(self, prefix: str) -> None:
        """Put `prefix` before the path."""
        check_prefix(prefix)
        self._path = prefix + self._path

    def capture(self, path: str) -> Values | None:
        """Give an empty tuple if `path` is this one."""
        return () if path == self._path else None

    def raw_match(self, path: str) -> bool:
        """Tell whether the resource was made from exactly this pattern."""
        return self._path == path

    def get_info(self) -> Mapping[str, Any]:
        """Give the path as `path`."""
        return {"path": self._path}

    def url_for(self) -> URL:  # type: ignore[override]  # no names, so no parts: aiohttp's signature
        """Build the URL."""
        return URL.build(path=self._path, encoded=True)


class DynamicResource(Resource):
    """The routes of all paths that fit a pattern with names.

    Args:
        path: The pattern: `{name}` stands for one segment or part of it, `{name:regex}` for what the regular
            expression matches in the decoded path.
        name: The name under which the router finds it, or None.

    Raises:
        ValueError: The pattern cannot be read.
    """

    def __init__(self, path: str, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self._orig_path = path
        self._pattern = PathPattern.read(path)
        self.names = tuple(self._pattern.regex.groupindex)

    @property
    def canonical(self) -> str:
        """The path with its names in braces and fixed text quoted."""
        return self._pattern.formatter

    @property
    def index_path(self) -> str:
        """The path with its names in braces and fixed text decoded."""
        return self._pattern.index_path

    @property
    def pattern(self) -> PathPattern:
        """The pattern as it was read."""
        return self._pattern

    def add_prefix(self, prefix: str) -> None:
        """Put `prefix` before the path."""
        check_prefix(prefix)
        formatter, regex, index_path, texts, (start, end) = self._pattern
        self._pattern = PathPattern(
            prefix + formatter,
            re.compile(re.escape(prefix) + regex.pattern),
            prefix + index_path,
            texts and (prefix + texts[0], *texts[1:]),
            (start and prefix + start, end),
        )

    def capture(self, path: str) -> Values | None:
        """Give the text behind each name, or None when the path does not fit."""
        match = self._pattern.regex.fullmatch(path)
        if match is None:
            return None
        return tuple(value and unquote_value(value) for value in match.groupdict().values())

    def raw_match(self, path: str) -> bool:
        """Tell whether the resource was made from exactly this pattern."""
        return self._orig_path == path

    def get_info(self) -> Mapping[str, Any]:
        """Give the pattern as `formatter` and `pattern`."""
        return {"formatter": self._pattern.formatter, "pattern": self._pattern.regex}

    def url_for(self, **parts: str) -> URL:
        """Build the URL with `parts`, which are quoted, for the names.

        Raises:
            KeyError: A name is missing.
        """
        quoted = {name: quote_path(value) for name, value in parts.items()}
        return URL.build(path=self._pattern.formatter.format_map(quoted), encoded=True)


def check_prefix(prefix: str) -> None:
    """Refuse what cannot stand before a path.

    Raises:
        ValueError: The prefix does not start with a slash, ends with one, or is nothing else.
    """
    if not prefix.startswith("/") or prefix.endswith("/"):
        raise ValueError(f"prefix {prefix!r} must start with / and not end with it")
