"""The command line that all servers have, and what they answer, where they have no framework to say it in.

Standard library only; knows no server by name.
"""

import argparse

HELLO = "Hello, world!"
DOWNLOAD = b"q" * 102400


def make_parser(loop: str | None = None) -> argparse.ArgumentParser:
    """Make the parser of the options that all servers take, though not each can do what all of them ask.

    It gives port, loop (asyncio or uvloop; only where `loop` names the default), tls (paths of certificate
    and key, or None), access_log (plain: as most servers write it; buffered: in batches; None) and processes
    (that share the port).
    """
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    if loop:
        arguments.add_argument("--loop", choices=("asyncio", "uvloop"), default=loop)
    arguments.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    arguments.add_argument("--access-log", choices=("plain", "buffered"))
    arguments.add_argument("--processes", type=int, default=1)
    return arguments
