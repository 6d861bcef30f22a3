"""granian on RSGI, its fastest interface: no framework, so routing here is the least that can be."""

import json
from typing import Any

from granian.constants import Interfaces
from granian_server import serve
from options import DOWNLOAD, HELLO

PLAIN = [("content-type", "text/plain; charset=utf-8")]
JSON = [("content-type", "application/json; charset=utf-8")]
BINARY = [("content-type", "application/octet-stream")]


async def app(scope: Any, proto: Any) -> None:
    """Answer one request."""
    path = scope.path
    if path == "/":
        proto.response_str(200, PLAIN, HELLO)
    elif path.startswith("/users/"):
        proto.response_str(200, JSON, json.dumps({"id": path[7:], "name": "quinde"}))
    elif path == "/echo":
        proto.response_bytes(200, BINARY, await proto())
    elif path == "/download":
        proto.response_bytes(200, BINARY, DOWNLOAD)
    else:
        proto.response_empty(404, [])


if __name__ == "__main__":
    serve("granian_rsgi:app", Interfaces.RSGI)
