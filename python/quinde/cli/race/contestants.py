"""Who runs in a race: all contestants by key, and who of them runs in which act."""

from importlib.util import find_spec

from quinde.cli.race.blocking import RequestsGet, RequestsSession
from quinde.cli.race.contestant import Contestant
from quinde.cli.race.coroutines import (
    AiohttpConcurrently,
    HttpxConcurrently,
    QuindeConcurrently,
    QuindeOneAtATime,
    WreqConcurrently,
)

__all__ = ("CONTESTANTS", "FIRST_ACT", "SECOND_ACT", "present")

CONTESTANTS: dict[str, type[Contestant]] = {
    "requests-get": RequestsGet,
    "requests-session": RequestsSession,
    "quinde-one": QuindeOneAtATime,
    "quinde-many": QuindeConcurrently,
    "aiohttp-many": AiohttpConcurrently,
    "httpx-many": HttpxConcurrently,
    "wreq-many": WreqConcurrently,
}
"""All contestants by key."""

FIRST_ACT = ("requests-get", "requests-session", "quinde-one", "quinde-many", "aiohttp-many", "httpx-many")
"""Who runs in act 1, in this order; the first to finish is the measure of the rest."""

SECOND_ACT = ("aiohttp-many", "httpx-many", "wreq-many", "quinde-many")
"""Who runs in act 2, likewise."""


def present(keys: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Tell who of `keys` runs, and which libraries are left out since they are not there and need not be."""
    absent = [key for key in keys if CONTESTANTS[key].optional and not _installed(CONTESTANTS[key].library)]
    return [key for key in keys if key not in absent], [CONTESTANTS[key].library for key in absent]


def _installed(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except ValueError:  # a module without a spec: imported, and by somebody odd
        return False
