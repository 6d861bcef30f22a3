"""`Child` and `attach` with small children written to a folder of the test's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from quinde.cli.errors import CommandError
from quinde.cli.process import Child
from tests.cli.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write the code of a module that children can run, and give its name."""
    # Without an empty part at the end: that one would mean the current folder.
    folders = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))

    def write(code: str) -> str:
        (tmp_path / "a_child.py").write_text(
            f"from quinde.cli.process import attach\nspeak = attach()\n{code}\n"
        )
        return "a_child"

    return write


def test_messages_arrive_in_order_and_end_with_the_child(module: Callable[[str], str]) -> None:
    name = module("import sys\nfor word in sys.argv[1:]: speak({'word': word})")
    with Child(name, "uno", "dos é") as child:
        assert list(child.messages()) == [{"word": "uno"}, {"word": "dos é"}]


def test_what_a_child_prints_does_not_disturb_its_messages(module: Callable[[str], str]) -> None:
    with Child(module("print('noise', flush=True)\nspeak({'a': 1})")) as child:
        assert list(child.messages()) == [{"a": 1}]


def test_a_crash_is_told_with_its_last_line(module: Callable[[str], str]) -> None:
    with (
        Child(module("raise ValueError('no luck')")) as child,
        pytest.raises(CommandError, match=r"a_child ended with code 1: ValueError: no luck"),
    ):
        list(child.messages())


def test_a_silent_death_is_told(module: Callable[[str], str]) -> None:
    with (
        Child(module("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")) as child,
        pytest.raises(CommandError, match=r"ended with code -9: it gave no reason"),
    ):
        list(child.messages())


def test_a_module_that_does_not_exist_is_told() -> None:
    with Child("quinde.cli.nowhere") as child, pytest.raises(CommandError, match="No module named"):
        list(child.messages())


def test_the_child_is_gone_after_the_block(module: Callable[[str], str]) -> None:
    name = module("import threading\nspeak({'ready': True})\nthreading.Event().wait()")
    with Child(name) as child:
        assert next(child.messages()) == {"ready": True}
        os.kill(child.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


def test_a_child_does_not_import_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Callable[[str], str]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "click.py").write_text("raise SystemExit('the wrong click')")
    monkeypatch.chdir(tmp_path / "elsewhere")
    with Child(module("import click\nspeak({'version': click.__name__})")) as child:
        assert list(child.messages()) == [{"version": "click"}]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_dies_with_its_parent(
    module: Callable[[str], str], tmp_path: Path, number: signal.Signals
) -> None:
    """The child holds the writing end of a named pipe: its end of file is the child's end."""
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    name = module(
        "import sys\nheld = open(sys.argv[1], 'wb')\nspeak({})\nimport threading\nthreading.Event().wait()"
    )
    code = (
        "import sys\nfrom quinde.cli.process import Child\n"
        "with Child(*sys.argv[1:]) as child:\n"
        "    for message in child.messages(): print('ready', flush=True)"
    )
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with subprocess.Popen([sys.executable, "-c", code, name, str(fifo)], stdout=subprocess.PIPE) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == b"ready\n"
            parent.send_signal(number)
            parent.wait(PATIENCE)
            os.set_blocking(reader, True)
            assert os.read(reader, 1) == b""
        finally:
            parent.kill()
            os.close(reader)


def graceful(folder: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> str:
    """Write a child that does not attach itself: what it does at the end of its stdin is its own."""
    (folder / "graceful.py").write_text(f"import sys\nprint('{{}}', flush=True)\n{ending}")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return "graceful"


def test_a_child_with_a_grace_may_end_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    letter = tmp_path / "letter"
    name = graceful(tmp_path, monkeypatch, "sys.stdin.read()\nopen(sys.argv[1], 'w').close()")
    with Child(name, str(letter), grace=PATIENCE) as child:
        assert next(child.messages()) == {}
    assert letter.exists()


def test_a_child_that_outlasts_its_grace_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = graceful(tmp_path, monkeypatch, "import threading\nthreading.Event().wait()")
    with Child(name, grace=0.1) as child:
        assert next(child.messages()) == {}
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)
