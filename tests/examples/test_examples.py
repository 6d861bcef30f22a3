"""Each program of `examples/` is run, and says what its opening lines promise."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.examples.documents import ROOT
from tests.examples.running import PATIENCE, PYTHON, run, serving
from tests.support.servers import closed_port

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = ROOT / "examples"


def fetch(url: str) -> bytes:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=PATIENCE) as response:
        body: bytes = response.read()
        return body


def test_each_example_is_tested_here() -> None:
    tested = {"hello_server.py", "fetch_many.py", "streaming.py", "early_hints.py"}
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested


def test_hello_server() -> None:
    with serving(EXAMPLES / "hello_server.py", str(closed_port())) as url:
        assert json.loads(fetch(url + "/")) == {"routes": ["/", "/{name}"]}
        assert fetch(url + "/quinde") == b"Hello, quinde!"


def test_fetch_many() -> None:
    nobody = f"http://127.0.0.1:{closed_port()}/"
    with serving(EXAMPLES / "hello_server.py", str(closed_port())) as url:
        printed = run(EXAMPLES / "fetch_many.py", *(f"{url}/{number:03}" for number in range(25)), nobody)
    lines = sorted(printed.splitlines())
    assert sorted(f"{url}/{number:03}: 200, 11 bytes" for number in range(25)) == [
        line for line in lines if line.startswith(url)
    ]
    (refused,) = (line for line in lines if not line.startswith(url))
    assert refused.startswith(f"{nobody}: ClientConnectorError: ")


def test_fetch_many_without_an_address() -> None:
    ended = subprocess.run(
        [*PYTHON, str(EXAMPLES / "fetch_many.py")],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (1, "usage: fetch_many.py URL...\n")


def test_streaming() -> None:
    assert run(EXAMPLES / "streaming.py") == "sums: 1 3 6 10 15\n"


def test_early_hints() -> None:
    assert run(EXAMPLES / "early_hints.py").splitlines() == [
        "HTTP/1.1 103 Early Hints",
        "Link: </style.css>; rel=preload; as=style",
        "HTTP/1.1 200 OK",
        "Content-Type: text/html; charset=utf-8",
        '<link rel="stylesheet" href="/style.css"><h1>Hello</h1>',
    ]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_says_how_to_run_it(path: Path) -> None:
    assert f"    python examples/{path.name}" in path.read_text(encoding="utf-8")
