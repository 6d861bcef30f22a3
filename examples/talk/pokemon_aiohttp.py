"""The Pokémon, asynchronously in form, but one at a time: each request is awaited before the next is made.

Needs a server: run `quinde pokeapi` in another terminal.
"""

import asyncio
import time

import aiohttp

POKEMON = "http://localhost:8151/api/v2/pokemon/{}"


async def main() -> None:
    async with aiohttp.ClientSession() as session:
        for number in range(1, 152):
            async with session.get(POKEMON.format(number)) as response:
                pokemon = await response.json()
                print(pokemon["name"])


if __name__ == "__main__":
    begun = time.perf_counter()
    asyncio.run(main())
    print(f"{time.perf_counter() - begun:.2f} s")
