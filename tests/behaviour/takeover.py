"""Protocols that take connections over and note what they are told, for both ends."""

from __future__ import annotations

import asyncio
from typing import Any


class Taker(asyncio.Protocol):
    """Note what a transport tells; `on_data` says what to do with bytes beyond keeping them."""

    def __init__(self, *, keep_half: bool = False) -> None:
        self.transport: Any = None
        self.received = bytearray()
        self.calls: list[str] = []
        self.lost: list[BaseException | None] = []
        self.keep_half = keep_half
        self.ended = asyncio.get_running_loop().create_future()
        self._news = asyncio.Event()

    def take(self, transport: Any) -> Taker:
        """Take a connection over, as a program does."""
        assert transport is not None
        self.transport = transport
        transport.set_protocol(self)
        return self

    def on_data(self, data: bytes) -> None:
        """Do nothing more."""

    def data_received(self, data: bytes) -> None:
        assert isinstance(data, bytes)
        assert not self.lost
        self.received += data
        self._news.set()
        self.on_data(data)

    def eof_received(self) -> bool:
        self.calls.append("eof")
        self._news.set()
        return self.keep_half

    def pause_writing(self) -> None:
        self.calls.append("pause")
        self._news.set()

    def resume_writing(self) -> None:
        self.calls.append("resume")
        self._news.set()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost.append(exc)
        self._news.set()
        if not self.ended.done():
            self.ended.set_result(exc)

    async def told(self, size: int) -> bytes:
        """Wait until so many bytes have come in all."""
        while len(self.received) < size:
            await self._wait()
        return bytes(self.received)

    async def called(self, name: str) -> None:
        """Wait until that was called."""
        while name not in self.calls:
            await self._wait()

    async def _wait(self) -> None:
        self._news.clear()
        async with asyncio.timeout(10):
            await self._news.wait()


class Echo(Taker):
    """Answer in capitals."""

    def on_data(self, data: bytes) -> None:
        self.transport.write(data.upper())


class Sipper(asyncio.BufferedProtocol):
    """Take bytes by buffers of a few bytes."""

    def __init__(self, size: int) -> None:
        self.buffer = bytearray(size)
        self.received = bytearray()
        self.pieces: list[int] = []
        self.ended = asyncio.get_running_loop().create_future()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.pieces.append(nbytes)
        self.received += self.buffer[:nbytes]

    def connection_lost(self, exc: BaseException | None) -> None:
        self.ended.set_result(exc)
