"""The Pokémon, synchronously: ask, wait, ask the next one.

quinde pokeapi                               in one terminal
python examples/talk/pokemon_requests.py     in another one; needs `pip install requests`
"""

import time

import requests

POKEMON = "http://localhost:8151/api/v2/pokemon/{}"


def main() -> None:
    for number in range(1, 152):
        response = requests.get(POKEMON.format(number), timeout=30)
        print(response.json()["name"])


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(f"{time.perf_counter() - begun:.2f} s")
