from __future__ import annotations

import sys

import pytest
from rich.text import Text

from quinde.cli.console import stdout_console


@pytest.mark.parametrize("variable", [None, "FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR_FORCE"])
def test_a_pipe_gets_no_control_codes(
    variable: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if variable is not None:
        monkeypatch.setenv(variable, "1")
    monkeypatch.setenv("COLUMNS", "20")
    stdout_console().print(Text("x" * 90, style="bold red"))
    assert capsys.readouterr().out == "x" * 90 + "\n"


def test_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stdout_console().print(Text("x", style="red"))
    assert capsys.readouterr().out == "\x1b[31mx\x1b[0m\n"
