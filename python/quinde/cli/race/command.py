"""`quinde race`: fetch the same addresses in several ways and compare the time.

The command's options and the order of events; each step lives in a module of its own. What costs time to
import is imported when a race is run, not when the program lists its commands.
"""

import json
import math
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from quinde.cli.race.course import PLACE, check_template
from quinde.cli.race.result import Act, acts_to_json, reasons
from quinde.cli.race.settings import Settings

__all__ = ("race",)

_OF_SERVERS = frozenset({"url", "act", "count", "requests", "concurrency", "latency"})
_OF_PROGRAMS = frozenset({"rounds", "is_module", "show_output"})
"""Options that say something with a program only."""


def _checked_url(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    wrong = None if value is None else check_template(value)
    if wrong is not None:
        raise click.BadParameter(wrong, context, parameter)
    return value


def _finite(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    if value is None or math.isfinite(value):
        return value
    raise click.BadParameter("must be a finite number", context, parameter)


def _writable(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    if value is not None:
        from quinde.cli.page.file import check_writable

        wrong = check_writable(value)
        if wrong is not None:
            raise click.BadParameter(wrong, context, parameter)
    return value


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("program", required=False, metavar="[PROGRAM")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENTS]...]")
@click.option(
    "--url",
    callback=_checked_url,
    metavar="TEMPLATE",
    help=f"Fetch from a real server: an address with {PLACE} for the numbers 1, 2, 3 …",
)
@click.option(
    "--act",
    type=click.Choice(["1", "2", "all"]),
    help="Which act to run: all by default; with --url, the first.",
)
@click.option(
    "--count", type=click.IntRange(min=1), default=151, show_default=True, help="How many requests in act 1."
)
@click.option(
    "--requests",
    type=click.IntRange(min=1),
    default=50_000,
    show_default=True,
    help="How many requests in act 2.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1, max=10_000),
    help="How many requests at once, where a contestant can: 100 in act 1, as many as pay in act 2.",
)
@click.option(
    "--latency",
    type=click.FloatRange(min=0, max=60_000),
    callback=_finite,
    default=20.0,
    show_default=True,
    metavar="MS",
    help="The round trip to the embedded server in act 1, in milliseconds: connecting costs one for TCP and "
    "one for TLS, each request one.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    callback=_finite,
    metavar="SECONDS",
    help="How long one request may take, 30 by default; or one run of PROGRAM, 60 by default.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="How often PROGRAM is run on each library, not counting the first run.",
)
@click.option(
    "-m",
    "is_module",
    is_flag=True,
    help="PROGRAM is a module's name, as in `python -m`.",
)
@click.option("--show-output", is_flag=True, help="Show what PROGRAM writes, on stderr.")
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    callback=_writable,
    metavar="FILE",
    help="Write a page about it, too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON and nothing else.")
@click.pass_context
def race(
    context: click.Context,
    program: str | None,
    arguments: tuple[str, ...],
    url: str | None,
    act: str | None,
    count: int,
    requests: int,
    concurrency: int | None,
    latency: float,
    timeout: float | None,
    rounds: int,
    is_module: bool,
    show_output: bool,
    html: Path | None,
    as_json: bool,
) -> int:
    """Fetch the same addresses in several ways, and compare.

    Act 1, why asynchronous: 151 Pokémon by requests and by quinde, one at a time and concurrently, from a
    server over TLS that is some milliseconds away. Act 2, why quinde: 50,000 requests by quinde and by other
    clients, to a server that is near. aiohttp, httpx and wreq run where they are installed.

    An embedded PokéAPI look-alike answers, in a process of its own: no network is needed. In act 1 a relay
    stands before it and holds every byte back for half of the round trip. Or name a real server by --url.

    With PROGRAM, somebody's own aiohttp program is run instead, unedited, on aiohttp and on quinde in turns.
    """
    if program is not None:
        _refuse(context, _OF_SERVERS, "is not for programs: leave it out")
        from quinde.cli.script.command import race_program
        from quinde.cli.script.turns import Script

        script = Script(
            program=program, arguments=arguments, is_module=is_module, rounds=rounds, timeout=timeout or 60.0
        )
        return race_program(
            script, show_output=show_output, as_json=as_json, html=html, repeat=_repeated(context)
        )
    _refuse(context, _OF_PROGRAMS, "is for programs: name one to race")
    if url is not None:
        _refuse(context, {"latency", "requests"}, "is for the embedded server: leave it out with --url")
        if act in {"2", "all"}:
            raise click.UsageError("act 2 is for the embedded server: leave it out with --url")
    settings = Settings(
        count=count,
        requests=requests,
        concurrency=concurrency,
        round_trip=latency,
        timeout=timeout or 30.0,
    )
    acts = []
    for raced in _raced(settings, url, act or "all", with_record=html is not None):
        acts.append(raced)
        if not as_json:
            from quinde.cli.race.report import print_act

            print_act(raced)
    if as_json:
        _print_json(acts)
    if html is not None:
        from quinde.cli.race.page import write

        write(html, acts, _repeated(context))
    return _complain(acts)


def _repeated(context: click.Context) -> list[str]:
    """Return the arguments of `quinde` that run this command again, without what is nobody's business."""
    words, program = [context.info_name or "race"], []
    for parameter in context.command.params:
        value = context.params[parameter.name or ""]
        if context.get_parameter_source(parameter.name or "") is not click.core.ParameterSource.COMMANDLINE:
            continue
        if isinstance(parameter, click.Argument):
            program += [value] if isinstance(value, str) else list(value)
        elif value is True:
            words.append(parameter.opts[0])
        else:
            words += [parameter.opts[0], _shown(value)]
    return words + program


def _shown(value: object) -> str:
    if isinstance(value, Path):
        return value.name
    if isinstance(value, float):
        return f"{value:g}"
    return re.sub(r"//[^/@]*@", "//", str(value))  # an address may hold a password


def _refuse(context: click.Context, names: Collection[str], advice: str) -> None:
    """Refuse options that were given and say nothing here."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and source is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} {advice}")


def _raced(settings: Settings, url: str | None, which: str, *, with_record: bool) -> Iterator[Act]:
    """Yield each act when it has been raced."""
    from quinde.cli.progress import display
    from quinde.cli.race.acts import race_first_act, race_real_server, race_second_act

    if url is not None:
        with ExitStack() as stack:
            # What would be drawn before the first answer hides why there is none.
            act = race_real_server(
                settings, url, lambda: stack.enter_context(display()), with_record=with_record
            )
        yield act
        return
    if which in {"1", "all"}:
        with display() as shown:
            act = race_first_act(settings, shown, with_record=with_record)
        yield act
    if which in {"2", "all"}:
        with display() as shown:
            act = race_second_act(settings, shown)
        yield act


def _print_json(acts: Sequence[Act]) -> None:
    json.dump(acts_to_json(acts), sys.stdout, indent=2)
    sys.stdout.write("\n")
    sys.stdout.flush()  # here a reader that has gone is still an error that ends the program quietly


def _complain(acts: Sequence[Act]) -> int:
    """Print each reason for a missing figure once, on stderr, and return the exit code."""
    missing = reasons(acts)
    for reason in missing:
        click.echo(f"quinde: {reason}", err=True)
    return 1 if missing else 0
