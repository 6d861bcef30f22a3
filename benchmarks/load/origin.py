"""The origin for machines without nginx: serves the files of one directory from memory, on uvloop.

No HTTP worth the name: it looks at the path of a GET and writes bytes that were made ready before. Serves the
clients under test alone, which send correct requests.
"""

import argparse
import asyncio
from pathlib import Path
from typing import cast

import uvloop

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
        """Answer each complete request head."""
        *heads, self._buffer = (self._buffer + data).split(b"\r\n\r\n")
        for head in heads:
            self._transport.write(self._answers.get(head.split(b" ", 2)[1], MISSING))


def read_answers(directory: Path) -> dict[bytes, bytes]:
    """Make the response of each file in the directory, with the fields that a usual server sends."""
    answers = {}
    for file in directory.iterdir():
        body = file.read_bytes()
        head = (
            "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\n"
            f"Content-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\n"
            "Connection: keep-alive\r\n\r\n"
        )
        answers[b"/" + file.name.encode()] = head.encode() + body
    return answers


async def serve(port: int, directory: Path) -> None:
    """Serve until the process is ended."""
    answers = read_answers(directory)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Origin(answers), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--files", type=Path, required=True)
    chosen = arguments.parse_args()
    uvloop.run(serve(chosen.port, chosen.files))
