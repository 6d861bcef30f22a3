"""granian on RSGI, its fastest interface: no framework, so routing here is the least that can be."""

import argparse
import json
from typing import Any

from granian.constants import Interfaces, Loops
from granian.server import Server

PLAIN = [("content-type", "text/plain; charset=utf-8")]
JSON = [("content-type", "application/json; charset=utf-8")]
BINARY = [("content-type", "application/octet-stream")]


async def app(scope: Any, proto: Any) -> None:
    """Answer one request."""
    path = scope.path
    if path == "/":
        proto.response_str(200, PLAIN, "Hello, world!")
    elif path.startswith("/users/"):
        proto.response_str(200, JSON, json.dumps({"id": path[7:], "name": "quinde"}))
    elif path == "/echo":
        proto.response_bytes(200, BINARY, await proto())
    else:
        proto.response_empty(404, [])


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--loop", choices=("asyncio", "uvloop"), default="uvloop")
    chosen = arguments.parse_args()
    Server(
        "granian_rsgi:app",
        address="127.0.0.1",
        port=chosen.port,
        interface=Interfaces.RSGI,
        loop=Loops(chosen.loop),
        workers=1,
        log_enabled=False,
    ).serve()
