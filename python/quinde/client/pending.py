"""A request that is about to be made: what the verbs of a session give, to be awaited or entered by `async
with`.

Nothing is sent before either happens. Knows what it awaits only as a coroutine that gives a response.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from quinde.client.response import ClientResponse

if TYPE_CHECKING:
    from types import TracebackType

    from quinde.client.session import ClientSession

__all__ = ("OneShot", "PendingRequest")

T_co = TypeVar("T_co", bound=ClientResponse, covariant=True)


class PendingRequest(Coroutine[Any, Any, T_co], Generic[T_co]):
    """Be a request that is about to be made: to be awaited, or entered by `async with`."""

    __slots__ = ("_coroutine", "_response")

    def __init__(self, coroutine: Coroutine[Any, Any, T_co]) -> None:
        self._coroutine = coroutine

    def send(self, value: None) -> Any:
        """Run on, as a coroutine does."""
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise inside, as a coroutine does."""
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """End it, as a coroutine does."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, None, T_co]:
        return self._coroutine.__await__()

    def __iter__(self) -> Generator[Any, None, T_co]:
        return self.__await__()

    async def __aenter__(self) -> T_co:
        response = self._response = await self._coroutine
        if type(response) is ClientResponse:
            response._in_context = True  # what its __aenter__ does
        else:
            await response.__aenter__()
        return response

    def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> Coroutine[Any, Any, None]:
        return self._response.__aexit__(exc_type, exc, tb)


class OneShot:
    """Make one request with a session of its own, which is closed with the response."""

    def __init__(self, coroutine: Coroutine[Any, Any, ClientResponse], session: ClientSession) -> None:
        self._coroutine = coroutine
        self._session = session
        self._response: ClientResponse | None = None

    async def __aenter__(self) -> ClientResponse:
        try:
            self._response = await self._coroutine
        except BaseException:
            await self._session.close()
            raise
        return self._response

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        assert self._response is not None
        self._response.close()
        await self._session.close()
