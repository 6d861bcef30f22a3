from __future__ import annotations

from importlib.metadata import version

import pytest
from click.testing import CliRunner

from quinde.cli.commands import cli
from quinde.cli.race.command import race


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_names_the_commands(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0
    assert "Usage: quinde [OPTIONS]" in result.stdout
    assert "race " in result.stdout
    assert result.stderr == ""


def test_version() -> None:
    result = CliRunner().invoke(cli, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"quinde {version('quinde')}\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["fly"], "quinde: No such command 'fly'.\n"),
        (["--fast"], "quinde: No such option '--fast'.\n"),
        (["race", "--xyz"], "quinde: No such option '--xyz'.\n"),
        (["race", "extra\x1b[2J"], "quinde: there is no file extra[2J\n"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], line: str) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", line)


def test_ctrl_c_ends_quietly_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(race, "callback", interrupt)
    result = CliRunner().invoke(cli, ["race"])
    assert (result.exit_code, result.stdout, result.stderr.strip()) == (130, "", "")
