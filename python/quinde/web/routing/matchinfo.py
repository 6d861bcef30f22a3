"""What a request led to: a route and the text behind its names, or an HTTP error in a route's place.

The router gives route and values, two cheap things; `build_match_info()` makes of them the
object that `request.match_info` shows, when somebody asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, cast

from quinde import hdrs
from quinde.web.routing.handlers import default_expect_handler
from quinde.web.routing.interfaces import AbstractMatchInfo
from quinde.web.routing.routes import AbstractRoute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarl import URL

    from quinde.web.exceptions import HTTPException
    from quinde.web.request import Request
    from quinde.web.types import ExpectHandler

__all__ = (
    "MatchInfoError",
    "SystemRoute",
    "UrlMappingMatchInfo",
    "Values",
    "build_match_info",
    "found_match_info",
)

Values = tuple[str | None, ...]
"""What the names of a pattern stand for in one path; None for a group that took no part in the match."""


if TYPE_CHECKING:

    class _Base(dict[str, str], AbstractMatchInfo):
        pass
else:
    # Registered below instead of inherited: instances of an abstract base's metaclass are slow to make.
    _Base = dict


class UrlMappingMatchInfo(_Base):
    """The text behind each name of the pattern, and the route.

    Args:
        match_dict: Name to decoded text.
        route: What answers the request.
    """

    _apps: tuple[Any, ...] = ()
    _current_app: Any = None
    _frozen = False

    def __init__(self, match_dict: Mapping[str, str], route: AbstractRoute) -> None:
        super().__init__(match_dict)
        self._route = route

    @property
    def handler(self) -> Any:
        """What answers the request."""
        return self._route.handler

    @property
    def route(self) -> AbstractRoute:
        """The route that was found."""
        return self._route

    @property
    def expect_handler(self) -> ExpectHandler:
        """What answers the request's `Expect` field."""
        return self._route.handle_expect_header

    @property
    def http_exception(self) -> HTTPException | None:
        """The HTTP error in the route's place: None here."""
        return None

    def get_info(self) -> Mapping[str, Any]:
        """Describe the resource for introspection."""
        return self._route.get_info()

    @property
    def apps(self) -> tuple[Any, ...]:
        """The applications that the request passes, outermost first."""
        return self._apps

    def add_app(self, app: Any) -> None:
        """Put `app` before those that are there; the first one added is the current one.

        Raises:
            RuntimeError: The match is frozen.
        """
        if self._frozen:
            raise RuntimeError("no application can be added: the match is frozen")
        if not self._apps:
            self._current_app = app
        self._apps = (app, *self._apps)

    @property
    def current_app(self) -> Any:
        """The application whose middlewares or handler are running; one of `apps`."""
        if self._current_app is None:
            raise RuntimeError("the match belongs to no application yet")
        return self._current_app

    @current_app.setter
    def current_app(self, app: Any) -> None:
        if app not in self._apps:
            raise RuntimeError(f"{app!r} is none of the applications that the request passes: {self._apps!r}")
        self._current_app = app

    def freeze(self) -> None:
        """Refuse further applications from now on."""
        self._frozen = True

    def __repr__(self) -> str:
        return f"<MatchInfo {super().__repr__()}: {self._route!r}>"


AbstractMatchInfo.register(UrlMappingMatchInfo)


class SystemRoute(AbstractRoute):
    """A route that raises an HTTP error: what a path without route leads to.

    Args:
        http_exception: The error. Each request needs one of its own, as it becomes the response.
    """

    def __init__(self, http_exception: HTTPException) -> None:
        # Not the base's: it would check our own coroutine function anew at each 404.
        self._method = hdrs.METH_ANY
        self._handler = self._handle
        self._expect_handler = default_expect_handler
        self._resource = None
        self._http_exception = http_exception

    @property
    def http_exception(self) -> HTTPException:
        """The error that the route raises."""
        return self._http_exception

    @property
    def name(self) -> None:
        """No name: None."""
        return

    @property
    def status(self) -> int:
        """The status of the error."""
        return self._http_exception.status

    @property
    def reason(self) -> str:
        """The reason phrase of the error."""
        return self._http_exception.reason

    def url_for(self, *args: str, **kwargs: str) -> URL:
        """Refuse: there is no resource.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError("a system route has no URL")

    def get_info(self) -> Mapping[str, Any]:
        """Give the error as `http_exception`."""
        return {"http_exception": self._http_exception}

    async def _handle(self, request: Request) -> NoReturn:
        raise self._http_exception

    def __repr__(self) -> str:
        return f"<SystemRoute {self.status}: {self.reason}>"


class MatchInfoError(UrlMappingMatchInfo):
    """The match of a request that no route takes.

    Args:
        http_exception: What the handler raises.
        route: The route that raises it, if there is one already.
    """

    def __init__(self, http_exception: HTTPException, route: SystemRoute | None = None) -> None:
        super().__init__({}, route or SystemRoute(http_exception))
        self._exception = http_exception

    @property
    def http_exception(self) -> HTTPException:
        """The HTTP error in the route's place."""
        return self._exception

    def __repr__(self) -> str:
        return f"<MatchInfoError {self._exception.status}: {self._exception.reason}>"


def found_match_info(route: AbstractRoute, values: Values | None, app: Any) -> UrlMappingMatchInfo:
    """Make the match of a resource's route, for good: of one application, and frozen.

    Written out instead of called: this is a good part of what a small request with a path parameter costs.
    """
    match_info = UrlMappingMatchInfo.__new__(UrlMappingMatchInfo)
    resource = route._resource
    if values is not None and resource is not None:
        for name, value in zip(resource.names, values, strict=True):
            if value is not None:
                match_info[name] = value
    match_info._route = route
    match_info._apps = (app,)
    match_info._current_app = app
    match_info._frozen = True
    return match_info


def build_match_info(route: AbstractRoute, values: Values | None) -> UrlMappingMatchInfo:
    """Make the match of what the router found."""
    if isinstance(route, SystemRoute):
        return MatchInfoError(route.http_exception, route)
    resource = route.resource
    if values is None or resource is None:
        return UrlMappingMatchInfo({}, route)
    named = dict(zip(resource.names, values, strict=True))
    if None in values:
        named = {name: value for name, value in named.items() if value is not None}
    return UrlMappingMatchInfo(cast("dict[str, str]", named), route)
