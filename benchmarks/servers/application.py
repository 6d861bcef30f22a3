"""The application that aiohttp and quinde both serve, line for line the same: only the package differs.

Written as a user would: `web.Application`, router, `async def`, `web.Response`. Knows no package by name.
"""

import argparse
import asyncio
from types import ModuleType
from typing import Any


def serve(web: ModuleType) -> None:
    """Serve the works with `web` (aiohttp.web or quinde.web) on 127.0.0.1, until SIGTERM.

    The command line gives --port and --loop (asyncio or uvloop). The access log is off, as for all.
    """
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    chosen = arguments.parse_args()
    web.run_app(
        application(web),
        host="127.0.0.1",
        port=chosen.port,
        access_log=None,
        print=None,
        loop=new_loop(chosen.loop),
    )


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    """Make an event loop of the kind named: asyncio or uvloop."""
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def application(web: ModuleType) -> Any:
    """Build the application with its three routes."""

    async def hello(request: Any) -> Any:
        return web.Response(text="Hello, world!")

    async def user(request: Any) -> Any:
        return web.json_response({"id": request.match_info["id"], "name": "quinde"})

    async def echo(request: Any) -> Any:
        return web.Response(body=await request.read())

    app = web.Application()
    app.add_routes([web.get("/", hello), web.get("/users/{id}", user), web.post("/echo", echo)])
    return app
