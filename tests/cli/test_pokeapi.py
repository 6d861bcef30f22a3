from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from quinde.cli.commands import cli
from tests.cli.support import PATIENCE, QUINDE, heeding_interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def serving(*options: str) -> Iterator[tuple[str, str]]:
    """Run the command, give the line that it prints and the address in it; Ctrl-C must end it quietly."""
    command = heeding_interrupts([*QUINDE, "pokeapi", "--port", "0", *options])
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            yield line, next(word for word in line.split() if word.startswith("http://"))
            server.send_signal(signal.SIGINT)
            said, complaints = server.communicate(timeout=PATIENCE)
            assert (server.returncode, said, complaints) == (0, "", "")
        finally:
            server.kill()


def fetch(url: str) -> bytes:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=PATIENCE) as response:
        body: bytes = response.read()
        return body


def test_it_serves_until_ctrl_c_and_says_where() -> None:
    with serving("--latency", "50") as (line, url):
        assert "50 ms" in line
        begun = time.monotonic()
        assert json.loads(fetch(url))["name"] == "bulbasaur"
        assert time.monotonic() - begun >= 0.05
        assert json.loads(fetch(url.removesuffix("1") + "mew"))["id"] == 151


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(cli, ["pokeapi", "--port", str(port)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"quinde: cannot listen at port {port}: Address already in use\n"


@pytest.mark.parametrize("latency", ["-1", "nan", "60001", "soon"])
def test_a_latency_that_is_none_is_refused(latency: str) -> None:
    result = CliRunner().invoke(cli, ["pokeapi", "--latency", latency])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("quinde: Invalid value for '--latency': ")
