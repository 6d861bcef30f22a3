"""The `quinde` command line program: its entry point and nothing else.

Knows that the program needs click and rich, which come with extras of quinde, and how to say so in one line.
Only `--version` does without them. The commands live in modules of their own and are imported only when the
program runs: importing `quinde` or `quinde.cli` costs nothing of it.
"""

import sys
from importlib.util import find_spec

from quinde.http.version import __version__

__all__ = ("main",)

_INTERRUPTED = 130
"""The exit code of a program ended by Ctrl-C: 128 + SIGINT, as shells say it."""


def main() -> None:
    """Run the `quinde` program with the arguments of the process.

    Raises:
        SystemExit: Always, with 0 for success, 1 for a failure, 2 for wrong usage, 130 after Ctrl-C.
    """
    if sys.argv[1:] == ["--version"]:
        print(f"quinde {__version__}")
        raise SystemExit(0)
    missing = [name for name in ("click", "rich") if find_spec(name) is None]
    if missing:
        extra = "race" if sys.argv[1:2] == ["race"] else "cli"
        print(
            f'quinde: {" and ".join(missing)} not installed: pip install "quinde[{extra}]"', file=sys.stderr
        )
        raise SystemExit(1)
    try:
        from quinde.cli.commands import cli

        cli()
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
