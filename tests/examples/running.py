"""Running a sample or an example as the reader would: as a program of its own, warnings being errors."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 30.0
FLAGS = ["-W", "error", "-u"]
PYTHON = [sys.executable, *FLAGS]

_BANNER = re.compile(r"Running on (https?://\S+:\d+)")

# run_app of the sample, at a free port instead of 8080.
_ELSEWHERE = """\
import functools, quinde.web
quinde.web.run_app = functools.partial(quinde.web.run_app, host="127.0.0.1", port={port})
"""


def run(program: Path, *arguments: str, python: str = sys.executable, folder: Path | None = None) -> str:
    """Run a program to its end, in a folder, and return what it printed; anything on stderr is a failure."""
    ended = subprocess.run(
        [python, *FLAGS, str(program), *arguments],
        capture_output=True,
        encoding="utf-8",
        cwd=folder,
        timeout=PATIENCE,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


@contextmanager
def serving(program: Path, *arguments: str, python: str = sys.executable) -> Iterator[str]:
    """Run a server program while the block lasts, give its URL; Ctrl-C must then end it without a word."""
    # In the program's folder: there samples write files.
    with _serving([python, *FLAGS, str(program), *arguments], program.parent) as url:
        yield url


@contextmanager
def serving_pokeapi(latency: int = 20) -> Iterator[str]:
    """Run `quinde pokeapi` while the block lasts, with a latency in milliseconds, and give its URL."""
    command = [*PYTHON, "-m", "quinde", "pokeapi", "--port", "0", "--latency", str(latency)]
    with _serving(command, None) as url:
        yield url


@contextmanager
def _serving(command: list[str], folder: Path | None) -> Iterator[str]:
    server = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        cwd=folder,
    )
    with server:
        try:
            assert server.stdout is not None
            assert server.stderr is not None
            printed = ""
            while not (banner := _BANNER.search(printed)):
                line = server.stdout.readline()
                assert line, f"ended before it served: {printed}{server.stderr.read()}"
                printed += line
            yield banner[1]
            server.send_signal(signal.SIGINT)
            _, complaints = server.communicate(timeout=PATIENCE)
            assert (server.returncode, complaints) == (0, "")
        finally:
            server.kill()


def at_port(code: str, port: int) -> str:
    """Return the code of a server sample, changed to listen on `port` of the loopback interface."""
    return _ELSEWHERE.format(port=port) + code
