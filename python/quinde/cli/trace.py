"""`quinde trace`: make a request, and show its life.

The command's options; making the request and drawing it have modules of their own, which are imported when
the command runs, and before the request is made: importing is no part of a request's life.
"""

import json
import math
import sys

import click

from quinde.cli.address import check_url
from quinde.cli.errors import CommandError

__all__ = ("trace",)


def _checked_url(context: click.Context, parameter: click.Parameter, value: str) -> str:
    wrong = check_url(value)
    if wrong is not None:
        raise click.BadParameter(wrong, context, parameter)
    return value


def _finite(context: click.Context, parameter: click.Parameter, value: float) -> float:
    if math.isfinite(value):
        return value
    raise click.BadParameter("must be a finite number", context, parameter)


def _split(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    fields = []
    for value in values:
        name, colon, text = value.partition(":")
        if not colon or not name.strip():
            raise click.BadParameter(f"is written Name: value, not {value!r}", context, parameter)
        fields.append((name.strip(), text.strip()))
    return tuple(fields)


@click.command()
@click.argument("url", callback=_checked_url)
@click.option("-X", "--method", help="GET by default, POST with --data.")
@click.option(
    "-H",
    "--header",
    "headers",
    multiple=True,
    callback=_split,
    metavar="NAME: VALUE",
    help="A header field to send; may be given again.",
)
@click.option("--data", metavar="TEXT", help="A body to send.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    callback=_finite,
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the request may take.",
)
@click.option("--insecure", is_flag=True, help="Ask also a server whose certificate cannot be trusted.")
@click.option(
    "--repeat",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Ask that often, with one session: see how its connection is used again.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with all figures and nothing else.")
def trace(
    url: str,
    method: str | None,
    headers: tuple[tuple[str, str], ...],
    data: str | None,
    timeout: float,
    insecure: bool,
    repeat: int,
    as_json: bool,
) -> None:
    """Make a request and show its life: what it did when, and where its coroutine was suspended.

    A redirect is shown, not followed. The exit code is 0 if the status is 200 to 299.
    """
    import asyncio

    from quinde.cli.lifeline import print_traced
    from quinde.cli.probe import Wanted, probe

    wanted = Wanted(
        url=url,
        method=(method or ("GET" if data is None else "POST")).upper(),
        headers=headers,
        data=data,
        timeout=timeout,
        insecure=insecure,
        repeat=repeat,
    )
    made = asyncio.run(probe(wanted))
    if as_json:
        json.dump([traced.to_json() for traced in made], sys.stdout, indent=2)
        sys.stdout.write("\n")
        sys.stdout.flush()  # here a reader that has gone is still an error that ends the program quietly
    else:
        answered = [traced for traced in made if traced.exchange.error is None]
        for number, traced in enumerate(answered):
            if number:
                click.echo()
            print_traced(traced)
    complaint = next((traced.complaint for traced in made if traced.complaint is not None), None)
    if complaint is not None:
        raise CommandError(complaint)
