"""The connection as users and middlewares may hold it while an exchange is on it.

A thin face of `ResponseHandler`, made only when somebody asks for `response.connection`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from quinde.client.protocol import ResponseHandler

__all__ = ("Connection",)


class Connection:
    """Name the connection of one exchange.

    Args:
        connector: whose connection it is.
        handler: the connection itself.
        loop: its event loop.
    """

    def __init__(self, connector: Any, handler: ResponseHandler, loop: asyncio.AbstractEventLoop) -> None:
        self._connector = connector
        self._loop = loop
        self._protocol: ResponseHandler | None = handler
        self._serial = handler.serial
        self._callbacks: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"Connection<{None if self._protocol is None else self._protocol.key}>"

    def _current(self) -> ResponseHandler | None:
        handler = self._protocol
        return handler if handler is not None and handler.serial == self._serial else None

    @property
    def protocol(self) -> ResponseHandler | None:
        """The asyncio protocol; None once the exchange is over."""
        return self._current()

    @property
    def transport(self) -> Any:
        """The connection as an asyncio transport; None once the exchange is over."""
        handler = self._current()
        return None if handler is None else handler.transport

    def add_callback(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when this object is closed or released."""
        self._callbacks.append(callback)

    def _end(self) -> None:
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            with contextlib.suppress(Exception):
                callback()
        handler = self._current()
        self._protocol = None
        if handler is not None:
            handler.abort_exchange(self._serial)

    def close(self) -> None:
        """Close the connection if the exchange is still going on."""
        self._end()

    def release(self) -> None:
        """Let the connection go; an exchange that is not over is given up and closes it."""
        self._end()

    @property
    def closed(self) -> bool:
        """Whether the exchange is over or the connection gone."""
        handler = self._current()
        return handler is None or not handler.is_connected()
