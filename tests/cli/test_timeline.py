from __future__ import annotations

import json

import pytest

from quinde.cli.timeline import PHASES, Exchange, Phase


def exchange(*phases: Phase) -> Exchange:
    return Exchange("pikachu", "http://h/25", 200, None, True, phases)


def test_phases_stand_in_the_order_of_a_request() -> None:
    assert PHASES == ("queue", "dns", "connect", "tls", "send", "wait", "read")


def test_how_long_it_took() -> None:
    redirected = exchange(Phase("wait", 1.0, 1.5), Phase("read", 1.5, 1.75), Phase("wait", 1.75, 2.0))
    assert (redirected.start, redirected.end) == (1.0, 2.0)
    assert redirected.phases[0].seconds == 0.5
    assert redirected.seconds_of("wait") == 0.75
    assert redirected.seconds_of("tls") == 0


def test_nothing_has_happened() -> None:
    assert (exchange().start, exchange().end) == (0.0, 0.0)


def test_json_and_back() -> None:
    whole = exchange(Phase("queue", 0.0, 0.25), Phase("read", 0.25, 1.0))
    assert Exchange.from_json(json.loads(json.dumps(whole.to_json()))) == whole
    failed = Exchange("#7", "http://h/7", None, "refused", False, ())
    assert Exchange.from_json(json.loads(json.dumps(failed.to_json()))) == failed


def test_json_shape() -> None:
    assert exchange(Phase("dns", 0.1, 0.12345678)).to_json() == {
        "label": "pikachu",
        "url": "http://h/25",
        "status": 200,
        "error": None,
        "reused": True,
        "phases": [{"name": "dns", "start": 0.1, "end": 0.123457}],
    }


def test_a_phase_that_is_none() -> None:
    value = exchange().to_json() | {"phases": [{"name": "lunch", "start": 0, "end": 1}]}
    with pytest.raises(ValueError, match="no phases of a request: lunch"):
        Exchange.from_json(value)
