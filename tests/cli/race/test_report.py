from __future__ import annotations

import io
import sys

import pytest

from quinde.cli.race.report import print_report
from quinde.cli.race.result import Row


def row(name: str, seconds: float | None, error: str | None = None) -> Row:
    return Row(
        name=name,
        library="lib",
        version="1.0",
        requests=100,
        concurrency=1,
        seconds=seconds,
        cpu_seconds=None if seconds is None else 0.25,
        error=error,
    )


ROWS = [
    row("slow", 4.0),
    row("fast", 0.5),
    row("absent", None, "absent is not installed: pip install absent"),
]


def report(monkeypatch: pytest.MonkeyPatch, rows: list[Row], encoding: str = "utf-8") -> list[str]:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, errors="replace"))
    print_report("100 requests to the PokéAPI", rows)
    sys.stdout.flush()
    return raw.getvalue().decode(encoding).splitlines()


def test_the_table_has_a_line_for_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = report(monkeypatch, ROWS)
    assert lines[0] == "100 requests to the PokéAPI"
    cells = [line.split() for line in lines]
    assert ["slow", "4.000", "25", "0.250", "1.0", "x"] in cells
    assert ["fast", "0.500", "200", "0.250", "8.0", "x"] in cells
    assert "  absent: absent is not installed: pip install absent" in lines


def test_bars_are_as_long_as_the_times(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = {line.split()[0]: line.count("█") for line in report(monkeypatch, ROWS) if "█" in line}
    assert bars.keys() == {"slow", "fast"}
    assert bars["slow"] == pytest.approx(8 * bars["fast"], abs=8)


def test_a_very_short_time_still_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = report(monkeypatch, [row("slow", 4.0), row("fast", 0.0001)])
    assert lines[-1].split() == ["fast", "▏", "0.000", "s"]


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR_FORCE"])
def test_a_pipe_gets_no_control_codes(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "1")
    text = "\n".join(report(monkeypatch, ROWS))
    assert "\x1b" not in text
    assert "\r" not in text


def test_a_pipe_in_ascii_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = report(monkeypatch, ROWS, encoding="ascii")
    assert lines[0] == "100 requests to the Pok?API"
    assert sum("###" in line for line in lines) == 2


def test_nobody_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = report(monkeypatch, ROWS[2:])
    assert "  absent: absent is not installed: pip install absent" in lines
    assert not any("█" in line for line in lines)
