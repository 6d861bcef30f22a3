"""What the figures of a race say, in sentences: each number in them is computed from the rows.

Where a gain is small they say that, too. Knows rows and English.
"""

from collections.abc import Sequence

from quinde.cli.race.result import Row

__all__ = ("first_act_says", "second_act_says")

_ALIKE = 1.2
"""Times that differ by less than this factor are called alike."""
_SMALL = 1.5
"""A gain below this factor is called small."""
_FAR = 0.020
"""Seconds: an answer of somebody else's server, to compare an engine's work with."""


def first_act_says(rows: Sequence[Row], *, tls: bool) -> tuple[str, ...]:
    """Say what each gap of act 1 is made of: connecting, nothing, waiting.

    Args:
        rows: The act's rows.
        tls: Whether connecting includes a TLS handshake.
    """
    done = {row.key: row for row in rows if row.seconds is not None}
    said = []
    get, session = done.get("requests-get"), done.get("requests-session")
    one, many = done.get("quinde-one"), done.get("quinde-many")
    if get and session:
        said.append(_connecting(get, session, tls))
    if session and one:
        said.append(_same(session, one))
    if one and many:
        said.append(_waiting(one, many))
    return tuple(said)


def _connecting(get: Row, session: Row, tls: bool) -> str:
    lost = _wall(get) - _wall(session)
    if lost <= 0:
        return (
            "From requests.get to requests.Session nothing is gained: connecting costs next to nothing here."
        )
    each, work = lost / get.requests, max(_cpu_each(get) - _cpu_each(session), 0.0)
    trips = "a round trip for TCP, one for TLS" if tls else "a round trip for TCP"
    return (
        f"From requests.get to requests.Session: connecting. {_seconds(lost)} of {_seconds(_wall(get))} go "
        f"into {_connections(get.requests)}, {_milliseconds(each)} each: {trips}, "
        f"and {_milliseconds(work)} of CPU."
    )


def _same(session: Row, one: Row) -> str:
    ratio = _wall(session) / _wall(one)
    both = f"{_seconds(_wall(session))} and {_seconds(_wall(one))}"
    if 1 / _ALIKE < ratio < _ALIKE:
        return (
            f"From requests.Session to quinde one at a time: next to nothing, {both}. Who awaits each answer "
            "before the next request waits as long as who blocks: asynchronous alone is no faster."
        )
    return (
        f"From requests.Session to quinde one at a time: {both}. Both wait for each answer before the next "
        f"request, and {_seconds(abs((session.cpu_seconds or 0) - (one.cpu_seconds or 0)))} of the "
        "difference is CPU."
    )


def _waiting(one: Row, many: Row) -> str:
    factor = _wall(one) / _wall(many)
    if factor < _ALIKE:
        return (
            f"From one at a time to concurrently: little, {_seconds(_wall(one))} and "
            f"{_seconds(_wall(many))}. There is next to no waiting here that could overlap."
        )
    return (
        f"From one at a time to concurrently: waiting. One at a time, {one.waiting or 0:.0%} of the time is "
        f"waiting for one answer after the other; with {many.concurrency} under way the waits overlap, "
        f"and the same {many.requests:,} answers are there {factor:.1f} times sooner."
    )


def second_act_says(rows: Sequence[Row]) -> tuple[str, ...]:
    """Say what a request costs each client of act 2, and where that does not matter."""
    done = [row for row in rows if row.seconds is not None]
    ours = next((row for row in done if row.library == "quinde"), None)
    others = [row for row in done if row.library != "quinde"]
    if ours is None or not others:
        return ()
    said = [_work(ours, others), _pace(ours, others)]
    other = next((row for row in others if row.library == "aiohttp"), others[0])
    saved = _cpu_each(other) - _cpu_each(ours)
    if saved > 0:
        said.append(
            f"Where answers take {_milliseconds(_FAR)}, as in act 1, the {_microseconds(saved)} that quinde "
            f"saves over {other.library} are {saved / _FAR:.1%} of the wait for one: with few requests at "
            "once, no client will help."
        )
    return tuple(said)


def _work(ours: Row, others: Sequence[Row]) -> str:
    own = _cpu_each(ours)
    compared = ", ".join(
        f"{row.library} {_microseconds(_cpu_each(row))} ({_cpu_each(row) / own:.1f} times as much)"
        for row in others
    )
    return f"CPU for a request: quinde {_microseconds(own)}, {compared}."


def _pace(ours: Row, others: Sequence[Row]) -> str:
    best = min(others, key=_wall)
    gain = _wall(best) / _wall(ours)
    if gain < _ALIKE:
        verdict = (
            f"no faster than {best.library}" if gain < 1 / _ALIKE else f"about as fast as {best.library}"
        )
        return f"In time, quinde is {verdict} here ({_seconds(_wall(ours))}, {_seconds(_wall(best))})."
    size = ", which is little" if gain < _SMALL else ""
    return (
        f"In time, quinde is {gain:.1f} times as fast as {best.library}, the fastest of the others{size}; "
        f"it worked {1 - (ours.waiting or 0):.0%} of it and waited for the server the rest."
    )


def _wall(row: Row) -> float:
    """Return the seconds of a row that finished, never 0."""
    return row.all_seconds or 1e-9


def _cpu_each(row: Row) -> float:
    return (row.cpu_seconds or 0.0) / max(row.requests, 1)


def _connections(count: int) -> str:
    return "1 connection" if count == 1 else f"{count:,} connections"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms"


def _microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs"
