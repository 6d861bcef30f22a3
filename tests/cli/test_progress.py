"""What is drawn on a terminal is tested in `test_race`, on a real one; here is where nothing may be drawn."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from quinde.cli.progress import display

if TYPE_CHECKING:
    import pytest


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def race_three(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    with display() as shown:
        shown.start("quinde", 2)
        shown.arrived("bulbasaur")
        shown.arrived("[bold]ivysaur")
        shown.finish()
    return stream.getvalue()


def test_nothing_is_drawn_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert race_three(io.StringIO(), monkeypatch) == ""


def test_nothing_is_drawn_on_a_terminal_that_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert race_three(_Terminal(), monkeypatch) == ""


def test_bars_are_drawn_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    drawn = race_three(_Terminal(), monkeypatch)
    assert "quinde" in drawn
    assert "2/2" in drawn
    assert "ivysaur" in drawn, "the last name, however fast it came"
