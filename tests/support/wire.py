"""A raw wire to a server: bytes out, bytes in, no HTTP library between. Waits end by bytes, not by time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support import certs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.servers import Served

PATIENCE = 5.0
"""Seconds after which waiting for bytes is a failure."""


@dataclass
class Answer:
    """One HTTP/1 answer, cut from a stream of bytes."""

    version: str
    status: int
    reason: str
    raw_headers: list[tuple[str, str]]
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)

    def header(self, name: str) -> str | None:
        """The first value of a field, None when there is none."""
        return next((value for key, value in self.raw_headers if key.lower() == name.lower()), None)

    def headers(self, name: str) -> list[str]:
        """All values of a field, in order."""
        return [value for key, value in self.raw_headers if key.lower() == name.lower()]


class Wire:
    """A connection whose bytes a test writes and reads by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes and wait until they have left this process, as far as flow control tells."""
        self.writer.write(data)
        await self.writer.drain()

    async def send_bytewise(self, data: bytes) -> None:
        """Send bytes one by one, giving the loop a turn after each, so that the peer reads them apart."""
        for offset in range(len(data)):
            await self.send(data[offset : offset + 1])
            await asyncio.sleep(0)

    async def send_eof(self) -> None:
        """Close the sending half (FIN)."""
        self.writer.write_eof()
        await self.writer.drain()

    async def read_until(self, separator: bytes) -> bytes:
        """Read up to and with `separator`."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(separator)

    async def read_exactly(self, size: int) -> bytes:
        """Read exactly `size` bytes."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readexactly(size)

    async def read_to_end(self) -> bytes:
        """Read until the peer closes."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()

    async def read_head(self) -> Answer:
        """Read a status line and its fields, no body."""
        head = (await self.read_until(b"\r\n\r\n")).decode("latin-1")
        status_line, *fields = head[:-4].split("\r\n")
        version, status, reason = (status_line + " ").split(" ", 2)
        return Answer(version, int(status), reason.rstrip(" "), [_field(line) for line in fields])

    async def read_answer(self, method: str = "GET") -> Answer:
        """Read one final answer with its body, as RFC 9112 section 6.3 frames it."""
        answer = await self.read_head()
        if method == "HEAD" or answer.status < 200 or answer.status in {204, 304}:
            return answer
        if answer.header("Transfer-Encoding") == "chunked":
            await self._read_chunks(answer)
        elif (length := answer.header("Content-Length")) is not None:
            answer.body = await self.read_exactly(int(length))
        else:
            answer.body = await self.read_to_end()
        return answer

    async def _read_chunks(self, answer: Answer) -> None:
        while size := int((await self.read_until(b"\r\n")).split(b";")[0], 16):
            answer.body += await self.read_exactly(size)
            # Not asserted: `python -O` drops assertions of modules that are no tests, and this one reads.
            if (end := await self.read_exactly(2)) != b"\r\n":
                raise AssertionError(f"a chunk ends with {end!r}")
        while (line := await self.read_until(b"\r\n")) != b"\r\n":
            answer.trailers.append(_field(line[:-2].decode("latin-1")))

    async def close(self) -> None:
        """Close the connection; it may be gone already."""
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            pass  # a reset by the peer is an end as well


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip(" \t")


@asynccontextmanager
async def open_wire(served: Served) -> AsyncIterator[Wire]:
    """Connect to a server of `tests.support.servers`."""
    options: dict[str, Any] = {"limit": 1 << 24}
    if served.tls:
        options |= {"ssl": certs.client_context(), "server_hostname": served.host}
    if served.path is None:
        reader, writer = await asyncio.open_connection(served.host, served.port, **options)
    else:
        reader, writer = await asyncio.open_unix_connection(served.path, **options)
    wire = Wire(reader, writer)
    try:
        yield wire
    finally:
        await wire.close()
