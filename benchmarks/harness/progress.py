"""One line that says what is being measured: rewritten in a terminal, silent elsewhere."""

from __future__ import annotations

import sys
import time


class Progress:
    """Tells the steps of a run as they come."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._terminal = sys.stdout.isatty()

    def title(self, text: str) -> None:
        """Begin a part of the run; printed everywhere."""
        self.clear()
        print(f"[{self.seconds():3.0f} s] {text}", flush=True)

    def step(self, text: str) -> None:
        """Say what is measured now."""
        if self._terminal:
            print(f"\r\x1b[K[{self.seconds():3.0f} s]   {text}", end="", flush=True)

    def clear(self) -> None:
        """Remove the line of the last step."""
        if self._terminal:
            print("\r\x1b[K", end="", flush=True)

    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._start
