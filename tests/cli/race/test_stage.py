from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from quinde.cli.errors import CommandError
from quinde.cli.race.course import Course
from quinde.cli.race.stage import behind_relay, embedded_pokeapi, try_server
from tests.cli.support import PATIENCE, answering, heeding_interrupts, pokemon, wait_for_end
from tests.support.servers import closed_port

if TYPE_CHECKING:
    from pathlib import Path


def course(template: str) -> Course:
    return Course(template=template, count=50, concurrency=5, timeout=20)


def fetch(url: str, authority: str | None = None) -> bytes:
    tls = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authority))
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), tls)
    with direct.open(url, timeout=PATIENCE) as response:
        body: bytes = response.read()
        return body


def test_the_embedded_server_answers_while_the_block_lasts() -> None:
    with embedded_pokeapi(0.0) as stage:
        assert (stage.numbers, stage.authority) == (151, None)
        url = stage.template.replace("{n}", "151")
        assert json.loads(fetch(url))["name"] == "mew"
    with pytest.raises(OSError, match="refused"):
        fetch(url)


def test_behind_the_relay_it_speaks_tls_and_is_a_round_trip_away() -> None:
    with behind_relay(0.03) as stage:
        assert stage.authority is not None
        url = stage.template.replace("{n}", "25")
        assert url.startswith("https://127.0.0.1:")
        start = time.perf_counter()
        assert json.loads(fetch(url, stage.authority))["name"] == "pikachu"
        assert time.perf_counter() - start >= 0.09, "TCP, TLS, the request"
    assert not os.path.exists(stage.authority)
    with pytest.raises(OSError, match="refused"):
        fetch(url)


def test_the_authority_leaves_no_file_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with behind_relay(0.0) as stage:
        assert stage.authority is not None
        assert os.path.exists(stage.authority)
        assert list(tmp_path.iterdir()) == [], "who is killed now could not remove it"


def test_where_files_have_names_the_authoritys_is_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with behind_relay(0.0) as stage:
        assert [str(path) for path in tmp_path.iterdir()] == [stage.authority]
        assert json.loads(fetch(stage.template.replace("{n}", "25"), stage.authority))["name"] == "pikachu"
    assert list(tmp_path.iterdir()) == []


def test_without_trustme_there_is_no_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    with behind_relay(0.01) as stage:
        assert stage.authority is None
        start = time.perf_counter()
        assert json.loads(fetch(stage.template.replace("{n}", "25")))["name"] == "pikachu"
        assert time.perf_counter() - start >= 0.02, "TCP, the request"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_embedded_server_dies_with_its_parent(number: signal.Signals) -> None:
    """Seen from a connection to it, which the kernel closes when the server's process has ended."""
    code = (
        "import sys\nfrom quinde.cli.race.stage import embedded_pokeapi\n"
        "with embedded_pokeapi(0.0) as stage:\n    print(stage.template, flush=True)\n    sys.stdin.read()"
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
