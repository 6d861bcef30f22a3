"""`quinde pokeapi`: serve the embedded PokéAPI look-alike to programs that somebody is trying out.

The tutorial's programs ask it. The application is the race's; here it is the user's to start and to stop.
"""

import os
import socket

import click

from quinde.cli.errors import CommandError

__all__ = ("pokeapi",)

_HOST = "127.0.0.1"
_PORT = 8151


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=_PORT,
    show_default=True,
    help="Where to listen, on this machine alone; 0 takes a free port.",
)
@click.option(
    "--latency",
    type=click.IntRange(0, 60_000),
    default=20,
    show_default=True,
    metavar="MS",
    help="How long the server waits before each answer, in milliseconds.",
)
def pokeapi(port: int, latency: int) -> None:
    """Serve 151 Pokémon in PokéAPI's shape, until Ctrl-C: a server to try programs on, without a network."""
    from quinde.cli.race.pokeapi import make_app
    from quinde.web.run import run_app

    try:
        listener = socket.create_server((_HOST, port), backlog=1024)
    except OSError as error:
        raise CommandError(f"cannot listen at port {port}: {os.strerror(error.errno or 0)}") from None
    with listener:
        port = listener.getsockname()[1]
        click.echo(
            f"Running on http://{_HOST}:{port}/api/v2/pokemon/1 to 151, or by name; "
            f"each answer takes {latency} ms. Ctrl-C ends it."
        )
        run_app(make_app(latency / 1000), sock=listener, backlog=1024, access_log=None, print=None)
