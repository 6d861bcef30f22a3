"""`quinde race program.py` as its user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from quinde.cli.commands import cli
from tests.cli.support import PATIENCE, QUINDE, heeding_interrupts, quinde, terminal

if TYPE_CHECKING:
    from pathlib import Path

FETCHES = """\
import asyncio, sys
import aiohttp
from aiohttp import web

async def hello(request):
    await asyncio.sleep(0.05)
    return web.json_response({"name": request.match_info["name"]})

async def main():
    app = web.Application()
    app.router.add_get("/{name}", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as session:
        for name in sys.argv[1:]:
            async with session.get(f"http://127.0.0.1:{port}/{name}") as response:
                print(aiohttp.ClientSession.__module__, await response.json())
    await runner.cleanup()

asyncio.run(main())
"""
LACKING = """\
import aiohttp
print("it began", flush=True)
if "quinde" in aiohttp.ClientSession.__module__:
    aiohttp.NoSuchName
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(FETCHES)
    return path


def test_the_table_the_sentences_and_nothing_of_the_program(program: Path) -> None:
    ended = quinde("race", "--rounds", "1", str(program), "ana", "--luis")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"{program} ana --luis on aiohttp ")
    assert "\n  aiohttp  " in ended.stdout
    assert "\n  quinde  " in ended.stdout
    assert "aiohttp / quinde" in ended.stdout
    assert "of its time is " in ended.stdout
    assert "ana'" not in ended.stdout


def test_json_and_the_programs_output_where_it_is_asked_for(program: Path) -> None:
    ended = quinde("race", "--rounds", "1", "--json", "--show-output", str(program), "ana")
    assert ended.returncode == 0
    result = json.loads(ended.stdout)
    assert [row["name"] for row in result["rows"]] == ["aiohttp", "quinde"]
    assert all(row["seconds"]["median"] > 0.05 for row in result["rows"])
    assert (result["arguments"], result["rounds"], result["errors"]) == (["ana"], 1, [])
    assert ended.stderr.count("aiohttp.client {'name': 'ana'}") == 2
    assert ended.stderr.count("quinde.client.session {'name': 'ana'}") == 2


def test_a_page_is_written_too(program: Path, tmp_path: Path) -> None:
    page = tmp_path / "race.html"
    ended = quinde("race", "--rounds", "1", "--html", str(page), str(program), "ana")
    assert (ended.returncode, ended.stderr) == (0, "")
    text = page.read_text(encoding="utf-8")
    assert "<h1>program.py</h1>" in text
    assert "quinde race --rounds 1 --html race.html" in text
    assert text.count('class="bar"') == 6


def test_a_module_is_raced_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "program.py").write_text("from . import __name__ as name\nprint(name)\n")
    ended = quinde("race", "--rounds", "1", "--show-output", "-m", "pack.program", PYTHONPATH=str(tmp_path))
    assert (ended.returncode, ended.stderr) == (0, "pack\n" * 4)
    assert "pack.program never imported aiohttp: both sides ran the same code." in ended.stdout


def test_what_quinde_lacks_is_said_after_what_the_program_wrote(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(LACKING)
    ended = quinde("race", "--rounds", "1", str(program))
    assert ended.returncode == 1
    assert "\n  aiohttp  " in ended.stdout
    lines = ended.stderr.splitlines()
    assert lines[:2] == [f"--- {program} on quinde wrote", "it began"]
    reason = "ended with code 1: aiohttp.NoSuchName is not in quinde yet"
    assert lines[-1] == f"quinde: {program} works on aiohttp; on quinde it {reason}"


def test_a_crash_is_said_for_each_library(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import aiohttp\nraise ValueError('no')")
    ended = quinde("race", str(program), "--json")
    assert ended.returncode == 1
    errors = [
        line.removeprefix(f"quinde: {program} on ")
        for line in ended.stderr.splitlines()
        if line.startswith("quinde: ")
    ]
    assert errors == [f"{name} ended with code 1: ValueError: no" for name in ("aiohttp", "quinde")]


def test_a_program_that_never_ends(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import threading\nthreading.Event().wait()")
    ended = quinde("race", "--timeout", "0.5", str(program))
    assert ended.returncode == 1
    assert f"quinde: {program} on quinde did not end within 0.5 s" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["no-such.py"], "there is no file no-such.py"),
        (["--url", "http://localhost/{n}", "p.py"], "--url is not for programs: leave it out"),
        (["--count", "3", "p.py"], "--count is not for programs: leave it out"),
        (["--rounds", "3"], "--rounds is for programs: name one to race"),
        (["-m"], "-m is for programs: name one to race"),
        (["--show-output"], "--show-output is for programs: name one to race"),
        (["--rounds", "0", "p.py"], "'--rounds': 0 is not in the range"),
        (["--html", "/no/such/folder/x.html", "p.py"], "there is no folder /no/such/folder"),
    ],
)
def test_wrong_usage(arguments: list[str], reason: str) -> None:
    result = CliRunner().invoke(cli, ["race", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_terminal_shows_a_bar(program: Path) -> None:
    with terminal(*QUINDE, "race", "--rounds", "1", str(program), "ana") as screen:
        assert screen.read_to_end() == 0
    assert b"4/4" in screen.seen


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGKILL, -9)]
)
def test_the_program_ends_with_the_race(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """The program holds the writing end of a named pipe: its end of file is the program's end."""
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, threading\nheld = open(sys.argv[1], 'wb', buffering=0)\nheld.write(b'x')\n"
        "threading.Event().wait()\n"
    )
    with subprocess.Popen(
        heeding_interrupts([*QUINDE, "race", str(program), str(fifo)]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        with open(fifo, "rb", buffering=0) as held:
            assert held.read(1) == b"x"
            running.send_signal(number)
            stdout, stderr = running.communicate(timeout=PATIENCE)
            assert held.read(1) == b""
    assert (running.returncode, stdout, stderr.strip()) == (code, b"", b"")
