from __future__ import annotations

from quinde.cli.errors import CommandError, one_line


def test_lines_and_tabs_become_spaces() -> None:
    assert one_line("a\r\n  b\tc ") == "a b c"


def test_control_characters_cannot_reach_a_terminal() -> None:
    assert one_line("\x1b[31mred\x07\x9b2J\u202e") == "[31mred2J"


def test_long_text_is_cut() -> None:
    assert one_line("x" * 10, limit=3) == "xxx"


def test_a_command_error_is_one_line() -> None:
    assert str(CommandError("no\x1b\nanswer")) == "no answer"
