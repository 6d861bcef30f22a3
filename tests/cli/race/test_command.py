from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from quinde.cli.commands import cli
from quinde.cli.race.command import race
from quinde.cli.race.contestants import CONTESTANTS, FIRST_ACT
from tests.cli.support import (
    PATIENCE,
    QUINDE,
    accept,
    answering,
    heeding_interrupts,
    listening,
    pokemon,
    quinde,
    session_members,
    terminal,
    wait_for_end,
)
from tests.support.servers import closed_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = [CONTESTANTS[key].name for key in FIRST_ACT if not CONTESTANTS[key].optional]
"""Who runs in every environment."""
QUICK = ("--act", "1", "--count", "6", "--latency", "1")


def one_line(text: str) -> str:
    """Assert that `text` is one line without a traceback, and return it."""
    assert text.startswith("quinde: "), text
    assert text.endswith("\n"), text
    assert text.count("\n") == 1, text
    return text


def lines_of(name: str, text: str) -> int:
    """Count the lines with figures of a contestant."""
    return len(re.findall(rf"^ *{re.escape(name)} {{2,}}", text, re.MULTILINE))


# Results


def test_a_race_in_a_pipe_is_plain() -> None:
    ended = quinde("race", *QUICK)
    assert (ended.returncode, ended.stderr) == (0, "")
    title = "Act 1, why asynchronous: 6 requests to the embedded PokéAPI, over TLS, 1 ms away\n"
    assert ended.stdout.startswith(title)
    assert "\x1b" not in ended.stdout
    assert "\r" not in ended.stdout
    for name in NAMES:
        assert lines_of(name, ended.stdout) == 2, "once in the table, once in the chart"


def test_json_is_acts_with_rows_and_nothing_else() -> None:
    ended = quinde("race", *QUICK, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    (act,) = json.loads(ended.stdout)
    assert (act["act"], act["tls"], act["round_trip_ms"]) == (1, True, 1.0)
    assert len(act["sentences"]) == 3
    rows: list[dict[str, Any]] = act["rows"]
    assert [row["name"] for row in rows if row["name"] in NAMES] == NAMES
    for row in rows:
        assert row["seconds"] > 0
        assert row["requests"] == row["planned"] == 6
        assert row["requests_per_second"] == pytest.approx(6 / row["seconds"], rel=0.01)
        assert row["times_faster"] == pytest.approx(rows[0]["seconds"] / row["seconds"], rel=0.01)
        assert row["error"] is None


def test_act_2_counts_memory_and_cpu() -> None:
    ended = quinde("race", "--act", "2", "--requests", "2500", "--concurrency", "16", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    (act,) = json.loads(ended.stdout)
    assert (act["act"], act["tls"], act["round_trip_ms"]) == (2, False, None)
    ours = next(row for row in act["rows"] if row["library"] == "quinde")
    assert (ours["requests"], ours["concurrency"]) == (2500, 16)
    assert 0 < ours["cpu_seconds"] < 60
    assert ours["peak_bytes"] > 2**20


def test_both_acts_run_where_nobody_chooses() -> None:
    ended = quinde("race", "--count", "3", "--latency", "0", "--requests", "30")
    assert (ended.returncode, ended.stderr) == (0, "")
    first, second = (
        ended.stdout.index("Act 1, why asynchronous: 3"),
        ended.stdout.index("Act 2, why quinde: 30"),
    )
    assert first < second
    assert "in about 1 ms, 30 at once" in ended.stdout


def test_the_defaults() -> None:
    defaults = {parameter.name: parameter.default for parameter in race.params}
    assert (defaults["count"], defaults["latency"], defaults["requests"]) == (151, 20.0, 50_000)


def test_a_round_trip_is_waited_for_by_each_request_and_twice_by_each_connection() -> None:
    ended = quinde("race", "--act", "1", "--count", "8", "--latency", "30", "--concurrency", "8", "--json")
    by_key = {row["key"]: row["seconds"] for row in json.loads(ended.stdout)[0]["rows"]}
    assert by_key["requests-get"] >= 8 * 3 * 0.03
    assert by_key["requests-session"] >= (2 + 8) * 0.03
    assert by_key["quinde-one"] >= (2 + 8) * 0.03
    assert 3 * 0.03 <= by_key["quinde-many"] < by_key["quinde-one"]


def test_a_real_server_by_its_template() -> None:
    with answering(pokemon) as url:
        result = CliRunner().invoke(cli, ["race", "--url", url + "/p/{n}", "--count", "3"])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"3 requests to {url}/p/{{n}}\n")
    assert "Act 2" not in result.stdout


# A terminal


def test_a_terminal_shows_bars_and_names_then_the_table() -> None:
    with terminal(*QUINDE, "race", "--act", "1", "--count", "20", "--latency", "10") as screen:
        assert screen.read_to_end() == 0
    text = screen.seen.decode()
    assert "20/20" in text
    assert "bulbasaur" in text
    assert "raticate" in text
    assert "\x1b[" in text
    table = text[text.rindex("20 requests to the embedded") :]
    for name in NAMES:
        assert lines_of(name, table) == 2


def test_ctrl_c_ends_at_once_and_leaves_no_process() -> None:
    with terminal(*QUINDE, "race", "--latency", "200") as screen:
        screen.read_until(b"bulbasaur")
        assert len(session_members(screen.process.pid)) == 4, "the race, the server, the relay, a contestant"
        screen.press(b"\x03")
        assert screen.read_to_end() == 130
        assert session_members(screen.process.pid) == []
    assert b"Traceback" not in screen.seen
    assert b"KeyboardInterrupt" not in screen.seen


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGKILL, -9)]
)
@pytest.mark.parametrize("answers", [0, 1])
def test_a_contestant_ends_with_the_race(number: signal.Signals, code: int, answers: int) -> None:
    """The race is stopped while its first request (0: the trial, 1: a contestant's) waits for an answer."""
    with listening() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}" + "/{n}"
        running = subprocess.Popen(
            heeding_interrupts([*QUINDE, "race", "--url", url]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with running:
            for _ in range(answers):
                with accept(listener) as trial:
                    trial.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            with accept(listener) as waiting:
                running.send_signal(number)
                stdout, stderr = running.communicate(timeout=PATIENCE)
                wait_for_end(waiting)
    assert (running.returncode, stdout, stderr.strip()) == (code, b"", b"")


# Errors


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--url", "http://localhost/"], "needs {n}"),
        (["--url", "ftp://localhost/{n}"], "must be an http:// or https:// URL"),
        (["--url", ""], "needs {n}"),
        (["--count", "0"], "'--count': 0 is not in the range"),
        (["--count", "-3"], "'--count': -3 is not in the range"),
        (["--count", "many"], "'many' is not a valid integer"),
        (["--concurrency", "0"], "'--concurrency': 0 is not in the range"),
        (["--latency", "-1"], "'--latency': -1.0 is not in the range"),
        (["--latency", "nan"], "'--latency'"),
        (["--timeout", "0"], "'--timeout': 0.0 is not in the range"),
        (["--timeout", "nan"], "'--timeout'"),
        (["--timeout", "inf"], "'--timeout'"),
        (["--url", "http://localhost/{n}", "--latency", "5"], "--latency is for the embedded server"),
        (["--url", "http://localhost/{n}", "--requests", "5"], "--requests is for the embedded server"),
        (["--url", "http://localhost/{n}", "--act", "2"], "act 2 is for the embedded server"),
        (["--act", "3"], "'--act': '3' is not one of"),
        (["--requests", "0"], "'--requests': 0 is not in the range"),
        (["--url"], "Option '--url' requires an argument"),
    ],
)
def test_wrong_usage(arguments: list[str], reason: str) -> None:
    result = CliRunner().invoke(cli, ["race", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in one_line(result.stderr)


def test_nobody_listens() -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    ended = quinde("race", "--url", url + "/{n}", "--json")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"cannot fetch {url}/1" in one_line(ended.stderr)


def test_an_unknown_host() -> None:
    ended = quinde("race", "--url", "http://nowhere.invalid/{n}")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "nowhere.invalid" in one_line(ended.stderr)


def test_https() -> None:
    """A plain server behind an https address fails, whether this version speaks TLS or refuses it."""
    with answering(pokemon) as url:
        ended = quinde("race", "--url", url.replace("http:", "https:") + "/{n}")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"cannot fetch {url.replace('http:', 'https:')}/1: " in one_line(ended.stderr)


def test_a_server_that_hangs() -> None:
    with listening() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        ended = quinde("race", "--url", url + "/{n}", "--timeout", "0.2")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert one_line(ended.stderr) == f"quinde: {url}/1 gave no answer within 0.2 s\n"


def garbage(path: str) -> tuple[int, str, bytes]:
    return 500, "Oh\x1b[31m no", b""


def missing(path: str) -> tuple[int, str, bytes]:
    return 404, "Not Found", b""


@pytest.mark.parametrize(("answer", "status"), [(garbage, "500 Oh"), (missing, "404 Not Found")])
def test_a_server_that_refuses_at_once(answer: Callable[[str], tuple[int, str, bytes]], status: str) -> None:
    with answering(answer) as url:
        ended = quinde("race", "--url", url + "/{n}")
    assert (ended.returncode, ended.stdout) == (1, "")
    line = one_line(ended.stderr)
    assert f"{url}/1" in line
    assert "\x1b" not in line
    if answer is missing:
        assert f"answered {status}" in line


def test_a_server_that_refuses_later_is_said_once_and_leaves_no_figures() -> None:
    def answer(path: str) -> tuple[int, str, bytes]:
        return pokemon(path) if path == "/1" else (404, "Not Found", b"")

    with answering(answer) as url:
        ended = quinde("race", "--url", url + "/{n}", "--count", "2", "--json")
    assert ended.returncode == 1
    assert one_line(ended.stderr) == f"quinde: {url}/2 answered 404 Not Found, not 200\n"
    rows = json.loads(ended.stdout)[0]["rows"]
    assert [row["seconds"] for row in rows] == [None] * len(rows)


def test_without_requests_the_row_says_how_to_get_it(tmp_path: Any) -> None:
    (tmp_path / "requests.py").write_text("raise ModuleNotFoundError(name='requests')")
    ended = quinde(
        "race",
        *QUICK,
        PYTHONPATH=os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])),
    )
    assert ended.returncode == 1
    remedy = 'requests is not installed: pip install "quinde[race]"'
    assert one_line(ended.stderr) == f"quinde: {remedy}\n"
    assert f"  requests.get: {remedy}\n" in ended.stdout
    assert f"  requests.Session: {remedy}\n" in ended.stdout
    assert lines_of("quinde, concurrently", ended.stdout) == 2


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_reader_that_goes_away(form: tuple[str, ...]) -> None:
    """`quinde race | head -c0`: no traceback about the broken pipe."""
    with subprocess.Popen(
        [*QUINDE, "race", *QUICK, *form],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(PATIENCE) == 1


# A page


def test_a_page_is_written_too(tmp_path: Path) -> None:
    page = tmp_path / "race.html"
    with answering(pokemon) as url:
        template = url.replace("//", "//ana:secret@") + "/{n}"
        ended = quinde("race", "--html", str(page), "--url", template, "--count", "5", "--timeout", "9.5")
    assert (ended.returncode, ended.stderr) == (0, "")
    text = page.read_text(encoding="utf-8")
    for name in NAMES:
        assert text.count(f">{name}<") == 3, "in the table and in two charts"
    assert text.count('<g class="exchange">') == 5 + 5, "one at a time, and concurrently"
    assert "mon-5" in text
    assert "secret" not in text
    repeated = f"quinde race --url &#x27;{url}/{{n}}&#x27; --count 5 --timeout 9.5 --html race.html"
    assert repeated in text


def test_a_race_that_failed_has_a_page_that_says_why(tmp_path: Path) -> None:
    page = tmp_path / "race.html"
    with answering(lambda path: pokemon(path) if path == "/1" else (404, "Not Found", b"")) as url:
        ended = quinde("race", "--url", url + "/{n}", "--count", "2", "--html", str(page))
    assert ended.returncode == 1
    text = page.read_text(encoding="utf-8")
    assert "answered 404 Not Found, not 200" in text
    assert "waterfall-1" not in text
