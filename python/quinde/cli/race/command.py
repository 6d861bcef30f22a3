"""`quinde race`: fetch the same addresses in several ways and compare the time.

The command's options and the order of events; each step lives in a module of its own. What costs time to
import is imported when a race is run, not when the program lists its commands.
"""

import json
import math
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from quinde.cli.page.model import Waterfall
from quinde.cli.race.course import PLACE, Course, check_template
from quinde.cli.race.result import Row, rows_to_json

__all__ = ("race",)

_STEPS = 30
"""How many requests one at a time are recorded for a page: enough for stairs to be seen."""
_OF_SERVERS = frozenset({"url", "count", "concurrency", "latency"})
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
    "--count", type=click.IntRange(min=1), default=151, show_default=True, help="How many requests."
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many requests under way at once, where a contestant can.",
)
@click.option(
    "--latency",
    type=click.FloatRange(min=0, max=60_000),
    callback=_finite,
    default=20.0,
    show_default=True,
    metavar="MS",
    help="How long the embedded server waits before each answer, in milliseconds.",
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
@click.option("--json", "as_json", is_flag=True, help="Print the rows as a JSON list and nothing else.")
@click.pass_context
def race(
    context: click.Context,
    program: str | None,
    arguments: tuple[str, ...],
    url: str | None,
    count: int,
    concurrency: int,
    latency: float,
    timeout: float | None,
    rounds: int,
    is_module: bool,
    show_output: bool,
    html: Path | None,
    as_json: bool,
) -> int:
    """Fetch 151 Pokémon with requests and with quinde, one at a time and concurrently, and compare.

    Without --url an embedded PokéAPI look-alike answers, in a process of its own: no network is needed.

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
        _refuse(context, {"latency"}, "is for the embedded server: leave it out with --url")
    course = Course(template=url or "", count=count, concurrency=concurrency, timeout=timeout or 30.0)
    with _staged(course, latency / 1000) as staged:
        rows = _run(staged)
        waterfalls = _record(staged, rows) if html is not None else []
    title = _title(staged, None if url else latency)
    _print(rows, title, as_json)
    if html is not None:
        _write_page(html, title, rows, waterfalls, _repeated(context))
    return _complain(rows)


def _refuse(context: click.Context, names: Collection[str], advice: str) -> None:
    """Refuse options that were given and say nothing here."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and source is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} {advice}")


@contextmanager
def _staged(course: Course, latency: float) -> Iterator[Course]:
    from quinde.cli.race.stage import embedded_pokeapi, try_server

    if course.template:
        try_server(course)
        yield course
    else:
        with embedded_pokeapi(latency) as (template, numbers):
            yield replace(course, template=template, numbers=numbers)


def _run(course: Course) -> list[Row]:
    from quinde.cli.progress import display
    from quinde.cli.race.contestants import CONTESTANTS
    from quinde.cli.race.lane import run_lane

    rows = []
    with display() as shown:
        for key, contestant in CONTESTANTS.items():
            shown.start(contestant.name, course.count)
            rows.append(run_lane(key, course, shown.arrived))
            shown.finish()
    return rows


def _record(course: Course, rows: list[Row]) -> list[Waterfall]:
    """Record quinde's runs, unless the race has failed before."""
    from quinde.cli.progress import display
    from quinde.cli.race.page import waterfalls_of
    from quinde.cli.race.recording import record

    if rows[-1].error is not None:
        return []
    first = replace(course, count=min(course.count, _STEPS), concurrency=1)
    with display() as shown:
        shown.start("recording it for the page", first.count + course.count)
        waterfalls = waterfalls_of(record(first, shown.arrived), record(course, shown.arrived))
        shown.finish()
    return waterfalls


def _write_page(
    path: Path, title: str, rows: list[Row], waterfalls: list[Waterfall], repeat: list[str]
) -> None:
    from quinde.cli.page.file import write_page
    from quinde.cli.race.page import part_of, versions_of

    write_page(
        path,
        title="Why asynchronous?",
        lead="The same downloads, waited for one after the other and all at once.",
        parts=[part_of(_shown(title), "One after the other, and concurrently.", rows, (), waterfalls)],
        versions=versions_of(rows),
        arguments=repeat,
    )


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


def _title(course: Course, latency: float | None) -> str:
    many = "1 request" if course.count == 1 else f"{course.count} requests"
    where = course.template if latency is None else f"the embedded PokéAPI, {latency:g} ms each"
    return f"{many} to {where}"


def _print(rows: list[Row], title: str, as_json: bool) -> None:
    if as_json:
        json.dump(rows_to_json(rows), sys.stdout, indent=2)
        sys.stdout.write("\n")
        sys.stdout.flush()  # here a reader that has gone is still an error that ends the program quietly
        return
    from quinde.cli.race.report import print_report

    print_report(title, rows)


def _complain(rows: list[Row]) -> int:
    """Print each reason for a missing figure once, on stderr, and return the exit code."""
    reasons = dict.fromkeys(row.error for row in rows if row.error is not None)
    for reason in reasons:
        click.echo(f"quinde: {reason}", err=True)
    return 1 if reasons else 0
