"""The stage of a race: the server to be fetched from, ours or a real one, ready before the clock starts.

Knows how to start the embedded server's process and how to try a stranger's server; not what contestants do
there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from quinde.cli.errors import CommandError
from quinde.cli.process import Child
from quinde.cli.race.course import PLACE, Course
from quinde.cli.race.lane import run_lane
from quinde.cli.race.pokedex import POKEMON

__all__ = ("embedded_pokeapi", "try_server")


@contextmanager
def embedded_pokeapi(latency: float) -> Iterator[tuple[str, int]]:
    """Serve the embedded PokéAPI in a process of its own for as long as the block lasts.

    Args:
        latency: How long the server waits before each answer, in seconds.

    Yields:
        The address template, and how many numbers the server knows.

    Raises:
        CommandError: The server did not start.
    """
    with Child("quinde.cli.race.pokeapi", repr(latency)) as server:
        for message in server.messages():
            yield f"http://127.0.0.1:{message['port']}/api/v2/pokemon/{PLACE}", len(POKEMON)
            return
        raise CommandError("the embedded server ended before it was ready")


def try_server(course: Course) -> None:
    """Fetch the first stop once, with quinde, so that a server that cannot be raced is refused at once.

    Raises:
        CommandError: It did not work; the text says why.
    """
    row = run_lane("quinde-one", replace(course, count=1), lambda label: None)
    if row.error is not None:
        raise CommandError(row.error)
