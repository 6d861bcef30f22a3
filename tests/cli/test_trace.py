from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from quinde.cli.commands import cli
from tests.cli.support import (
    PATIENCE,
    QUINDE,
    accept,
    answering,
    listening,
    pokemon,
    quinde,
    session_members,
    terminal,
    wait_for_end,
)
from tests.support.servers import closed_port


def failure(*arguments: str) -> str:
    """Run the command in vain, and give the one line that it says."""
    ended = quinde("trace", *arguments)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("quinde: ")
    assert ended.stderr.count("\n") == 1
    return ended.stderr.removeprefix("quinde: ").rstrip("\n")


def test_the_life_of_a_request() -> None:
    with answering(pokemon) as url:
        ended = quinde("trace", f"{url}/api/25", FORCE_COLOR="1")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert lines[0] == f"GET {url}/api/25"
    assert lines[1] == "200 OK, HTTP/1.1, on a new connection"
    assert [line.split("  ")[1] for line in lines[4:10]] == [
        *("queue", "connect", "send", "wait for head", "read body", "in all"),
    ]
    assert lines[11].startswith("Its coroutine was suspended ")
    assert "\x1b" not in ended.stdout


def test_json() -> None:
    with answering(pokemon) as url:
        ended = quinde("trace", url + "/1", "--repeat", "2", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    first, second = json.loads(ended.stdout)
    assert (first["url"], first["status"], first["reused"], second["reused"]) == (
        url + "/1",
        200,
        False,
        True,
    )
    assert [phase["name"] for phase in second["phases"]] == ["queue", "send", "wait", "read"]
    assert second["suspensions"][0]["phase"] == "wait"


def test_repetitions_are_shown_one_after_the_other() -> None:
    with answering(pokemon) as url:
        lines = quinde("trace", url, "--repeat", "2").stdout.splitlines()
    second = lines.index(f"GET {url}", 1)
    assert lines[second - 1] == ""
    assert lines[second + 1] == "200 OK, HTTP/1.1, on a connection that was there"


def test_what_is_asked_can_be_chosen() -> None:
    with listening() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/p"
        with subprocess.Popen(
            [*QUINDE, "trace", url, "-X", "patch", "-H", "A: b: c", "-H", "D:", "--data", "text"],
            stdout=subprocess.PIPE,
            encoding="utf-8",
        ) as running:
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as wire:
                head = b"".join(iter(wire.readline, b"\r\n"))
                assert wire.read(4) == b"text"
                wire.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                wire.flush()
                said, _ = running.communicate(timeout=PATIENCE)
    assert head.startswith(b"PATCH /p HTTP/1.1\r\n")
    assert b"\r\nA: b: c\r\nD: \r\n" in head
    assert said.startswith(f"PATCH {url}\n")


def test_data_is_posted() -> None:
    with answering(pokemon) as url:  # which knows GET alone
        ended = quinde("trace", url, "--data", "x")
    assert ended.returncode == 1
    assert ended.stdout.startswith(f"POST {url}\n501 ")


def test_a_terminal_gets_colours_and_its_width() -> None:
    with answering(pokemon) as url, terminal(*QUINDE, "trace", url) as screen:
        assert screen.read_to_end() == 0
    text = screen.seen.decode()
    assert "\x1b[33m" in text, "the bar of waiting is yellow"
    assert "wait for head" in text


def test_a_screen_in_ascii() -> None:
    with answering(pokemon) as url:
        ended = quinde("trace", url, PYTHONIOENCODING="ascii")
    assert ended.returncode == 0
    assert " #" in ended.stdout
    assert ended.stdout.isascii()


@pytest.mark.parametrize("as_json", [False, True])
def test_a_status_that_is_no_success_is_shown_and_said(as_json: bool) -> None:
    def missing(_path: str) -> tuple[int, str, bytes]:
        return 404, "Not\x1b[31m here", b""

    with answering(missing) as url:
        ended = quinde("trace", url, *(["--json"] if as_json else []))
    assert ended.returncode == 1
    assert ended.stderr == f"quinde: {url} answered 404 Not[31m here\n"
    if as_json:
        (value,) = json.loads(ended.stdout)
        assert (value["status"], value["error"]) == (404, None)
    else:
        assert ended.stdout.splitlines()[1].startswith("404 Not[31m here, HTTP/1.1")
    assert "\x1b" not in ended.stdout


def test_the_figures_of_a_failure_are_in_the_json() -> None:
    url = f"http://127.0.0.1:{closed_port()}/"
    ended = quinde("trace", url, "--json")
    assert ended.returncode == 1
    (value,) = json.loads(ended.stdout)
    assert ended.stderr == f"quinde: {value['error']}\n"
    assert [phase["name"] for phase in value["phases"]] == ["queue", "connect"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["localhost:80/x"], "must be an http:// or https:// URL with a host"),
        (["http://"], "with a host"),
        (["http://[::1/"], "is no URL"),
        (["http://h:99999/"], "is no URL"),
        (["http://h/ x"], "space or control character"),
        ([], "Missing argument 'URL'"),
        (["http://h/", "-H", "no colon"], "is written Name: value"),
        (["http://h/", "-H", ": x"], "is written Name: value"),
        (["http://h/", "--timeout", "0"], "x>0"),
        (["http://h/", "--timeout", "inf"], "must be a finite number"),
        (["http://h/", "--repeat", "0"], "1<=x<=1000"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str) -> None:
    ended = CliRunner().invoke(cli, ["trace", *arguments])
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith("quinde: ")
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_nobody_listens() -> None:
    port = closed_port()
    assert failure(f"http://127.0.0.1:{port}/") == f"cannot connect to 127.0.0.1:{port}: Connection refused"


def test_unknown_host() -> None:
    assert failure("http://nowhere.invalid/").startswith("cannot look up nowhere.invalid: ")


def test_no_tls_there() -> None:
    with answering(pokemon) as url:
        assert failure(url.replace("http:", "https:")).startswith("no TLS with 127.0.0.1:")


def test_server_hangs() -> None:
    with listening() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        line = failure(url, "--timeout", "0.2")
    assert line == f"{url} gave no answer within 0.2 s: it was waiting for the head"


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_ctrl_c_ends_at_once_and_leaves_no_process(said: bytes) -> None:
    with listening() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with terminal(*QUINDE, "trace", url) as screen:
            with accept(listener) as connection:
                connection.sendall(said)
                screen.press(b"\x03")
                wait_for_end(connection)
            assert screen.read_to_end() == 130
            assert session_members(screen.process.pid) == []
    assert b"Traceback" not in screen.seen
    assert b"KeyboardInterrupt" not in screen.seen


def test_ctrl_c_while_a_name_server_is_silent() -> None:
    program = (
        "import socket, threading\n"
        "def silent(*_, **__):\n"
        "    print('asking', flush=True)\n"
        "    threading.Event().wait()\n"
        "socket.getaddrinfo = silent\n"
        "from quinde.cli import main\n"
        "main()\n"
    )
    with terminal(sys.executable, "-c", program, "trace", "http://host/") as screen:
        screen.read_until(b"asking")
        began = time.monotonic()
        screen.press(b"\x03")
        assert screen.read_to_end() == 130
        assert time.monotonic() - began < PATIENCE / 2
    assert b"Traceback" not in screen.seen


def test_reader_that_goes_away() -> None:
    with answering(pokemon) as url:
        running = subprocess.Popen(
            [*QUINDE, "trace", url, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert running.stdout is not None
        running.stdout.close()
        assert running.stderr is not None
        with running.stderr as complaints:
            assert "Traceback" not in complaints.read()
        running.wait(PATIENCE)
