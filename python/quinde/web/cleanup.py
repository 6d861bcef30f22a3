"""Resources that live as long as an application: entered at its start, left in reverse order at its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from frozenlist import FrozenList

if TYPE_CHECKING:
    from quinde.web.application import Application

__all__ = ("CleanupContext", "CleanupError")

CleanupFunction = (
    Callable[["Application"], AbstractAsyncContextManager[None]]
    | Callable[["Application"], AsyncIterator[None]]
)


class CleanupError(RuntimeError):
    """Report that more than one resource could not be left."""

    @property
    def exceptions(self) -> list[BaseException]:
        """What each of them raised, in order of leaving."""
        return cast("list[BaseException]", self.args[1])


class CleanupContext(FrozenList[CleanupFunction]):
    """The functions of `app.cleanup_ctx`: asynchronous generators with one `yield`, or context managers."""

    def __init__(self) -> None:
        super().__init__()
        self._entered: list[AbstractAsyncContextManager[Any]] = []

    async def enter(self, app: Application) -> None:
        """Enter all, in order; what has been entered is left by `leave()`, also after a failure here."""
        for function in self:
            resource: Any = function(app)
            if not isinstance(resource, AbstractAsyncContextManager):
                resource = asynccontextmanager(cast("Any", function))(app)
            await resource.__aenter__()
            self._entered.append(resource)

    async def leave(self, app: Application) -> None:
        """Leave what has been entered, last first, each whatever the others do.

        Raises:
            CleanupError: More than one of them failed; a single failure is raised as it is.
        """
        errors: list[BaseException] = []
        while self._entered:
            try:
                await self._entered.pop().__aexit__(None, None, None)
            except (Exception, asyncio.CancelledError) as exc:
                errors.append(exc)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise CleanupError("Multiple errors on cleanup stage", errors)
