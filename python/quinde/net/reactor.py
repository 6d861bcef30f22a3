"""The native engine of a loop: made on first use, owned by the loop.

Knows asyncio's readiness API and `_core.Engine`; it is the only place in quinde that touches `add_reader`.
Must not know what an HTTP message is.

The engine is kept alive by the loop's reader callback alone, so that `loop.close()` frees it and closes its
sockets. Loops without a usable `add_reader` (Windows' Proactor, others) get an engine without a poller, kept
by an attribute of the loop: their connections are asyncio transports, which the loop itself closes. A loop
without attributes has its engine in a table, and is kept by it, since the engine refers to the loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import sys
import weakref
from typing import TYPE_CHECKING, Any, Final, Literal

from quinde._core import Engine

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("Backend", "backend", "call_in_loop", "engine")

Backend = Literal["reactor", "transport"]

_engines: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[Engine]]] = (
    weakref.WeakKeyDictionary()
)
# What a loop has that cannot watch descriptors.
_NO_READERS: Final = asyncio.AbstractEventLoop.add_reader

_pollerless: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Engine]] = weakref.WeakKeyDictionary()


def engine() -> Engine:
    """Give the engine of the running loop, making it if this is the first call.

    Returns:
        The loop's `Engine`. It lives as long as the loop is open.

    Raises:
        RuntimeError: there is no running loop; call it from a coroutine or a callback.
    """
    loop = asyncio.get_running_loop()
    reference = _engines.get(loop)
    known = reference() if reference is not None else None
    return known if known is not None else _make(loop)


def call_in_loop(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *args: Any) -> None:
    """Call back at once, or from the loop's own thread if the loop runs in another one.

    For finalisers: whatever thread drops the last reference or collects garbage runs them, and the engine
    takes orders from its loop's thread only.

    Args:
        loop: The loop that the callback's objects belong to; it is not closed.
        callback: What to call.
        args: For it.
    """
    if loop.is_running() and asyncio._get_running_loop() is not loop:
        loop.call_soon_threadsafe(callback, *args)
    else:
        callback(*args)


def backend() -> Backend:
    """Say which I/O backend a new connection of the running loop should use.

    The environment variable `QUINDE_IO` decides: `reactor`, `transport`, or `auto` (the default), which is
    the reactor where it has been tested (Linux, with asyncio's selector loops and uvloop), else transports.
    `reactor` is a demand: on Linux any loop that has an `add_reader` is then taken at its word. Set it before
    the loop's first connection.

    Raises:
        ValueError: `QUINDE_IO` has another value.
        RuntimeError: the reactor is demanded, but this platform or loop does not support it.
    """
    wanted = os.environ.get("QUINDE_IO") or "auto"
    if wanted == "transport":
        return "transport"
    if wanted not in ("auto", "reactor"):
        raise ValueError(f"QUINDE_IO must be auto, reactor or transport, not {wanted!r}")
    loop = asyncio.get_running_loop()
    if _can_poll(loop) and not _is_pollerless(loop):
        return "reactor"
    if wanted == "reactor":
        raise RuntimeError("QUINDE_IO=reactor: this platform or event loop is not supported by the reactor")
    return "transport"


def _can_poll(loop: asyncio.AbstractEventLoop) -> bool:
    """Tell whether the loop may watch a nested poller: where a test has seen it work, else on demand."""
    if sys.platform != "linux":
        return False
    if isinstance(loop, asyncio.SelectorEventLoop) or type(loop).__module__.split(".")[0] == "uvloop":
        return True
    has_readers = getattr(type(loop), "add_reader", _NO_READERS) is not _NO_READERS
    return has_readers and os.environ.get("QUINDE_IO") == "reactor"


def _is_pollerless(loop: asyncio.AbstractEventLoop) -> bool:
    """Tell whether the loop has got an engine without a poller, as the reactor was not demanded then."""
    return loop in _pollerless or hasattr(loop, "_quinde_engine")


def _make(loop: asyncio.AbstractEventLoop) -> Engine:
    if not _can_poll(loop):
        made = Engine(loop, False)
        if hasattr(loop, "__dict__"):
            vars(loop)["_quinde_engine"] = made
        else:
            _pollerless[loop] = made
    else:
        made = Engine(loop, True)
        # An empty context: else every request would inherit the variables of whoever came first.
        contextvars.Context().run(loop.add_reader, made.fileno(), made.turn)
    _engines[loop] = weakref.ref(made)
    return made
