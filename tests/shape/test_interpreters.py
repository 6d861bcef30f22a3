"""The extension is for the main interpreter alone, and says so: its classes and loops are the process's."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

ATTEMPT = '''
try:
    import quinde._core
except ImportError as error:
    print(error, flush=True)
else:
    print("imported", flush=True)
'''


def attempt():
    if KIND == "own":
        sub = interpreters.create()
    elif hasattr(interpreters, "new_config"):
        sub = interpreters.create("legacy")
    else:
        sub = interpreters.create(isolated=False) if sys.version_info >= (3, 12) else interpreters.create()
    interpreters.run_string(sub, ATTEMPT)
    interpreters.destroy(sub)


attempt()  # first of all: the main interpreter must not find what it has left
import asyncio
import quinde

async def main():
    async with quinde.ClientSession() as session:
        print(type(session).__name__, flush=True)

asyncio.run(main())
attempt()
"""


@pytest.mark.parametrize("kind", ["shared", "own"])
def test_sub_interpreters_are_refused(kind: str) -> None:
    if kind == "own" and sys.version_info < (3, 12):
        pytest.skip("there is one GIL before 3.12")
    program = PROGRAM.replace("KIND", repr(kind))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, session, second = done.stdout.splitlines()
    assert session == "ClientSession"
    assert first == second
    if kind == "shared":
        assert first.startswith("quinde._core cannot be used in a sub-interpreter: ")
    else:
        assert "does not support loading in subinterpreters" in first  # CPython's own words
