"""Each program of `examples/talk/` prints what it should; one changed line runs aiohttp's on quinde."""

from __future__ import annotations

import re
import urllib.request
from typing import TYPE_CHECKING

import pytest

from quinde.cli.race.pokedex import POKEMON
from tests.examples.documents import ROOT, asking
from tests.examples.running import PATIENCE, at_port, run, serving, serving_pokeapi
from tests.support.servers import closed_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TALK = ROOT / "examples" / "talk"
NAMES = [pokemon.name for pokemon in POKEMON]


@pytest.fixture(scope="module")
def pokeapi() -> Iterator[str]:
    with serving_pokeapi(latency=0) as url:
        yield url


def code_of(name: str) -> str:
    return (TALK / name).read_text(encoding="utf-8")


def test_each_program_is_tested_and_explained() -> None:
    explained = set(re.findall(r"`(\w+\.py)`", code_of("README.md")))
    here = {path.name for path in TALK.glob("*.py")}
    assert explained == here
    tests = (ROOT / "tests/examples/test_talk.py").read_text(encoding="utf-8")
    assert {name for name in here if f'"{name}"' not in tests} == set()


def test_delayed_print() -> None:
    *lines, seconds = run(TALK / "delayed_print.py").splitlines()
    # As tasks, the one that sleeps less comes first, though it was made last.
    assert [*lines[:2], *lines[3:]] == ["hello", "world", "world", "hello"]
    assert float(lines[2].removeprefix("awaited: ").removesuffix(" s")) >= 0.3
    assert float(seconds.removeprefix("as tasks: ").removesuffix(" s")) >= 0.2


def test_countasync() -> None:
    *words, seconds = run(TALK / "countasync.py").splitlines()
    assert words == ["One", "One", "One", "Two", "Two", "Two"]
    assert 1.0 <= float(seconds.split()[0]) < 2.0  # one after the other would take three


def test_the_client_asks_the_hello_server(tmp_path: Path) -> None:
    server, client = tmp_path / "server.py", tmp_path / "client.py"
    server.write_text(at_port(code_of("hello_server.py"), closed_port()), encoding="utf-8")
    with serving(server) as url:
        client.write_text(asking(code_of("client.py"), ours=url), encoding="utf-8")
        assert run(client) == "status: 200\ntype: text/plain; charset=utf-8\nbody: Hello, world\n"


def test_add_routes(tmp_path: Path) -> None:
    server = tmp_path / "server.py"
    server.write_text(at_port(code_of("add_routes.py"), closed_port()), encoding="utf-8")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with serving(server) as url:
        for path, data, answer in [
            ("/", None, "say hello to somebody: /hello/NAME"),
            ("/hello/Medell%C3%ADn", None, "Hello, Medellín"),
            ("/shout", b"quieto", "QUIETO"),
        ]:
            with direct.open(url + path, data, timeout=PATIENCE) as response:
                assert response.read().decode() == answer


@pytest.mark.parametrize(
    "program",
    [
        "pokemon_requests.py",
        "pokemon_aiohttp.py",
        "pokemon_gather_aiohttp.py",
        "pokemon_quinde.py",
        "pokemon_gather_quinde.py",
    ],
)
def test_pokemon(program: str, pokeapi: str, tmp_path: Path) -> None:
    asked = tmp_path / program
    asked.write_text(asking(code_of(program), pokeapi=pokeapi), encoding="utf-8")
    *names, seconds = run(asked).splitlines()
    assert names == NAMES
    assert re.fullmatch(r"\d+\.\d\d s", seconds)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("pokemon_aiohttp.py", "pokemon_quinde.py"),
        ("pokemon_gather_aiohttp.py", "pokemon_gather_quinde.py"),
    ],
)
def test_nothing_but_the_import_is_changed(theirs: str, ours: str) -> None:
    pairs = zip(code_of(theirs).splitlines(), code_of(ours).splitlines(), strict=True)
    assert [pair for pair in pairs if pair[0] != pair[1]] == [("import aiohttp", "import quinde as aiohttp")]
