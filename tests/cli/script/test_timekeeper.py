"""The timekeeper as the race runs it: a process, with small programs of the test's own."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from quinde.cli.process import Child
from quinde.cli.script.timekeeper import Task
from tests.cli.support import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path


class Programs:
    """Writes programs and runs them under the timekeeper."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "program.py"

    def command(self, code: str) -> list[str]:
        self._path.write_text(code)
        return [sys.executable, str(self._path)]

    def run(self, code: str, *arguments: str, **options: Any) -> dict[str, Any]:
        return run([*self.command(code), *arguments], **options)

    def run_too_long(self, code: str, says: str = "\n") -> dict[str, Any]:
        """Run what does not end by itself; longer, where the interpreter was slow to begin."""
        for timeout in (0.5, 2.0, 8.0):
            result = self.run(code, timeout=timeout)
            if says in result["output"]:  # complaints are in it too
                break
        return result


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


def started(
    command: list[str], *, on_quinde: bool = False, timeout: float = PATIENCE, show: bool = False
) -> Child:
    task = Task(command=command, timeout=timeout, on_quinde=on_quinde, show=show)
    return Child("quinde.cli.script.timekeeper", task.to_json(), grace=PATIENCE)


def run(command: list[str], **options: Any) -> dict[str, Any]:
    with started(command, **options) as child:
        (result,) = child.messages()
        return result


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_task_crosses_as_json() -> None:
    task = Task(command=["a", "é"], timeout=1.5, on_quinde=True, show=False)
    assert Task.from_json(task.to_json()) == task


def test_a_run_is_measured(programs: Programs) -> None:
    code = """
import time
held = bytearray(b"x") * (64 << 20)
until = time.process_time() + 0.1
while time.process_time() < until: pass
time.sleep(0.2)
"""
    result = programs.run(code)
    assert (result["code"], result["timed_out"], result["asked"]) == (0, False, False)
    assert 0.3 <= result["seconds"] < PATIENCE
    assert 0.1 <= result["cpu_seconds"] <= result["seconds"]
    assert 64 << 20 <= result["peak_bytes"] < 128 << 20


def test_a_small_program_does_not_take_over_the_memory_of_a_large_race(programs: Programs) -> None:
    held = bytearray(b"x") * (256 << 20)
    assert programs.run("")["peak_bytes"] < 64 << 20
    assert len(held) == 256 << 20


def test_it_runs_as_a_program_of_its_own(programs: Programs) -> None:
    code = """
import os, sys
print(__name__, __file__ == sys.argv[0], sys.argv[1:], sys.path[0] == os.path.dirname(__file__))
print(sys.modules["__main__"].__dict__ is globals(), repr(sys.stdin.read()), os.getsid(0) == os.getpid())
print("err", file=sys.stderr)
"""
    result = programs.run(code, "--flag", "a b")
    assert result["complaints"] == "err\n"
    assert sorted(result["output"].splitlines()) == [
        "True '' True",
        "__main__ True ['--flag', 'a b'] True",
        "err",
    ]


def test_what_stands_beside_it_can_be_imported(programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("word = 'found'")
    assert programs.run("import beside; print(beside.word)")["output"] == "found\n"


def test_a_module_of_a_package_imports_relatively(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "beside.py").write_text("word = 'found'")
    (tmp_path / "pack" / "program.py").write_text("from .beside import word; print(word, __name__)")
    monkeypatch.chdir(tmp_path)
    assert run([sys.executable, "-m", "pack.program"])["output"] == "found __main__\n"


@pytest.mark.parametrize("on_quinde", [False, True])
def test_aiohttp_is_the_one_that_is_asked_for_in_children_too(programs: Programs, on_quinde: bool) -> None:
    code = """
import subprocess, sys
import aiohttp
from aiohttp import web
asked = "import aiohttp; print(aiohttp.ClientSession.__module__)"
print(aiohttp.ClientSession.__module__, web.Response.__module__, flush=True)
subprocess.run([sys.executable, "-c", asked], check=True)
"""
    result = programs.run(code, on_quinde=on_quinde)
    expected = (
        "quinde.client.session quinde.web.response\nquinde.client.session\n"
        if on_quinde
        else "aiohttp.client aiohttp.web_response\naiohttp.client\n"
    )
    assert (result["output"], result["code"], result["asked"]) == (expected, 0, on_quinde)


def test_what_quinde_lacks_ends_the_program_with_a_line_that_names_it(programs: Programs) -> None:
    result = programs.run("from aiohttp import NoSuchName", on_quinde=True)
    assert result["code"] == 1
    assert result["complaints"].endswith("ModuleNotFoundError: aiohttp.NoSuchName is not in quinde yet\n")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit(3)", 3),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit('no')", 1),
        ("import os; os._exit(7)", 7),
        ("1 / 0", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    ],
)
def test_it_ends_as_it_likes(programs: Programs, code: str, expected: int) -> None:
    assert programs.run(code)["code"] == expected


def test_a_program_that_never_ends_is_interrupted_and_says_where_it_was(programs: Programs) -> None:
    result = programs.run_too_long("import threading\nthreading.Event().wait()", says="KeyboardInterrupt\n")
    assert result["timed_out"]
    assert result["complaints"].endswith("KeyboardInterrupt\n")


def test_a_program_that_hears_no_interrupt_is_killed(programs: Programs) -> None:
    code = """
import signal, threading
signal.signal(signal.SIGINT, signal.SIG_IGN)
print(1, flush=True)
threading.Event().wait()
"""
    result = programs.run_too_long(code, says="1\n")
    assert (result["timed_out"], result["code"], result["output"]) == (True, -signal.SIGKILL, "1\n")


@pytest.mark.parametrize("own_session", [False, True])
@pytest.mark.parametrize("ends", [False, True])
def test_what_the_program_started_ends_with_it(programs: Programs, own_session: bool, ends: bool) -> None:
    code = f"""
import subprocess, sys, threading
waits = [sys.executable, "-c", "import threading; threading.Event().wait()"]
print(subprocess.Popen(waits, start_new_session={own_session}).pid, flush=True)
{"" if ends else "threading.Event().wait()"}
"""
    result = programs.run(code) if ends else programs.run_too_long(code)
    assert result["timed_out"] is not ends
    assert not is_alive(int(result["output"].split()[0]))


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_of_much_output_the_end_is_kept(programs: Programs, stream: str) -> None:
    output = programs.run(f"import sys; print('x' * 1_000_000, file=sys.{stream})")["output"]
    assert len(output) == 65536
    assert output.endswith("x\n")


def test_output_is_passed_on_where_that_is_wanted(programs: Programs) -> None:
    code = """
import sys
for byte in "é".encode():
    sys.stdout.buffer.write(bytes([byte]))
    sys.stdout.flush()
print('ñ', file=sys.stderr)
"""
    with started(programs.command(code), show=True) as child:
        *shown, result = child.messages()
    assert sorted("".join(message["output"] for message in shown)) == ["\n", "é", "ñ"]
    assert result["code"] == 0


def test_the_program_ends_with_the_race(programs: Programs) -> None:
    code = "import os, threading\nprint(os.getpid(), flush=True)\nthreading.Event().wait()"
    with started(programs.command(code), show=True) as child:
        pid = int(next(child.messages())["output"])
        assert is_alive(pid)
    assert not is_alive(pid)
