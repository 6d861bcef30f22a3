"""The floor: a hand-written asyncio.Protocol that knows no more HTTP than this benchmark needs.

One write, one read of Content-Length, one Future a request: what asyncio itself asks of any client that is
awaited. No client on asyncio's transports can be cheaper; one that avoids the transports can.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import cast
from urllib.parse import urlsplit

from session import Fetch

LENGTH = b"\r\nContent-Length: "


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request at a time."""

    def __init__(self) -> None:
        self._waiter: asyncio.Future[int] | None = None
        self._loop = asyncio.get_running_loop()
        self._size = 0
        self._pieces: list[bytes] = []
        self._missing = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to ask on."""
        # uvloop's transports are no subclasses of asyncio's, so this cannot be asserted.
        self.transport = cast(asyncio.Transport, transport)

    def ask(self, request: bytes) -> asyncio.Future[int]:
        """Send a request; the future gives the size of the body when all of it has come."""
        self._waiter = self._loop.create_future()
        self._missing = -1
        self._pieces.clear()
        self.transport.write(request)
        return self._waiter

    def data_received(self, data: bytes) -> None:
        """Collect the body; join it as a client that gives bytes must."""
        if self._missing < 0:
            head = data.index(b"\r\n\r\n") + 4
            mark = data.index(LENGTH) + len(LENGTH)
            self._size = int(data[mark : data.index(b"\r\n", mark)])
            self._missing = self._size
            data = data[head:]
        self._missing -= len(data)
        self._pieces.append(data)
        if self._missing == 0 and self._waiter is not None:
            self._waiter.set_result(len(b"".join(self._pieces)))

    def connection_lost(self, error: Exception | None) -> None:
        """Wake who waits for an answer that will not come."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error or ConnectionResetError("the origin closed the connection"))


@contextlib.asynccontextmanager
async def connect(origin: str, in_flight: int, authority: str | None) -> AsyncIterator[Fetch]:
    """Open a pool that grows as it is asked."""
    parts = urlsplit(origin)
    host, port = parts.hostname or "", parts.port
    tls = ssl.create_default_context(cafile=authority) if authority else None
    fields = f"Host: {parts.netloc}\r\nAccept: */*\r\n"
    idle: list[Connection] = []
    opened: list[Connection] = []

    async def fetch(path: str, body: bytes | None = None) -> int:
        if idle:
            connection = idle.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Connection, host, port, ssl=tls)
            opened.append(connection)
        if body is None:
            request = f"GET {path} HTTP/1.1\r\n{fields}\r\n".encode()
        else:
            request = f"POST {path} HTTP/1.1\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body
        size = await connection.ask(request)
        idle.append(connection)
        return size

    yield fetch
    for connection in opened:
        connection.transport.abort()
