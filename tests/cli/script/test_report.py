from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from quinde.cli.script.report import heading, last_lines, print_outcome, ratios, to_json
from tests.cli.script.outcomes import outcome, side

if TYPE_CHECKING:
    import pytest

    from quinde.cli.script.outcome import Outcome

BOTH = outcome(side("aiohttp", 3.0, 2.0, 4.0), side("quinde", 1.0, 1.0, 1.0, cpu=0.25, mib=5))


def printed(made: Outcome, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_outcome(made)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_the_table_has_both_sides_their_spread_and_the_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(BOTH, capsys)
    assert lines[0] == "p.py -x on aiohttp 1.0 and on quinde 1.0"
    assert lines[1].startswith("the median of 3 runs in turns, after one that does not count")
    words = [line.split() for line in lines]
    assert ["aiohttp", "3.000", "(2.000-4.000)", "1.500", "(1.000-2.000)", "10.0", "50", "%"] in words
    assert ["quinde", "1.000", "0.250", "5.0", "75", "%"] in words
    assert ["aiohttp", "/", "quinde", "3.00", "x", "6.00", "x", "2.00", "x"] in words
    assert lines[-3:] == [
        "50 % of its time is waiting: a client that cost nothing would make it 2.0 times faster, no more.",
        "It is 3.0 times faster on quinde.",
        "It takes 6.0 times less CPU time.",
    ]


def test_figures_are_not_broken_in_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    aiohttp, quinde = (side(name, 1234.0, 1234.5, 1235.0, mib=10_000) for name in ("aiohttp", "quinde"))
    lines = printed(outcome(aiohttp, quinde), capsys)
    assert sum("(1234.000-1235.000)" in line for line in lines) == 2


def test_half_a_race_has_half_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    made = outcome(side("aiohttp", 3.0), side("quinde", error="failed"))
    text = "\n".join(printed(made, capsys))
    assert "  aiohttp     3.000" in text
    assert "/ quinde" not in text
    assert ratios(made) == ["", "", ""]


def test_without_figures_there_is_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    made = outcome(side("aiohttp", error="failed"), side("quinde", error="failed"))
    assert printed(made, capsys) == [heading(made)]


def test_json_has_sentences_and_errors() -> None:
    made = to_json(BOTH)
    assert len(made["sentences"]) == 3
    assert made["errors"] == []
    assert made["times_less"]["seconds"] == 3.0


def test_the_end_of_what_a_program_wrote_is_fit_for_a_terminal() -> None:
    failed = replace(side("quinde", error="failed"), output="a\x1b[31mé\tb\r\n\x9bc\n\n")
    assert last_lines(failed) == "a[31mé\tb\nc"
    long = replace(failed, output="".join(f"{number}\n" for number in range(100)))
    assert last_lines(long).split("\n") == ["…", *map(str, range(60, 100))]
