from __future__ import annotations

import pytest

from benchmarks.harness import report
from benchmarks.harness.environment import BENCHMARKS
from benchmarks.harness.publish import BEGIN, END, UnfitRunError, publish
from benchmarks.harness.results import Results
from tests.benchmarks.samples import cell

README = f"# Benchmarks\n\nbefore\n\n{BEGIN}\n\nold\n\n{END}\n\nafter\n"


def page(mode: str) -> str:
    found = Results({("server", "quinde", "hello"): cell(90000)})
    run = {"date": "2026-11-25 12:00 UTC", "mode": mode, "seconds": 1}
    return report.page(
        found, {"run": run, "machine": {"cpu": "a"}, "versions": {"Python": "3.13.0"}}, "latest.svg"
    )


def test_the_run_takes_the_place_of_the_last_one() -> None:
    readme = publish(page("full"), README)
    assert readme.startswith(f"# Benchmarks\n\nbefore\n\n{BEGIN}\n\ndate: 2026-11-25 12:00 UTC · mode: full")
    assert readme.endswith(f"{END}\n\nafter\n")
    assert "### server: hello\n\n| server | req/s" in readme
    assert "old" not in readme
    assert publish(page("full"), readme) == readme


def test_what_stands_in_other_files_is_left_out() -> None:
    readme = publish(page("full"), README)
    assert "latest.svg" not in readme
    assert "\n# The latest run" not in readme


def test_a_short_run_is_not_published() -> None:
    with pytest.raises(UnfitRunError, match="short one"):
        publish(page("quick"), README)


def test_a_page_without_marks_is_left_alone() -> None:
    with pytest.raises(UnfitRunError, match="lacks the marks"):
        publish(page("full"), README.replace(END, ""))


def test_our_readme_has_the_marks() -> None:
    readme = (BENCHMARKS / "README.md").read_text()
    assert publish(page("full"), readme).count(BEGIN) == readme.count(BEGIN) == readme.count(END) == 1
