from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from quinde.cli.errors import CommandError
from quinde.cli.race.course import Course
from quinde.cli.race.stage import embedded_pokeapi, try_server
from tests.cli.support import PATIENCE, answering, heeding_interrupts, pokemon, wait_for_end
from tests.support.servers import closed_port


def course(template: str) -> Course:
    return Course(template=template, count=50, concurrency=5, timeout=20)


def fetch(url: str) -> bytes:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=PATIENCE) as response:
        body: bytes = response.read()
        return body


def test_the_embedded_server_answers_while_the_block_lasts() -> None:
    with embedded_pokeapi(0.0) as (template, numbers):
        assert numbers == 151
        assert json.loads(fetch(template.replace("{n}", "151")))["name"] == "mew"
    with pytest.raises(OSError, match="refused"):
        fetch(template.replace("{n}", "151"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_embedded_server_dies_with_its_parent(number: signal.Signals) -> None:
    """Seen from a connection to it, which the kernel closes when the server's process has ended."""
    code = (
        "import sys\nfrom quinde.cli.race.stage import embedded_pokeapi\n"
        "with embedded_pokeapi(0.0) as (template, _):\n    print(template, flush=True)\n    sys.stdin.read()"
    )
    parent = subprocess.Popen(
        heeding_interrupts([sys.executable, "-c", code]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline().split(b"/")[2].split(b":")[1])
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            connection.sendall(b"GET /api/v2/pokemon/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
            parent.send_signal(number)
            parent.wait(PATIENCE)
            wait_for_end(connection)


def test_a_good_server_passes_with_one_request() -> None:
    paths: list[str] = []

    def answer(path: str) -> tuple[int, str, bytes]:
        paths.append(path)
        return pokemon(path)

    with answering(answer) as url:
        try_server(course(url + "/p/{n}"))
    assert paths == ["/p/1"]


def test_an_unreachable_server_does_not() -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    with pytest.raises(CommandError, match=f"cannot fetch {url}/1"):
        try_server(course(url + "/{n}"))
