"""What `quinde race your_program.py` does, from the check of the file to the exit code.

Knows the order of events; each step lives in a module of its own.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from quinde.cli.progress import display
from quinde.cli.script.outcome import Outcome
from quinde.cli.script.report import last_lines, on_what, print_outcome, to_json
from quinde.cli.script.turns import Script, race_script

__all__ = ("race_program",)


def race_program(
    script: Script, *, show_output: bool, as_json: bool, html: Path | None, repeat: Sequence[str]
) -> int:
    """Race a program, print what came of it, and return the exit code.

    Args:
        script: What to race.
        show_output: Pass on to stderr what the program writes, while it runs.
        as_json: Print JSON in place of the table.
        html: Where to write a page, too.
        repeat: The arguments of `quinde` that do this again, for the page to say.

    Raises:
        click.UsageError: There is no such file.
        CommandError: The page cannot be written.
    """
    if not script.is_module and not Path(script.program).exists():
        raise click.UsageError(f"there is no file {script.program}")
    with display(wanted=not show_output) as shown:
        outcome = race_script(script, shown, _show if show_output else None)
    if as_json:
        json.dump(to_json(outcome), sys.stdout, indent=2)
        sys.stdout.write("\n")
        sys.stdout.flush()  # here a reader that has gone is still an error that ends the program quietly
    else:
        print_outcome(outcome)
    if html is not None:
        _write(outcome, html, repeat)
    return _complain(outcome, with_output=not show_output)


def _show(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _write(outcome: Outcome, path: Path, repeat: Sequence[str]) -> None:
    from quinde.cli.page.file import write_page
    from quinde.cli.script.page import part_of

    write_page(
        path,
        title=Path(outcome.program).name,
        lead=f"The same program, unedited, {on_what(outcome)}.",
        parts=[part_of(outcome)],
        versions=[(side.library, side.version or "not installed") for side in outcome.sides],
        arguments=repeat,
    )


def _complain(outcome: Outcome, *, with_output: bool) -> int:
    """Say on stderr what failed, after what the program wrote then, and return the exit code."""
    for side in outcome.sides:
        if with_output and side.output:
            click.echo(f"--- {outcome.program} on {side.library} wrote", err=True)
            click.echo(last_lines(side), err=True)
            click.echo("---", err=True)
    errors = outcome.errors()
    for error in errors:
        click.echo(f"quinde: {error}", err=True)
    return 1 if errors else 0
