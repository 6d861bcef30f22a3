from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest

from quinde.cli.lifeline import print_traced
from quinde.cli.probe import Traced
from quinde.cli.suspensions import Suspension
from quinde.cli.timeline import Exchange, Phase

PHASES = (
    Phase("queue", 0.0, 0.001),
    Phase("dns", 0.001, 0.003),
    Phase("connect", 0.003, 0.023),
    Phase("tls", 0.023, 0.043),
    Phase("send", 0.043, 0.0431),
    Phase("wait", 0.0431, 0.0931),
    Phase("read", 0.0931, 0.1),
)
TRACED = Traced(
    method="GET",
    exchange=Exchange("GET /a", "https://h/a", 200, None, False, PHASES),
    suspensions=(
        Suspension(0.004, 0.022, "start_connection", "aiohappyeyeballs/impl.py", 80),
        Suspension(0.044, 0.093, "exchange", "quinde/client/exchange.py", 94),
    ),
    reason="OK",
    version="1.1",
    tls=("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
    bytes_sent=171,
    bytes_received=1609,
    body_bytes=1437,
)


def printed(traced: Traced, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_traced(traced)
    return capsys.readouterr().out.splitlines()


def test_what_was_asked_and_answered(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(TRACED, capsys)[:3] == [
        "GET https://h/a",
        "200 OK, HTTP/1.1, TLSv1.3 (TLS_AES_256_GCM_SHA384), on a new connection",
        "171 bytes sent, 1,609 received, body 1,437",
    ]
    exchange = replace(TRACED.exchange, reused=True)
    plain = replace(TRACED, tls=None, reason="", exchange=exchange)
    assert printed(plain, capsys)[1] == "200, HTTP/1.1, on a connection that was there"


def test_each_phase_has_its_bar(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(TRACED, capsys)[4:11]
    found = [re.fullmatch(r"  (\S.*?) +([\d.]+) ms  ( *)(█+)", line) for line in lines]
    bars = [(each[1], float(each[2]), len(each[3]), len(each[4])) for each in found if each]
    assert [(name, ms) for name, ms, _, _ in bars] == [
        ("queue", 1.0),
        ("look up name", 2.0),
        ("connect", 20.0),
        ("TLS", 20.0),
        ("send", 0.1),
        ("wait for head", 50.0),
        ("read body", 6.9),
    ]
    # Bars begin where the ones before end, or one column earlier where both share it.
    for (_, _, left, width), (_, _, next_left, _) in itertools.pairwise(bars):
        assert next_left in {left + width - 1, left + width}
    lengths = {name: width for name, _, _, width in bars}
    assert 22 <= lengths["wait for head"] <= 26
    assert lengths["send"] >= 1
    assert max(left + width for _, _, left, width in bars) == 48


def test_where_the_coroutine_was_suspended(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(TRACED, capsys)
    assert lines[11:] == [
        "  in all            100.00 ms",
        "",
        "Its coroutine was suspended 2 times, 67.00 of 100.00 ms: "
        "that long the loop could do something else.",
        "  1. connect          18.00 ms  start_connection, aiohappyeyeballs/impl.py:80",
        "  2. wait for head    49.00 ms  exchange, quinde/client/exchange.py:94",
        "  No need to wait for the body: it was there when it was asked for.",
    ]


def test_the_body_was_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    body = Suspension(0.094, 0.099, "ClientResponse.read", "quinde/client/response.py", 220)
    outside = Suspension(7.0, 8.0, "f", "m.py", 1)
    lines = printed(replace(TRACED, suspensions=(body, outside)), capsys)
    assert lines[-2:] == [
        "  1. read body         5.00 ms  ClientResponse.read, quinde/client/response.py:220",
        "  2.                1000.00 ms  f, m.py:1",
    ]


@pytest.mark.parametrize(("count", "words"), [(0, "suspended never, "), (1, "suspended once, ")])
def test_few_suspensions(count: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(replace(TRACED, suspensions=TRACED.suspensions[:count]), capsys)
    assert words in lines[13]


def test_nothing_took_any_time(capsys: pytest.CaptureFixture[str]) -> None:
    exchange = replace(TRACED.exchange, phases=(Phase("queue", 0.0, 0.0),))
    assert "  queue               0.00 ms  █" in printed(replace(TRACED, exchange=exchange), capsys)


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR_FORCE"])
def test_a_pipe_gets_no_control_codes(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, "1")
    exchange = replace(TRACED.exchange, url="https://h/\x1b[31m[bold]")
    lines = printed(replace(TRACED, exchange=exchange), capsys)
    assert lines[0] == "GET https://h/[31m[bold]"
    assert "\x1b" not in "".join(lines)
