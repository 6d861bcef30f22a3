from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from quinde.cli.script import turns
from quinde.cli.script.turns import Script, last_words, race_script
from quinde.http.version import __version__

if TYPE_CHECKING:
    from pathlib import Path


HEAD = "Traceback (most recent call last):\n  File 1\n"
REMEDY = "aiohttp is not installed: pip install aiohttp"


class Shown:
    """Takes notice of what the race tells whoever draws."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def start(self, name: str, total: int) -> None:
        self.told.append(f"{name}: {total}")

    def arrived(self, label: str) -> None:
        self.told.append(label)

    def finish(self) -> None:
        self.told.append("end")


def script(folder: Path, code: str, **options: object) -> Script:
    path = folder / "program.py"
    path.write_text(code)
    return Script(program=str(path), **{"rounds": 2, "timeout": 30.0, **options})  # type: ignore[arg-type]


def test_the_command_is_that_of_the_users_shell() -> None:
    assert Script(program="a.py", arguments=("-x", "1")).command == [sys.executable, "a.py", "-x", "1"]
    assert Script(program="a.b", is_module=True).command == [sys.executable, "-m", "a.b"]


def test_both_sides_run_in_turns_the_first_round_does_not_count(tmp_path: Path) -> None:
    shown = Shown()
    code = "import aiohttp, sys; print(aiohttp.ClientSession.__module__, sys.argv[1:])"
    program = script(tmp_path, code, arguments=("a",))
    written: list[str] = []
    made = race_script(program, shown, written.append)
    order = ["aiohttp", "quinde", "quinde", "aiohttp", "aiohttp", "quinde"]
    assert shown.told == ["program.py: 6", *order, "end"]
    by_side = {"aiohttp": "aiohttp.client ['a']\n", "quinde": "quinde.client.session ['a']\n"}
    assert "".join(written) == "".join(by_side[name] for name in order)
    assert [(side.library, len(side.runs), side.error) for side in made.sides] == [
        ("aiohttp", 2, None),
        ("quinde", 2, None),
    ]
    assert made.sides[1].version == __version__
    assert (made.asked, made.rounds, made.arguments) == (True, 2, ("a",))


def test_who_fails_on_one_side_runs_on_the_other_to_the_end(tmp_path: Path) -> None:
    code = """
import aiohttp
print("before", flush=True)
if "quinde" in aiohttp.ClientSession.__module__:
    aiohttp.NoSuchName
"""
    made = race_script(script(tmp_path, code), Shown())
    aiohttp, quinde = made.sides
    assert (len(aiohttp.runs), aiohttp.error) == (2, None)
    assert (quinde.runs, quinde.error) == ((), "ended with code 1: aiohttp.NoSuchName is not in quinde yet")
    assert quinde.output.startswith("before\nTraceback")


def test_who_fails_later_has_no_figures_either(tmp_path: Path) -> None:
    code = """
import pathlib, sys
runs = pathlib.Path(__file__).with_name("runs")
runs.write_text((runs.read_text() if runs.exists() else "") + "x")
if len(runs.read_text()) > 3: sys.exit("enough")
"""
    made = race_script(script(tmp_path, code), Shown())
    assert [(side.runs, side.error) for side in made.sides] == [((), "ended with code 1: enough")] * 2


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import sys; sys.exit(3)", "ended with code 3"),
        ("1 / 0", "ended with code 1: ZeroDivisionError: division by zero"),
        ("import os; os.kill(os.getpid(), 11)", "was ended by SIGSEGV"),
        ("import threading; threading.Event().wait()", "did not end within 0.5 s"),
    ],
)
def test_a_failure_is_said_in_a_line(tmp_path: Path, code: str, error: str) -> None:
    made = race_script(script(tmp_path, code, timeout=0.5 if "wait" in code else 30.0), Shown())
    assert [side.error for side in made.sides] == [error, error]


def test_without_aiohttp_quinde_runs_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "find_spec", lambda name: None)
    made = race_script(script(tmp_path, "import aiohttp"), Shown())
    assert made.errors() == [f"{made.program} on aiohttp was not run: {REMEDY}"]
    assert len(made.sides[1].runs) == 2


@pytest.mark.parametrize(
    ("complaints", "words"),
    [
        ("", ""),
        ("no such thing\n\n", "no such thing"),
        (f"a\n{HEAD}    x()\nValueError: no\n", "ValueError: no"),
        (f"{HEAD}E: 1\na note\n\nDuring handling\n\n{HEAD}F: 2\n", "F: 2"),
        (f"{HEAD}E: 1\nUnclosed client session\nclient_session: x\n", "E: 1"),
        (f"{HEAD}E: 1\nException ignored in: x\n{HEAD}F: 2\n", "E: 1"),
        (f"{HEAD}E: 1\nTask exception was never retrieved\nfuture: x\n{HEAD}F: 2\n", "E: 1"),
    ],
)
def test_the_last_words_are_those_of_what_ended_the_program(complaints: str, words: str) -> None:
    assert last_words(complaints) == words


def test_the_last_words_of_a_group_are_the_innermost_ones(tmp_path: Path) -> None:
    code = """
import asyncio
async def fail(): raise ValueError("the reason")
async def main():
    async with asyncio.TaskGroup() as group: group.create_task(fail())
asyncio.run(main())
"""
    made = race_script(script(tmp_path, code), Shown())
    assert made.sides[0].error == "ended with code 1: ValueError: the reason"
