"""What a race shows while it runs: a bar for each contestant and the names as they arrive.

Drawn on stderr, and only where stderr is a terminal: stdout belongs to the result. Knows how to draw, not
what runs.
"""

import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

__all__ = ("Display", "display")

_NAMES_KEPT = 40


class Display(Protocol):
    """What the race tells whoever draws."""

    def start(self, name: str, total: int) -> None:
        """Take notice that a contestant starts, with `total` requests before it."""

    def arrived(self, label: str, answers: int = 1) -> None:
        """Take notice of an answer, or of several of which the last one has a name; "" is no name."""

    def finish(self) -> None:
        """Take notice that the contestant that started last has ended."""


class _Silent:
    def start(self, name: str, total: int) -> None:
        """Draw nothing."""

    def arrived(self, label: str, answers: int = 1) -> None:
        """Draw nothing."""

    def finish(self) -> None:
        """Draw nothing."""


class _Bars:
    """Bars, one under the other, and one line of names below them, the newest at the right."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._names: deque[str] = deque(maxlen=_NAMES_KEPT)
        self._task: TaskID | None = None
        self._console = console

    def start(self, name: str, total: int) -> None:
        """Add a bar, and begin its names."""
        self._names.clear()
        self._task = self._progress.add_task(name, total=total)

    def arrived(self, label: str, answers: int = 1) -> None:
        """Move the newest bar on."""
        if label:
            self._names.append(label)
        if self._task is not None:
            self._progress.advance(self._task, answers)

    def finish(self) -> None:
        """Stop the newest bar's clock, however far it came; its names stay until they have been drawn."""
        if self._task is not None:
            self._progress.stop_task(self._task)

    def __rich__(self) -> RenderableType:
        """Return what is to be seen now; called by rich about ten times a second."""
        line = " ".join(self._names)[-max(self._console.width - 1, 1) :]
        return Group(self._progress, Text(line, style="green", no_wrap=True, overflow="crop"))


@contextmanager
def display(*, wanted: bool = True) -> Iterator[Display]:
    """Draw on stderr while the block lasts, if that is wanted and stderr is a terminal that can."""
    console = Console(stderr=True)
    if not wanted or not sys.stderr.isatty() or console.is_dumb_terminal:
        yield _Silent()
        return
    bars = _Bars(console)
    # transient: the table that follows says it all again.
    with Live(bars, console=console, transient=True, refresh_per_second=10, redirect_stdout=False):
        yield bars
