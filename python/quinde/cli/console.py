"""The console that results are printed on: coloured on a terminal, plain in a pipe.

Knows rich and stdout, and nothing of what is printed.
"""

import sys

from rich.console import Console

__all__ = ("stdout_console",)

_PLAIN_WIDTH = 100


def stdout_console() -> Console:
    """Return a console for stdout that writes control codes to terminals alone, whatever FORCE_COLOR says."""
    if sys.stdout.isatty():
        return Console(file=sys.stdout, highlight=False)
    return Console(
        file=sys.stdout,
        force_terminal=False,
        no_color=True,
        color_system=None,
        width=_PLAIN_WIDTH,
        highlight=False,
    )
