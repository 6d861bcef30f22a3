from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from quinde.cli.race.pokeapi import make_app
from quinde.cli.race.pokedex import POKEMON
from tests.support.servers import serve_quinde
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from tests.support.wire import Answer


async def ask(path: str, latency: float = 0.0) -> Answer:
    async with serve_quinde(make_app(latency)) as served, open_wire(served) as wire:
        await wire.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return await wire.read_answer()


@pytest.mark.parametrize("path", ["25", "pikachu", "25/", "pikachu/"])
async def test_a_pokemon_by_id_or_name(path: str) -> None:
    answer = await ask(f"/api/v2/pokemon/{path}")
    assert answer.status == 200
    assert (answer.header("Content-Type") or "").startswith("application/json")
    described: dict[str, Any] = json.loads(answer.body)
    assert described["id"] == 25
    assert described["name"] == "pikachu"
    assert described["types"] == [
        {"slot": 1, "type": {"name": "electric", "url": "https://pokeapi.co/api/v2/type/13/"}}
    ]


async def test_slots_count_the_types() -> None:
    described = json.loads((await ask("/api/v2/pokemon/mr-mime")).body)
    assert [(each["slot"], each["type"]["name"]) for each in described["types"]] == [
        (1, "psychic"),
        (2, "fairy"),
    ]


async def test_all_151_answer() -> None:
    async with serve_quinde(make_app(0)) as served, open_wire(served) as wire:
        for pokemon in POKEMON:
            await wire.send(f"GET /api/v2/pokemon/{pokemon.id} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert json.loads((await wire.read_answer()).body)["name"] == pokemon.name


@pytest.mark.parametrize("key", ["0", "152", "001", "agumon", "-1", "%20"])
async def test_unknown_ones_are_not_found(key: str) -> None:
    answer = await ask(f"/api/v2/pokemon/{key}")
    assert (answer.status, answer.body) == (404, b"Not Found")


async def test_latency_comes_before_each_answer() -> None:
    begun = time.monotonic()
    await ask("/api/v2/pokemon/1", latency=0.05)
    assert time.monotonic() - begun >= 0.05
