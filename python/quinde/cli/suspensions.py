"""Watches a coroutine step aside: when, for how long, and at which line.

`Watched` stands between a coroutine and whoever drives it, hands everything on, and looks at the coroutine
each time that it yields. Knows coroutines and nothing of HTTP.
"""

import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, Generic, TypeVar

__all__ = ("Suspension", "Watched")

T = TypeVar("T")

_ASYNCIO = os.path.dirname(asyncio.__file__) + os.sep

_FRAMES = ("cr_frame", "gi_frame", "ag_frame")
_AWAITED = ("cr_await", "gi_yieldfrom", "ag_await")
"""How coroutines, generators and asynchronous generators tell where they are, and what they wait for."""


@dataclass(frozen=True)
class Suspension:
    """One time that a coroutine stepped aside.

    Attributes:
        start: When, in seconds since the origin.
        end: When it went on.
        function: The function in which it waited, the innermost one that is not asyncio's.
        file: The file of that function, from its package on.
        line: The line in it.
    """

    start: float
    end: float
    function: str
    file: str
    line: int

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start

    def to_json(self) -> dict[str, Any]:
        """Return a value that `json.dumps` takes, times to the microsecond."""
        return {
            "start": round(self.start, 6),
            "end": round(self.end, 6),
            "function": self.function,
            "file": self.file,
            "line": self.line,
        }


class Watched(Awaitable[T], Generic[T]):
    """Await a coroutine, and note each time that it is suspended.

    Args:
        coroutine: What to await.
        origin: The clock's time that counts as 0.
        clock: Tells the time in seconds.
    """

    def __init__(
        self, coroutine: Coroutine[Any, Any, T], origin: float, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._coroutine = coroutine
        self._origin = origin
        self._clock = clock
        self._noted: list[tuple[float, float, CodeType, int]] = []

    @property
    def suspensions(self) -> list[Suspension]:
        """All of them so far, in order."""
        return [
            Suspension(start, end, code.co_qualname, _short_path(code.co_filename), line)
            for start, end, code, line in self._noted
        ]

    def __await__(self) -> Generator[Any, Any, T]:
        step: Callable[[Any], Any] = self._coroutine.send
        argument: Any = None
        while True:
            try:
                yielded = step(argument)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            code, line = _whereabouts(self._coroutine)
            start = self._clock() - self._origin
            try:
                argument = yield yielded
                step = self._coroutine.send
            except GeneratorExit:
                self._coroutine.close()
                raise
            except BaseException as error:
                argument, step = error, self._coroutine.throw
            self._noted.append((start, self._clock() - self._origin, code, line))


def _whereabouts(coroutine: object) -> tuple[CodeType, int]:
    """Follow a suspended coroutine to the innermost frame that is not asyncio's."""
    found: FrameType | None = None
    awaited: object = coroutine
    while awaited is not None:
        frame = _first_of(awaited, _FRAMES)
        if frame is not None and (found is None or not frame.f_code.co_filename.startswith(_ASYNCIO)):
            found = frame
        inner = _first_of(awaited, _AWAITED)
        if inner is None and type(awaited).__name__ == "coroutine_wrapper":
            # What a coroutine's `__await__` gives; that it holds the coroutine, only the collector tells.
            inner = next(iter(gc.get_referents(awaited)), None)
        awaited = inner
    assert found is not None  # the coroutine's own: it is suspended
    return found.f_code, found.f_lineno


def _first_of(thing: object, names: tuple[str, ...]) -> Any:
    for name in names:
        value = getattr(thing, name, None)
        if value is not None:
            return value
    return None


def _short_path(path: str) -> str:
    """Shorten a file's path to what follows the folder of its outermost package."""
    folder = os.path.dirname(path)
    while os.path.exists(os.path.join(folder, "__init__.py")):
        folder = os.path.dirname(folder)
    return os.path.relpath(path, folder).replace(os.sep, "/")
