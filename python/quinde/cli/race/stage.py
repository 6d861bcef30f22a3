"""The stage of a race: the server to be fetched from, ours or a real one, ready before the clock starts.

Knows how to start the embedded server's process and the relay before it, and how to try a stranger's server;
not what contestants do there.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from quinde.cli.errors import CommandError
from quinde.cli.process import Child
from quinde.cli.race.certificate import can_make
from quinde.cli.race.course import PLACE, Course
from quinde.cli.race.lane import run_lane
from quinde.cli.race.pokedex import POKEMON

__all__ = ("Stage", "behind_relay", "embedded_pokeapi", "try_server")


@dataclass(frozen=True)
class Stage:
    """A server that is ready.

    Attributes:
        template: The address, with `{n}` where the number goes.
        numbers: How many numbers it knows.
        authority: A file with the certificate that its own is signed by; None without TLS.
    """

    template: str
    numbers: int
    authority: str | None


@contextmanager
def behind_relay(round_trip: float) -> Iterator[Stage]:
    """Serve the embedded PokéAPI over TLS, a round trip away, for as long as the block lasts.

    Without what makes a certificate, there is no TLS.

    Args:
        round_trip: Seconds; each connection costs one for TCP and one for TLS, each request one.

    Raises:
        CommandError: A process did not start.
    """
    with ExitStack() as stack:
        tls = can_make()
        server = stack.enter_context(_running("quinde.cli.race.pokeapi", "0.0", "tls" if tls else "plain"))
        relay = stack.enter_context(_running("quinde.cli.race.relay", str(server["port"]), repr(round_trip)))
        authority = stack.enter_context(_file(server["authority"])) if tls else None
        yield _stage("https" if tls else "http", relay["port"], authority)


@contextmanager
def embedded_pokeapi(latency: float) -> Iterator[Stage]:
    """Serve the embedded PokéAPI in plain HTTP, no network between, for as long as the block lasts.

    Args:
        latency: How long the server waits before each answer, in seconds.

    Raises:
        CommandError: The server did not start.
    """
    with _running("quinde.cli.race.pokeapi", repr(latency), "plain") as server:
        yield _stage("http", server["port"], None)


def try_server(course: Course) -> None:
    """Fetch the first stop once, with quinde, so that a server that cannot be raced is refused at once.

    Raises:
        CommandError: It did not work; the text says why.
    """
    row = run_lane("quinde-one", replace(course, count=1), lambda label, answers: None)
    if row.error is not None:
        raise CommandError(row.error)


def _stage(scheme: str, port: int, authority: str | None) -> Stage:
    return Stage(f"{scheme}://127.0.0.1:{port}/api/v2/pokemon/{PLACE}", len(POKEMON), authority)


@contextmanager
def _running(module: str, *arguments: str) -> Iterator[dict[str, Any]]:
    """Run a child that tells one thing when it is ready, and give that."""
    with Child(module, *arguments) as child:
        for message in child.messages():
            yield message
            return
        raise CommandError("the embedded server ended before it was ready")


@contextmanager
def _file(text: str) -> Iterator[str]:
    """Give a path at which the text is read for as long as the block lasts.

    Where the system has files without a name (Linux), it is gone with this process, however that ends.
    """
    nameless = hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd")
    if nameless:
        handle = os.memfd_create("quinde-race")
        path = f"/proc/{os.getpid()}/fd/{handle}"
    else:
        handle, path = tempfile.mkstemp(prefix="quinde-race-", suffix=".pem")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        try:
            file.write(text)
            file.flush()
            yield path
        finally:
            if not nameless:
                os.unlink(path)
