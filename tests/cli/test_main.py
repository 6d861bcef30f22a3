"""The entry point: `quinde.cli.main`, `python -m quinde` and the installed script."""

from __future__ import annotations

import resource
import subprocess
import sys
from importlib.metadata import entry_points, version

import pytest

from quinde.cli import main
from tests.cli.support import PATIENCE, quinde


def test_the_script_and_the_module_are_the_same_program() -> None:
    (script,) = (each for each in entry_points(group="console_scripts") if each.name == "quinde")
    assert script.load() is main
    assert quinde("--version").stdout.startswith("quinde ")


def run_without(*missing: str, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run the program as if some libraries were not installed."""
    block = f"import sys; sys.modules.update(dict.fromkeys({missing!r}))"
    return subprocess.run(
        [sys.executable, "-c", f"{block}; from quinde.cli import main; main()", *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("missing", [("click",), ("rich",), ("click", "rich")])
@pytest.mark.parametrize(
    ("arguments", "extra"), [((), "cli"), (("--help",), "cli"), (("race", "--count=9"), "race")]
)
def test_a_missing_library_is_one_line(
    missing: tuple[str, ...], arguments: tuple[str, ...], extra: str
) -> None:
    ended = run_without(*missing, arguments=arguments)
    assert (ended.returncode, ended.stdout) == (1, "")
    line = f'quinde: {" and ".join(missing)} not installed: pip install "quinde[{extra}]"\n'
    assert ended.stderr == line


def test_the_version_needs_no_library() -> None:
    ended = run_without("click", "rich", arguments=("--version",))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"quinde {version('quinde')}\n", "")


def test_help_imports_neither_rich_nor_a_contestants_library() -> None:
    code = (
        "import sys\nfrom quinde.cli import main\n"
        "try: main()\n"
        "finally: print({'rich', 'requests', 'asyncio', 'quinde._core', 'quinde.web'} & sys.modules.keys())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "--help"],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=True,
    )
    assert ended.stdout.splitlines()[-1] == "set()"


def test_help_costs_less_than_a_quarter_of_a_second() -> None:
    """CPU time, the best of several: the machine may be busy with other tests, and help waits for nothing."""

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert quinde("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(5)) < 0.25
