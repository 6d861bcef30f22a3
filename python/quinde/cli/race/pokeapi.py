"""The embedded PokéAPI look-alike: the server that `quinde race` fetches from when no other is named.

A quinde application and the process that serves it. It answers `/api/v2/pokemon/{id or name}` in PokéAPI's
shape, with what the pokedex knows and no invented figures, each answer after a latency that stands for a
network.
"""

import asyncio
import json
import sys

from quinde import web
from quinde.cli.process import attach
from quinde.cli.race import certificate
from quinde.cli.race.pokedex import POKEMON, TYPE_IDS, Pokemon

__all__ = ("make_app",)

_POKEAPI = "https://pokeapi.co/api/v2"


def _described(pokemon: Pokemon) -> dict[str, object]:
    return {
        "id": pokemon.id,
        "name": pokemon.name,
        "types": [
            {"slot": slot, "type": {"name": name, "url": f"{_POKEAPI}/type/{TYPE_IDS[name]}/"}}
            for slot, name in enumerate(pokemon.types, 1)
        ],
        "species": {"name": pokemon.name, "url": f"{_POKEAPI}/pokemon-species/{pokemon.id}/"},
    }


def make_app(latency: float) -> web.Application:
    """Make the application.

    Args:
        latency: How long each request waits before it is answered, in seconds.
    """
    bodies = [(pokemon, json.dumps(_described(pokemon)).encode()) for pokemon in POKEMON]
    answers = {key: body for pokemon, body in bodies for key in (str(pokemon.id), pokemon.name)}

    async def pokemon(request: web.Request) -> web.Response:
        if latency:
            await asyncio.sleep(latency)
        answer = answers.get(request.match_info["key"])
        if answer is None:
            raise web.HTTPNotFound(text="Not Found")
        return web.Response(body=answer, content_type="application/json", charset="utf-8")

    app = web.Application()
    app.add_routes([web.get("/api/v2/pokemon/{key}", pokemon), web.get("/api/v2/pokemon/{key}/", pokemon)])
    return app


async def _serve(latency: float, tls: bool) -> None:
    speak = attach()
    context, authority = certificate.make() if tls else (None, None)
    runner = web.AppRunner(make_app(latency), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context, backlog=1024).start()
    speak({"port": runner.addresses[0][1], "authority": authority})
    # No end of its own: the process ends with its parent.
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]), sys.argv[2] == "tls"))
