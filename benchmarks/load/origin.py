"""The origin for machines without nginx: serves the files of one directory from memory, on uvloop.

No HTTP worth the name: it looks at the path of a GET and writes bytes that were made ready before; of a POST
it tells how long the body was. Serves the clients under test alone, which send correct requests.
"""

import argparse
import asyncio
import ssl
from pathlib import Path
from typing import cast

import uvloop

HEAD_END = b"\r\n\r\n"
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Origin(asyncio.Protocol):
    """One connection; `answers` maps a path to the whole response."""

    def __init__(self, answers: dict[bytes, bytes]) -> None:
        self._answers = answers
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        # uvloop's transports are no subclasses of asyncio's, so this cannot be asserted.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer each complete request."""
        buffer = self._buffer + data
        while (end := buffer.find(HEAD_END)) >= 0:
            head, end = buffer[:end], end + len(HEAD_END)
            if head.startswith(b"POST "):
                length = body_length(head)
                end += length
                if end > len(buffer):
                    break
                answer = response(b'{"received": %d}' % length)
            else:
                answer = self._answers.get(head.split(b" ", 2)[1], MISSING)
            self._transport.write(answer)
            buffer = buffer[end:]
        self._buffer = buffer


def body_length(head: bytes) -> int:
    """Read Content-Length, which every POST of the works has."""
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0])


def response(body: bytes) -> bytes:
    """Write a whole response, with the fields that a usual server sends."""
    head = (
        "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\n"
        "Connection: keep-alive\r\n\r\n"
    )
    return head.encode() + body


def read_answers(directory: Path) -> dict[bytes, bytes]:
    """Make the response of each file in the directory."""
    return {b"/" + file.name.encode(): response(file.read_bytes()) for file in directory.iterdir()}


async def serve(port: int, directory: Path, tls: tuple[str, str] | None) -> None:
    """Serve until the process is ended."""
    answers = read_answers(directory)
    context = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*tls)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Origin(answers), "127.0.0.1", port, backlog=4096, ssl=context)
    await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--files", type=Path, required=True)
    arguments.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    chosen = arguments.parse_args()
    uvloop.run(serve(chosen.port, chosen.files, chosen.tls))
