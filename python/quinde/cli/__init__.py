"""The `quinde` command line program: its entry point and nothing else.

Knows that the program needs click and rich, which come with the `cli` extra, and how to say so in one line.
The commands live in modules of their own and are imported only when the program runs: importing `quinde` or
`quinde.cli` costs nothing of it.
"""

import sys
from importlib.util import find_spec

__all__ = ("main",)

_INTERRUPTED = 130
"""The exit code of a program ended by Ctrl-C: 128 + SIGINT, as shells say it."""


def main() -> None:
    """Run the `quinde` program with the arguments of the process.

    Raises:
        SystemExit: Always, with 0 for success, 1 for a failure, 2 for wrong usage, 130 after Ctrl-C.
    """
    missing = [name for name in ("click", "rich") if find_spec(name) is None]
    if missing:
        print(f'quinde: {" and ".join(missing)} not installed: pip install "quinde[cli]"', file=sys.stderr)
        raise SystemExit(1)
    try:
        from quinde.cli.commands import cli

        cli()
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
