"""The acts of a race: which stage is set, who runs on it, and what comes of it.

Act 1 is about waiting: a network stands before the server. Act 2 is about work: the server answers at once,
and there are many requests. A real server gets act 1 alone, without our network.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from quinde.cli.progress import Display
from quinde.cli.race.certificate import REMEDY, can_make
from quinde.cli.race.contestants import CONTESTANTS, FIRST_ACT, SECOND_ACT, present
from quinde.cli.race.course import Course
from quinde.cli.race.lane import run_lane
from quinde.cli.race.recording import record
from quinde.cli.race.result import Act, Row
from quinde.cli.race.sentences import first_act_says, second_act_says
from quinde.cli.race.settings import Settings
from quinde.cli.race.stage import behind_relay, embedded_pokeapi, try_server
from quinde.cli.timeline import Exchange

__all__ = ("first_title", "race_first_act", "race_real_server", "race_second_act", "second_title")

_SECOND_LATENCY = 0.001
_STEPS = 30
"""How many requests one at a time are recorded for a page."""


def first_title(settings: Settings, *, tls: bool) -> str:
    """Return act 1's title on our stage."""
    where = "over TLS, " if tls else ""
    many = _many(settings.count)
    return f"Act 1, why asynchronous: {many} to the embedded PokéAPI, {where}{settings.round_trip:g} ms away"


def second_title(settings: Settings) -> str:
    """Return act 2's title."""
    course = settings.second_course("")
    return (
        f"Act 2, why quinde: {_many(course.count)} to a server that answers in about "
        f"{_SECOND_LATENCY * 1000:g} ms, {min(course.concurrency, course.count)} at once"
    )


def race_first_act(settings: Settings, shown: Display, *, with_record: bool = False) -> Act:
    """Race act 1: TLS, and a network of which each round trip takes its time.

    Args:
        settings: What was chosen.
        shown: Draws.
        with_record: Run quinde once more, after the race, and record each request.

    Raises:
        CommandError: The stage could not be set.
    """
    with behind_relay(settings.round_trip / 1000) as stage:
        course = replace(
            settings.first_course(stage.template), numbers=stage.numbers, authority=stage.authority
        )
        tls = stage.authority is not None
        plain = f"without TLS: {REMEDY}" if not can_make() else "without TLS"
        act = _first_act(first_title(settings, tls=tls), course, shown, with_record=with_record, tls=tls)
    return replace(act, round_trip=settings.round_trip, notes=act.notes if tls else (plain, *act.notes))


def race_real_server(
    settings: Settings, template: str, set_up: Callable[[], Display], *, with_record: bool = False
) -> Act:
    """Race act 1 to somebody's server.

    Args:
        settings: What was chosen.
        template: The address.
        set_up: Gives what draws, once the server has been found to answer.
        with_record: Run quinde once more, after the race, and record each request.

    Raises:
        CommandError: The first request failed.
    """
    course = settings.first_course(template)
    try_server(course)
    shown = set_up()
    title, tls = f"{_many(settings.count)} to {template}", template.lower().startswith("https:")
    return _first_act(title, course, shown, with_record=with_record, tls=tls)


def _first_act(title: str, course: Course, shown: Display, *, with_record: bool, tls: bool) -> Act:
    """Race act 1 on a course, whoever serves it, over a network that is what it is."""
    rows, notes = _run(FIRST_ACT, lambda key: course, shown)
    stairs, wall = _record(course, rows, shown) if with_record else ((), ())
    return Act(
        number=1,
        title=title,
        url=course.template,
        round_trip=None,
        tls=tls,
        rows=rows,
        sentences=first_act_says(rows, tls=tls),
        notes=tuple(notes),
        stairs=stairs,
        wall=wall,
    )


def race_second_act(settings: Settings, shown: Display) -> Act:
    """Race act 2: plain HTTP, a server that answers at once, and more requests than anybody waits for.

    Raises:
        CommandError: The stage could not be set.
    """
    with embedded_pokeapi(_SECOND_LATENCY) as stage:
        rows, notes = _run(
            SECOND_ACT,
            lambda key: replace(settings.second_course(stage.template, key), numbers=stage.numbers),
            shown,
        )
    most = max(row.concurrency for row in rows)
    notes += [
        f"{row.name}: {row.concurrency} at once, for with more it is slower"
        for row in rows
        if row.concurrency < most
    ]
    notes += [
        f"≈ is projected: {row.name} was stopped after {row.seconds:.0f} s and {row.requests:,} requests"
        for row in rows
        if row.is_cut
    ]
    return Act(
        number=2,
        title=second_title(settings),
        url=stage.template,
        round_trip=None,
        tls=False,
        rows=rows,
        sentences=second_act_says(rows),
        notes=tuple(notes),
    )


def _run(
    keys: tuple[str, ...], course_of: Callable[[str], Course], shown: Display
) -> tuple[tuple[Row, ...], list[str]]:
    """Let them run one after the other; give their rows, and who was left out."""
    here, absent = present(keys)
    rows = []
    for key in here:
        course = course_of(key)
        shown.start(CONTESTANTS[key].name, course.count)
        rows.append(run_lane(key, course, shown.arrived))
        shown.finish()
    notes = [f"left out, for they are not installed: pip install {' '.join(absent)}"] if absent else []
    return tuple(rows), notes


def _record(course: Course, rows: Sequence[Row], shown: Display) -> tuple[tuple[Exchange, ...], ...]:
    """Record quinde one at a time, until stairs are seen, and concurrently; unless it has failed."""
    if any(row.error is not None for row in rows if row.library == "quinde"):
        return (), ()
    first = replace(course, count=min(course.count, _STEPS), concurrency=1)
    shown.start("recording it for the page", first.count + course.count)
    stairs, wall = record(first, shown.arrived), record(course, shown.arrived)
    shown.finish()
    return stairs, wall


def _many(count: int) -> str:
    return "1 request" if count == 1 else f"{count:,} requests"
