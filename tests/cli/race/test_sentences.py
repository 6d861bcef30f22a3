from __future__ import annotations

from quinde.cli.race.result import Row
from quinde.cli.race.sentences import first_act_says, second_act_says


def row(key: str, seconds: float | None, cpu_seconds: float, requests: int = 100) -> Row:
    return Row(
        key=key,
        name=key,
        library=key.partition("-")[0],
        version="1",
        requests=requests,
        planned=100,
        concurrency=50 if key.endswith("many") else 1,
        seconds=seconds,
        cpu_seconds=None if seconds is None else cpu_seconds,
        error="why" if seconds is None else None,
    )


FIRST = [
    row("requests-get", 7.0, 0.5),
    row("requests-session", 2.0, 0.2),
    row("quinde-one", 2.1, 0.105),
    row("quinde-many", 0.1, 0.08),
]


def test_each_gap_of_act_1_is_explained_by_its_figures() -> None:
    connecting, same, waiting = first_act_says(FIRST, tls=True)
    assert connecting == (
        "From requests.get to requests.Session: connecting. 5.00 s of 7.00 s go into 100 connections, "
        "50 ms each: a round trip for TCP, one for TLS, and 3 ms of CPU."
    )
    assert "next to nothing, 2.00 s and 2.10 s" in same
    assert "95% of the time is waiting" in waiting
    assert "with 50 under way" in waiting
    assert waiting.endswith("21.0 times sooner.")
    assert "one for TLS" not in first_act_says(FIRST, tls=False)[0]


def test_a_gap_that_is_not_there_is_not_claimed() -> None:
    rows = [
        row("requests-get", 1.0, 0.5),
        row("requests-session", 1.0, 0.5),
        row("quinde-one", 0.2, 0.2),
        row("quinde-many", 0.19, 0.19),
    ]
    connecting, same, waiting = first_act_says(rows, tls=True)
    assert "nothing is gained" in connecting
    assert "1.00 s and 0.20 s" in same
    assert "0.30 s of the difference is CPU" in same
    assert "little, 0.20 s and 0.19 s" in waiting


def test_who_failed_is_not_compared() -> None:
    rows = [row("requests-get", None, 0.0), row("requests-session", None, 0.0), *FIRST[2:]]
    (waiting,) = first_act_says(rows, tls=True)
    assert waiting.startswith("From one at a time to concurrently")
    assert first_act_says(rows[:2], tls=True) == ()


def test_act_2_is_about_work() -> None:
    rows = [row("aiohttp-many", 1.0, 0.01), row("wreq-many", None, 0.0), row("quinde-many", 0.25, 0.0025)]
    work, pace, far = second_act_says(rows)
    assert work == "CPU for a request: quinde 25 µs, aiohttp 100 µs (4.0 times as much)."
    assert pace.startswith("In time, quinde is 4.0 times as fast as aiohttp, the fastest of the others; ")
    assert far.startswith("Where answers take 20 ms, as in act 1, the 75 µs that quinde saves over aiohttp ")
    assert "are 0.4% of the wait" in far


def test_what_was_cut_short_is_compared_by_what_it_did() -> None:
    rows = [row("aiohttp-many", 1.0, 0.01, requests=50), row("quinde-many", 0.5, 0.01)]
    work, pace, _ = second_act_says(rows)
    assert "aiohttp 200 µs (2.0 times as much)" in work
    assert "4.0 times as fast" in pace


def test_a_small_gain_is_called_small() -> None:
    def pace(theirs: float, ours: float) -> str:
        return second_act_says([row("wreq-many", theirs, 0.02), row("quinde-many", ours, 0.01)])[1]

    assert "1.3 times as fast as wreq, the fastest of the others, which is little;" in pace(1.3, 1.0)
    assert "about as fast as wreq here (1.00 s, 1.10 s)" in pace(1.1, 1.0)
    assert "about as fast as wreq here (1.10 s, 1.00 s)" in pace(1.0, 1.1)
    assert "no faster than wreq here (2.00 s, 1.00 s)" in pace(1.0, 2.0)


def test_nothing_is_said_of_cpu_that_was_not_saved() -> None:
    assert len(second_act_says([row("wreq-many", 1.0, 0.01), row("quinde-many", 1.0, 0.02)])) == 2


def test_quinde_alone_is_compared_with_nobody() -> None:
    assert second_act_says([row("quinde-many", 1.0, 0.1)]) == ()
    assert second_act_says([row("aiohttp-many", 1.0, 0.1)]) == ()
