"""The race of somebody's own program: on aiohttp and on quinde in turns, each run in a process of its own.

Knows in what order to run, when to stop and how to say why a run failed; `timekeeper` runs and measures.
"""

import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from quinde.cli.process import Child
from quinde.cli.progress import Display
from quinde.cli.script.outcome import Outcome, Run, Side
from quinde.cli.script.timekeeper import Task
from quinde.http.version import __version__

__all__ = ("Script", "last_words", "race_script")

_NOT_INSTALLED = "was not run: aiohttp is not installed: pip install aiohttp"
_GRACE = 5.0
"""How long the timekeeper may take to end what it started, in seconds."""
_LACKING = re.compile(r"\w+: (aiohttp\.[\w.]+ is not in quinde yet)$")
_GROUPS_FRAME = re.compile(r"^\s*(?:[|+](?: |$)|\+-.*)")
_ASIDE = ("Exception ignored", "future:", "task:")
"""How the line before a traceback begins that did not end the program."""


@dataclass(frozen=True, kw_only=True)
class Script:
    """What to race, and how.

    Attributes:
        program: A Python file, or a module's name.
        arguments: What it gets as its arguments.
        is_module: Whether `program` is a module's name, as for `python -m`.
        rounds: How many runs on each library count; one before them does not.
        timeout: How long a run may take, in seconds.
    """

    program: str
    arguments: tuple[str, ...] = ()
    is_module: bool = False
    rounds: int = 3
    timeout: float = 60.0

    @property
    def command(self) -> list[str]:
        """The command that runs it with this Python."""
        return [sys.executable, *(["-m"] if self.is_module else []), self.program, *self.arguments]


def race_script(script: Script, shown: Display, show: Callable[[str], None] | None = None) -> Outcome:
    """Run a program on aiohttp and on quinde in turns, and measure.

    Args:
        script: What to run.
        shown: Takes notice of each run.
        show: Called with what the program writes; without it that is only kept for the case of a failure.

    Returns:
        The figures; a side whose program failed has the reason and what the program wrote.
    """
    sides = {"aiohttp": _side_of_aiohttp(), "quinde": Side(library="quinde", version=__version__)}
    asked = False
    shown.start(Path(script.program).name, 2 * (1 + script.rounds))
    for number in range(1 + script.rounds):
        # Who comes second finds the machine as the first one left it: so they take turns in that, too.
        for library in ("aiohttp", "quinde") if number % 2 == 0 else ("quinde", "aiohttp"):
            if sides[library].error is None:
                result = _run_once(script, library, show)
                asked = asked or result["asked"]
                sides[library] = _with_run(sides[library], script, result, counts=number > 0)
            shown.arrived(library)
    shown.finish()
    aiohttp, quinde = sides.values()
    return Outcome(
        program=script.program,
        arguments=script.arguments,
        rounds=script.rounds,
        sides=(aiohttp, quinde),
        asked=asked,
    )


def _side_of_aiohttp() -> Side:
    if find_spec("aiohttp") is None:
        return Side(library="aiohttp", version=None, error=_NOT_INSTALLED)
    try:
        return Side(library="aiohttp", version=version("aiohttp"))
    except PackageNotFoundError:
        return Side(library="aiohttp", version="?")


def _run_once(script: Script, library: str, show: Callable[[str], None] | None) -> dict[str, Any]:
    task = Task(
        command=script.command,
        timeout=script.timeout,
        on_quinde=library == "quinde",
        show=show is not None,
    )
    result: dict[str, Any] = {}
    with Child("quinde.cli.script.timekeeper", task.to_json(), grace=_GRACE) as child:
        for message in child.messages():
            if "code" in message:
                result = message
            elif show is not None:
                show(message["output"])
    return result


def _with_run(side: Side, script: Script, result: dict[str, Any], *, counts: bool) -> Side:
    reason = _failure(result, script.timeout)
    if reason is not None:
        return replace(side, runs=(), error=reason, output=result["output"])
    if not counts:
        return side
    run = Run(seconds=result["seconds"], cpu_seconds=result["cpu_seconds"], peak_bytes=result["peak_bytes"])
    return replace(side, runs=(*side.runs, run))


def _failure(result: dict[str, Any], timeout: float) -> str | None:
    if result["timed_out"]:
        return f"did not end within {timeout:g} s"
    code = result["code"]
    if code == 0:
        return None
    if code < 0:
        return f"was ended by {_signal_name(-code)}"
    said = last_words(result["complaints"])
    lacking = _LACKING.fullmatch(said)
    if lacking is not None:
        return f"ended with code {code}: {lacking[1]}"
    return f"ended with code {code}" + (f": {said}" if said else "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def last_words(complaints: str) -> str:
    """Return the line of stderr that says why a program ended: its last traceback's, else the last one.

    Tracebacks of what did not end the program are passed over. Of an exception group it is the innermost one.
    """
    lines = complaints.splitlines()
    if "Exception Group Traceback" in complaints:
        lines = [_GROUPS_FRAME.sub("", line) for line in lines]
    words = ""
    for number, line in enumerate(lines):
        if line.startswith("Traceback (most recent call last)") and not lines[number - 1].startswith(_ASIDE):
            words = next(
                (later for later in lines[number + 1 :] if later and not later.startswith(" ")), words
            )
    return words or next((line for line in reversed(lines) if line.strip()), "")
