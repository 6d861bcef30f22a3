"""The abstract classes between an application and its routes, as aiohttp's `abc` names them.

What a router of one's own, a match or a class-based view has to be. Knows no pattern and no route: those are
built on these.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping

    from quinde.web.exceptions import HTTPException
    from quinde.web.request import Request
    from quinde.web.stream import StreamResponse
    from quinde.web.types import ExpectHandler

__all__ = ("AbstractMatchInfo", "AbstractRouter", "AbstractView")


class AbstractRouter(ABC):
    """Find what answers a request."""

    def __init__(self) -> None:
        self._frozen = False

    def post_init(self, app: Any) -> None:  # noqa: B027  # optional to override
        """Learn of the application that was made with this router. Does nothing unless overridden."""

    @property
    def frozen(self) -> bool:
        """Whether resources can no longer be added."""
        return self._frozen

    def freeze(self) -> None:
        """Refuse further resources from now on."""
        self._frozen = True

    @abstractmethod
    async def resolve(self, request: Request) -> AbstractMatchInfo:
        """Find what answers `request`; a miss is a match too, one that raises the HTTP error."""


class AbstractMatchInfo(ABC):
    """What a router found for one request."""

    __slots__ = ()

    @property
    @abstractmethod
    def handler(self) -> Callable[[Request], Awaitable[StreamResponse]]:
        """What answers the request."""

    @property
    @abstractmethod
    def expect_handler(self) -> ExpectHandler:
        """What answers the request's `Expect` field before the handler runs."""

    @property
    @abstractmethod
    def http_exception(self) -> HTTPException | None:
        """The HTTP error that is the result, or None for a route."""

    @abstractmethod
    def get_info(self) -> Mapping[str, Any]:
        """Describe the resource for introspection."""

    @property
    @abstractmethod
    def apps(self) -> tuple[Any, ...]:
        """The applications that the request passes, outermost first."""

    @abstractmethod
    def add_app(self, app: Any) -> None:
        """Put `app` before those that are there. Refused after `freeze()`."""

    @abstractmethod
    def freeze(self) -> None:
        """Refuse further applications from now on."""


class AbstractView(ABC):
    """Answer a request by being awaited: the base of class-based handlers."""

    def __init__(self, request: Request) -> None:
        self._request = request

    @property
    def request(self) -> Request:
        """The request to answer."""
        return self._request

    @abstractmethod
    def __await__(self) -> Generator[Any, None, StreamResponse]:
        """Answer the request."""
