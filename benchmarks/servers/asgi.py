"""The works as a bare ASGI application, for uvicorn and granian: no framework, so the least of routing."""

import json
from typing import Any

from options import DOWNLOAD, HELLO

PLAIN = b"text/plain; charset=utf-8"
JSON = b"application/json; charset=utf-8"
BINARY = b"application/octet-stream"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer one request; there is nothing to do at start-up and shutdown."""
    if scope["type"] != "http":
        raise RuntimeError(f"no {scope['type']} here")
    path = scope["path"]
    if path == "/":
        await answer(send, PLAIN, HELLO.encode())
    elif path.startswith("/users/"):
        await answer(send, JSON, json.dumps({"id": path[7:], "name": "quinde"}).encode())
    elif path == "/echo":
        await answer(send, BINARY, await read(receive))
    elif path == "/download":
        await answer(send, BINARY, DOWNLOAD)
    else:
        await answer(send, PLAIN, b"", status=404)


async def answer(send: Any, content_type: bytes, body: bytes, status: int = 200) -> None:
    """Send head and body."""
    length = str(len(body)).encode()
    fields = [(b"content-type", content_type), (b"content-length", length)]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def read(receive: Any) -> bytes:
    """Receive the whole body."""
    pieces = []
    more = True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)
