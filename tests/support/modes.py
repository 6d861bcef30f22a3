"""The ways in which every behaviour must be the same: which I/O backend, which event loop, plain or TLS."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import Literal

BACKENDS = ("reactor", "transport")
LOOPS = ("asyncio", "uvloop")


@dataclass(frozen=True)
class Mode:
    """One column of the test matrix."""

    backend: str
    loop: str
    tls: bool = False

    def __str__(self) -> str:
        return f"{self.backend}-{self.loop}{'-tls' if self.tls else ''}"

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """Make an event loop of this mode's kind."""
        if self.loop == "uvloop":
            import uvloop

            return uvloop.new_event_loop()
        return asyncio.new_event_loop()


FULL = [Mode(backend, loop, tls) for tls, loop, backend in itertools.product((False, True), LOOPS, BACKENDS)]
QUICK = [
    Mode("reactor", "asyncio"),
    Mode("transport", "asyncio"),
    Mode("reactor", "uvloop"),
]
TLS = [mode for mode in FULL if mode.tls]


def select(choice: Literal["quick", "tls", "full"] | str) -> list[Mode]:
    """Read `--modes`: `quick`, `tls`, `full`, or a list such as `reactor-asyncio,transport-uvloop`.

    Raises:
        ValueError: a mode is not one of the matrix.
    """
    named = {"quick": QUICK, "tls": TLS, "full": FULL}
    if choice in named:
        return named[choice]
    by_name = {str(mode): mode for mode in FULL}
    try:
        return [by_name[name] for name in choice.split(",")]
    except KeyError as error:
        raise ValueError(
            f"no mode {error}: choose quick, tls, full or some of {', '.join(by_name)}"
        ) from None
