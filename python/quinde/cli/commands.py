"""The group of all commands, and the one place that decides how an error looks.

Knows click and the names of the commands; what a command does lives in its own module. Errors are one line on
stderr: scripts read them, and a newcomer is not helped by three lines of usage.
"""

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from quinde.cli.errors import CommandError, one_line
from quinde.cli.pokeapi import pokeapi
from quinde.cli.race.command import race
from quinde.cli.trace import trace
from quinde.http.version import __version__

__all__ = ("cli",)

_FAILURE = 1
_INTERRUPTED = 130


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"quinde: {one_line(message)}", err=True)
    sys.exit(code)


class _OneLineGroup(click.Group):
    """A group whose errors are one line each, with exit codes 1 (failure), 2 (usage) and 130 (Ctrl-C)."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command that `args` name and exit; without `args`, those of the process."""
        for stream in (sys.stdout, sys.stderr):
            # A terminal or pipe in ASCII shows "?" for what it cannot: no reason to stop a race.
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="replace")
        try:
            # standalone_mode would print errors in click's way: three lines, the last of them ours.
            code = super().main(args, prog_name or self.name, complete_var, standalone_mode=False, **extra)
        except click.ClickException as error:
            _fail(error.format_message(), error.exit_code)
        except CommandError as error:
            _fail(str(error), _FAILURE)
        except click.Abort:
            sys.exit(_INTERRUPTED)
        sys.exit(code if isinstance(code, int) else 0)


@click.group(
    name="quinde",
    cls=_OneLineGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="quinde %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Quinde: asynchronous HTTP for Python, client and server."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


cli.add_command(pokeapi)
cli.add_command(race)
cli.add_command(trace)
