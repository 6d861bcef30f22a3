"""The application that aiohttp and quinde both serve, line for line the same: only the package differs.

Written as a user would: `web.Application`, router, `async def`, `web.Response`. Knows no package by name.
"""

import asyncio
import logging
import os
import ssl
import tempfile
from types import ModuleType
from typing import Any

from options import DOWNLOAD, HELLO, make_parser

# Of connections that wait to be accepted: enough for 512 that come at once, which 128, the default, is not.
BACKLOG = 1024


def serve(web: ModuleType) -> None:
    """Serve the works with `web` (aiohttp.web or quinde.web) on 127.0.0.1, until SIGTERM.

    The command line gives the port and the rest of options.py. Without --access-log the log is off.
    """
    chosen = make_parser("asyncio").parse_args()
    settings: dict[str, Any] = {}
    if chosen.access_log == "plain":
        logging.basicConfig(level=logging.INFO, filename=new_file())
    elif chosen.access_log == "buffered":
        settings["access_log_class"] = web.BufferedAccessLogger.to(new_file())
    else:
        settings["access_log"] = None
    if chosen.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*chosen.tls)
        settings["ssl_context"] = context
    if chosen.processes > 1:
        settings["reuse_port"] = True
    # The processes are the same from here on; a signal to their group ends them all.
    for _ in range(chosen.processes - 1):
        if os.fork() == 0:
            break
    web.run_app(
        application(web),
        host="127.0.0.1",
        port=chosen.port,
        backlog=BACKLOG,
        print=None,
        loop=new_loop(chosen.loop),
        **settings,
    )


def new_file() -> str:
    """Make an empty file for a log; the harness removes it at the end."""
    descriptor, path = tempfile.mkstemp(prefix="access-", suffix=".log")
    os.close(descriptor)
    return path


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    """Make an event loop of the kind named: asyncio or uvloop."""
    if name == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def application(web: ModuleType) -> Any:
    """Build the application with its routes."""

    async def hello(request: Any) -> Any:
        return web.Response(text=HELLO)

    async def user(request: Any) -> Any:
        return web.json_response({"id": request.match_info["id"], "name": "quinde"})

    async def echo(request: Any) -> Any:
        return web.Response(body=await request.read())

    async def download(request: Any) -> Any:
        return web.Response(body=DOWNLOAD)

    app = web.Application()
    app.add_routes(
        [
            web.get("/", hello),
            web.get("/users/{id}", user),
            web.post("/echo", echo),
            web.get("/download", download),
        ]
    )
    return app
