"""How long a request may take: `ClientTimeout`, and the guard that ends a waiting task when time is up.

The core watches the time of an exchange on the wire (`total`, `sock_read`, `sock_write`); what is waited for
before, a place in the pool, names, the connection, user code, is under a `Deadline`: when it fires it cancels
the task, and on leaving the block takes the cancellation back and raises `TimeoutError` instead, so that
`task.cancelling()` is 0 again.
"""

from __future__ import annotations

import asyncio
import math
import time
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from quinde.net import reactor

if TYPE_CHECKING:
    from types import TracebackType

    from quinde._core import Timer

__all__ = (
    "DEFAULT_TIMEOUT",
    "ClientTimeout",
    "Deadline",
    "moment",
    "seconds_until",
    "session_timeout",
    "total_over",
)


@dataclass(frozen=True, slots=True)
class ClientTimeout:
    """Say how long a request may take, in seconds; None or 0 is no limit.

    Args:
        total: the whole request: waiting for a connection, redirects, and reading the body.
        connect: getting a connection, with the time spent waiting for a place in the pool.
        sock_read: between two receives.
        sock_connect: one attempt to connect to a host, not counting the wait for a place.
        ceil_threshold: limits above it are rounded up to a whole second, so that timers fall together.
        sock_write: while output waits, without a byte that the server takes (nginx: 60; aiohttp has none).
    """

    total: float | None = None
    connect: float | None = None
    sock_read: float | None = None
    sock_connect: float | None = None
    ceil_threshold: float = 5
    sock_write: float | None = 60


DEFAULT_TIMEOUT: Final = ClientTimeout(total=5 * 60, sock_connect=30)
"""What a session uses unless told otherwise."""

# The names by which aiohttp's sessions took two of the limits before there was a ClientTimeout.
_OLD_NAMES: Final = {"read_timeout": "total", "conn_timeout": "connect"}


def session_timeout(timeout: Any, extra: dict[str, Any]) -> ClientTimeout:
    """Give a session's limits: what its `timeout` says, or its deprecated arguments.

    Args:
        timeout: a `ClientTimeout`, or None.
        extra: further arguments of the session; the deprecated ones are taken out.

    Raises:
        ValueError: `timeout` is something else, or there are both.
    """
    if timeout is not None and not isinstance(timeout, ClientTimeout):
        raise ValueError(
            f"timeout parameter cannot be of {type(timeout)} type, please use 'timeout=ClientTimeout(...)'"
        )
    limits = timeout or DEFAULT_TIMEOUT
    for old in [name for name in extra if name in _OLD_NAMES]:
        new, value = _OLD_NAMES[old], extra.pop(old)
        if old == "conn_timeout" and value is None:
            continue
        if timeout is not None:
            raise ValueError(f"{old} and timeout parameters conflict, please setup timeout.{new}")
        warnings.warn(
            f"{old} is deprecated, use timeout=ClientTimeout({new}=…)", DeprecationWarning, stacklevel=3
        )
        limits = replace(limits, **{new: value})
    return limits


def moment(delay: float | None, now: float, ceil_threshold: float = 5) -> float | None:
    """Tell when a delay is over.

    Args:
        delay: in seconds; None, 0 or less is no limit.
        now: the monotonic clock.
        ceil_threshold: a longer delay ends on a whole second of the clock.

    Returns:
        A moment of the monotonic clock, None if there is no limit.
    """
    if not delay or delay <= 0:
        return None
    when = now + delay
    return float(math.ceil(when)) if delay > ceil_threshold else when


def seconds_until(when: float | None) -> float:
    """Tell how many seconds are left, at least a millisecond; 0.0 stands for no limit."""
    return 0.0 if when is None else max(0.001, when - time.monotonic())


def total_over(where: str = "") -> TimeoutError:
    """Make the error for a whole request that took too long; `where` says what it was waiting for."""
    return TimeoutError("the whole request took longer than its total timeout" + (where and f" ({where})"))


class Deadline:
    """Raise `TimeoutError` out of a block that lasts too long.

    Args:
        when: when it ends, by the monotonic clock; None for no limit.
    """

    __slots__ = ("_cancelling", "_task", "_timer", "fired", "when")

    def __init__(self, when: float | None) -> None:
        self.when = when
        self.fired = False
        self._timer: Timer | None = None
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0

    def __enter__(self) -> Deadline:
        if self.when is not None:
            task = asyncio.current_task()
            if task is None:
                raise RuntimeError("a request must run in a task, that it can be ended in time")
            self._task = task
            self._cancelling = task.cancelling()
            self.arm()
        return self

    def arm(self) -> None:
        """Go on watching, if the block has not been left."""
        if self._timer is None and self._task is not None and not self.fired:
            self._timer = reactor.engine().timer(seconds_until(self.when), self._fire)

    def disarm(self) -> None:
        """Stop watching: somebody else does."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        task = self._task
        if task is not None:
            self.fired = True
            task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        self.disarm()
        if not self.fired or task is None:
            return
        # If somebody else has cancelled the task too, that cancellation goes on and wins.
        if (
            task.uncancel() <= self._cancelling
            and kind is not None
            and issubclass(kind, asyncio.CancelledError)
        ):
            raise total_over() from error
