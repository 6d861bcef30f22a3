from __future__ import annotations

import io
import sys
from typing import Literal

import pytest

from quinde.cli.race.report import print_act
from quinde.cli.race.result import Act, Row
from tests.cli.race.rows import row

ROWS = [
    row("slow", 4.0),
    row("fast", 0.5),
    row("absent", None, "absent is not installed: pip install absent"),
]


def act(rows: list[Row], number: Literal[1, 2] = 1) -> Act:
    return Act(
        number=number,
        title="100 requests to the PokéAPI",
        url="http://h/{n}",
        round_trip=20.0,
        tls=True,
        rows=tuple(rows),
        sentences=("This is what the figures say. " * 6,),
        notes=("a note",),
    )


def report(
    monkeypatch: pytest.MonkeyPatch, rows: list[Row], encoding: str = "utf-8", number: Literal[1, 2] = 1
) -> list[str]:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, errors="replace"))
    print_act(act(rows, number))
    sys.stdout.flush()
    return raw.getvalue().decode(encoding).splitlines()


def test_the_table_has_a_line_for_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = report(monkeypatch, ROWS)
    assert lines[0] == "100 requests to the PokéAPI"
    cells = [line.split() for line in lines]
    assert ["slow", "4.000", "25", "0.250", "94%", "1.0", "x"] in cells
    assert ["fast", "0.500", "200", "0.250", "50%", "8.0", "x"] in cells
    assert "  absent: absent is not installed: pip install absent" in lines
    assert "  a note" in lines


def test_act_2_tells_of_memory_and_marks_what_is_projected(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row("cut", 4.0, requests=25), row("whole", 8.0), row("no /proc", 1.0, peak_bytes=None)]
    cells = [line.split() for line in report(monkeypatch, rows, number=2)]
    assert ["cut", "≈", "16.00", "6", "≈", "1.00", "30", "MiB", "1.0", "x"] in cells
    assert ["whole", "8.00", "12", "0.25", "30", "MiB", "2.0", "x"] in cells
    assert ["no", "/proc", "1.00", "100", "0.25", "?", "16.0", "x"] in cells


def test_sentences_are_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for line in report(monkeypatch, ROWS) if "the figures say" in line]
    assert len(lines) == 2
    assert max(map(len, lines)) <= 100


def test_bars_are_as_long_as_the_times(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = {line.split()[0]: line.count("█") for line in report(monkeypatch, ROWS) if "█" in line}
    assert bars.keys() == {"slow", "fast"}
    assert bars["slow"] == pytest.approx(8 * bars["fast"], abs=8)


def test_a_very_short_time_still_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = report(monkeypatch, [row("slow", 4.0), row("fast", 0.0001)])
    assert ["fast", "▏", "0.000", "s"] in [line.split() for line in lines]


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
