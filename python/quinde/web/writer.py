"""The body of one answer on its way to the core: compression, declared length, back-pressure.

Made by `StreamResponse.prepare`, which knows headers; this knows bytes. Framing and sockets are the core's.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from quinde._core import IncomingRequest

__all__ = ("MAX_SYNC_CHUNK_SIZE", "Compressor", "IncompleteBodyError", "ResponseWriter")

# Above this many bytes compression leaves the loop's thread for the executor.
MAX_SYNC_CHUNK_SIZE = 4096

_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class Compressor:
    """Compress one body as gzip or deflate (the zlib format, RFC 9110 section 8.4.1.2).

    Args:
        coding: ``"gzip"`` or ``"deflate"``.
        strategy: One of zlib's ``Z_*`` strategies; None is zlib's default.
        max_sync_size: Pieces of more bytes are compressed in the executor.
        executor: Where to; None is the loop's default executor.
    """

    __slots__ = ("_executor", "_max_sync_size", "_object")

    def __init__(
        self,
        coding: str,
        strategy: int | None = None,
        *,
        max_sync_size: int = MAX_SYNC_CHUNK_SIZE,
        executor: Executor | None = None,
    ) -> None:
        if strategy is None:
            strategy = zlib.Z_DEFAULT_STRATEGY
        self._object = zlib.compressobj(wbits=_WINDOW_BITS[coding], strategy=strategy)
        self._max_sync_size = max_sync_size
        self._executor = executor

    async def compress(self, data: bytes | bytearray | memoryview) -> bytes:
        """Compress a piece.

        A cancelled call leaves the stream in an unknown state: its connection must be closed.

        Returns:
            What is ready to be sent; often nothing.
        """
        if len(data) <= self._max_sync_size:
            return self._object.compress(data)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, self._object.compress, data)

    def flush(self) -> bytes:
        """End the stream and return its last bytes."""
        return self._object.flush()


class ResponseWriter:
    """Take the body of an answer whose head has been given to the core.

    Args:
        incoming: The request that is being answered.
        length: The declared Content-Length; None if there is none (chunked, or until close).
        empty: The answer ends with its head (HEAD, 204, 304, ...): body bytes are dropped.
        compressor: Encodes what is written, or None.
    """

    __slots__ = ("_compressor", "_empty", "_incoming", "length")

    def __init__(
        self,
        incoming: IncomingRequest,
        *,
        length: int | None,
        empty: bool,
        compressor: Compressor | None = None,
    ) -> None:
        self._incoming = incoming
        self._empty = empty
        self._compressor = compressor
        self.length = length
        """Bytes that the declared Content-Length still allows, or None."""

    @property
    def output_size(self) -> int:
        """Bytes of the answer so far, head included."""
        return self._incoming.output_size

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send a piece of the body; wait while the peer reads too slowly.

        Bytes beyond a declared Content-Length are dropped, as they would be read as the next answer.

        Raises:
            ClientConnectionResetError: The peer has gone; stop producing.
        """
        if self._compressor is not None:
            data = await self._compressor.compress(data)
        piece = self._fit(data)
        if not piece:
            return
        if not self._incoming.write(piece):
            await self.drain()

    async def write_eof(self, data: bytes | bytearray | memoryview = b"") -> None:
        """Send the last piece and end the answer.

        Raises:
            ClientConnectionResetError: The peer has gone.
            IncompleteBodyError: Less was written than Content-Length promised; the connection must be
                closed.
        """
        if self._compressor is not None:
            data = (await self._compressor.compress(data) if data else b"") + self._compressor.flush()
        piece = self._fit(data)
        if self.length and not self._empty:
            raise IncompleteBodyError(f"{self.length} of the declared bytes of the body were not written")
        self._incoming.write_eof(piece)
        await self.drain()

    async def drain(self) -> None:
        """Wait until the peer has taken enough for more to be written.

        Raises:
            ClientConnectionResetError: The peer has gone meanwhile.
        """
        waiter = self._incoming.drain()
        if waiter is not None:
            await waiter

    def _fit(self, data: bytes | bytearray | memoryview) -> bytes:
        """Make bytes of a piece, cut at the declared length; nothing if the answer has no body."""
        if self._empty:
            return b""
        piece = data if type(data) is bytes else bytes(data)
        if self.length is None:
            return piece
        piece = piece[: self.length]
        self.length -= len(piece)
        return piece


class IncompleteBodyError(RuntimeError):
    """A handler declared a Content-Length and wrote less: the answer cannot be completed."""
