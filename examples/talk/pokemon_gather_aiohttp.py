"""The Pokémon, concurrently: all requests are made, then all answers awaited.

Needs a server: run `quinde pokeapi` in another terminal.
"""

import asyncio
import time

import aiohttp

POKEMON = "http://localhost:8151/api/v2/pokemon/{}"


async def fetch(session: aiohttp.ClientSession, number: int) -> str:
    async with session.get(POKEMON.format(number)) as response:
        pokemon = await response.json()
        return str(pokemon["name"])


async def main() -> None:
    async with aiohttp.ClientSession() as session:
        tasks = [asyncio.create_task(fetch(session, number)) for number in range(1, 152)]
        for name in await asyncio.gather(*tasks):
            print(name)


if __name__ == "__main__":
    begun = time.perf_counter()
    asyncio.run(main())
    print(f"{time.perf_counter() - begun:.2f} s")
