from __future__ import annotations

import re

import pytest

from quinde.cli.race.pokedex import POKEMON, TYPE_IDS


def test_there_are_151_with_the_ids_1_to_151() -> None:
    assert [pokemon.id for pokemon in POKEMON] == list(range(1, 152))


def test_names_are_unique_and_spelt_as_in_addresses() -> None:
    names = [pokemon.name for pokemon in POKEMON]
    assert len(set(names)) == 151
    assert [name for name in names if not re.fullmatch(r"[a-z]+(-[a-z]+)?", name)] == []


def test_each_has_one_or_two_different_types_of_the_eighteen() -> None:
    assert sorted(TYPE_IDS.values()) == list(range(1, 19))
    for pokemon in POKEMON:
        assert 1 <= len(pokemon.types) <= 2, pokemon
        assert len(set(pokemon.types)) == len(pokemon.types), pokemon
        assert set(pokemon.types) <= TYPE_IDS.keys(), pokemon


@pytest.mark.parametrize(
    ("number", "name", "types"),
    [
        (1, "bulbasaur", ("grass", "poison")),
        (6, "charizard", ("fire", "flying")),
        (25, "pikachu", ("electric",)),
        (29, "nidoran-f", ("poison",)),
        (31, "nidoqueen", ("poison", "ground")),
        (32, "nidoran-m", ("poison",)),
        (35, "clefairy", ("fairy",)),
        (39, "jigglypuff", ("normal", "fairy")),
        (74, "geodude", ("rock", "ground")),
        (81, "magnemite", ("electric", "steel")),
        (83, "farfetchd", ("normal", "flying")),
        (94, "gengar", ("ghost", "poison")),
        (111, "rhyhorn", ("ground", "rock")),
        (122, "mr-mime", ("psychic", "fairy")),
        (124, "jynx", ("ice", "psychic")),
        (130, "gyarados", ("water", "flying")),
        (133, "eevee", ("normal",)),
        (144, "articuno", ("ice", "flying")),
        (149, "dragonite", ("dragon", "flying")),
        (150, "mewtwo", ("psychic",)),
        (151, "mew", ("psychic",)),
    ],
)
def test_known_ones(number: int, name: str, types: tuple[str, ...]) -> None:
    assert POKEMON[number - 1] == (number, name, types)


def test_types_are_as_frequent_as_in_the_games() -> None:
    """A slip in the table would show here: counts of the first generation with today's types."""
    counts = {name: sum(name in pokemon.types for pokemon in POKEMON) for name in TYPE_IDS}
    assert counts["poison"] == 33
    assert counts["water"] == 32
    assert counts["dragon"] == 3
    assert counts["ghost"] == 3
    assert counts["steel"] == 2
    assert counts["fairy"] == 5
    assert counts["dark"] == 0
