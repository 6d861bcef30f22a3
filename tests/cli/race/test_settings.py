from __future__ import annotations

from quinde.cli.race.settings import Settings


def test_each_act_has_a_concurrency_of_its_own_until_one_is_chosen() -> None:
    first, second = Settings().first_course("http://h/{n}"), Settings().second_course("http://h/{n}")
    assert (first.count, first.concurrency, first.timeout, first.limit) == (151, 100, 30.0, None)
    assert (second.count, second.concurrency, second.timeout) == (50_000, 128, 30.0)
    chosen = Settings(concurrency=7)
    assert chosen.first_course("http://h/{n}").concurrency == 7
    assert chosen.second_course("http://h/{n}").concurrency == 7
    assert chosen.second_course("http://h/{n}", "httpx-many").concurrency == 7


def test_who_is_faster_with_fewer_in_flight_has_fewer() -> None:
    assert Settings().second_course("http://h/{n}", "httpx-many").concurrency == 8


def test_act_2_ends_within_a_minute_whoever_runs() -> None:
    limit = Settings().second_course("http://h/{n}").limit
    assert limit is not None
    assert 4 * limit < 60
