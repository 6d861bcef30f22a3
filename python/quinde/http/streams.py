"""Reading a body piece by piece: aiohttp's `StreamReader` over the core's `Body`.

The bytes, their end, their errors and the back-pressure live in the core; here is only the vocabulary in
which users read them. The reader holds at most one small piece of its own, the rest of the last one that a
line was cut from. It works for both ends of a connection and knows neither.

Cancelling a read loses nothing: what it had gathered is put back and the next read finds it.
"""

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from quinde._core import Body
from quinde.errors import LineTooLong
from quinde.log import internal_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from quinde.http.compression import DecodedBody

__all__ = (
    "DEFAULT_LIMIT",
    "EMPTY_PAYLOAD",
    "AsyncStreamIterator",
    "ChunkTupleAsyncStreamIterator",
    "EmptyStreamReader",
    "EofStream",
    "StreamReader",
)

DEFAULT_LIMIT: Final = 256 * 1024
"""Low-water mark of a reader in bytes, aiohttp's `read_bufsize`; the high-water mark is twice as much."""

_LINE_PIECE: Final = 64 * 1024
"""Bytes taken from the core at once while a separator is looked for."""

_TURN_PIECES: Final = 64
"""Pieces that an iterator hands out without waiting before it gives the loop a turn."""

T = TypeVar("T")


class EofStream(Exception):  # noqa: N818 -- aiohttp's name
    """Tell that a queue of messages has ended."""


class AsyncStreamIterator(Generic[T]):
    """Iterate over what `read_func` gives until it gives nothing.

    A full buffer is handed out without waiting; so that other tasks run, the loop gets a turn now and then.
    """

    def __init__(self, read_func: Callable[[], Awaitable[T]]) -> None:
        self.read_func = read_func
        self._pieces = 0

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        self._pieces += 1
        if self._pieces % _TURN_PIECES == 0:
            await asyncio.sleep(0)
        try:
            piece = await self.read_func()
        except EofStream:
            raise StopAsyncIteration from None
        if not piece:
            raise StopAsyncIteration
        return piece


class ChunkTupleAsyncStreamIterator:
    """Iterate over `(data, end_of_http_chunk)` until the end of the stream."""

    def __init__(self, stream: StreamReader) -> None:
        self._pieces = AsyncStreamIterator(stream.readchunk)

    def __aiter__(self) -> AsyncIterator[tuple[bytes, bool]]:
        return self

    async def __anext__(self) -> tuple[bytes, bool]:
        piece = await self._pieces.__anext__()
        if piece == (b"", False):
            raise StopAsyncIteration
        return piece


class StreamReader:
    """Read a body: whole, by bytes, lines or chunks, or by iteration.

    Once an exception is set, every read raises it, also when bytes are left, as in aiohttp.

    Args:
        protocol: taken for aiohttp's signature; the core does its own flow control.
        limit: low-water mark in bytes; the high-water mark is twice as much, and the default bound of a line.
        timer: taken for aiohttp's signature; deadlines arrive as the body's exception.
        loop: the event loop of a stream that is fed by hand; the running one by default.
        body: what to read. None makes a stream that is fed by `feed_data` and `feed_eof`.
    """

    def __init__(
        self,
        protocol: Any = None,
        limit: int = DEFAULT_LIMIT,
        *,
        timer: Any = None,
        loop: asyncio.AbstractEventLoop | None = None,
        body: Body | DecodedBody | None = None,
    ) -> None:
        self._protocol = protocol
        self._body = Body(loop or asyncio.get_running_loop()) if body is None else body
        self._low_water = limit
        self._high_water = limit * 2
        self._front = b""  # bytes taken from the core and not yet read
        self._front_at = 0
        self._chunks_begun = False  # of a stream fed by hand
        self._waiting = False
        self._exception: BaseException | None = None  # set by hand; the core keeps one only before the end
        self._eof_reads = 0

    def __repr__(self) -> str:
        parts = [type(self).__name__]
        if size := self._size():
            parts.append(f"{size} bytes")
        if self._body.eof:
            parts.append("eof")
        if self._low_water != DEFAULT_LIMIT:
            parts.append(f"low={self._low_water} high={self._high_water}")
        if self._waiting:
            parts.append("waiting")
        if (error := self.exception()) is not None:
            parts.append(f"e={error!r}")
        return f"<{' '.join(parts)}>"

    # --- iteration

    def __aiter__(self) -> AsyncStreamIterator[bytes]:
        return AsyncStreamIterator(self.readline)

    def iter_chunked(self, n: int) -> AsyncStreamIterator[bytes]:
        """Iterate over pieces of at most `n` bytes."""
        self.set_read_chunk_size(n)
        return AsyncStreamIterator(lambda: self.read(n))

    def iter_any(self) -> AsyncStreamIterator[bytes]:
        """Iterate over whatever has come, as soon as it has."""
        return AsyncStreamIterator(self.readany)

    def iter_chunks(self) -> ChunkTupleAsyncStreamIterator:
        """Iterate over `(data, end_of_http_chunk)`, see `readchunk`."""
        return ChunkTupleAsyncStreamIterator(self)

    # --- state

    @property
    def total_bytes(self) -> int:
        """Bytes given to this stream so far, decoded."""
        return self._body.total

    @property
    def total_raw_bytes(self) -> int:
        """Bytes of the body received so far, before they were decoded."""
        raw: Body | None = getattr(self._body, "raw", None)
        return (self._body if raw is None else raw).total

    @property
    def total_compressed_bytes(self) -> int | None:
        """Bytes received so far if the body is decoded on its way, else None."""
        raw: Body | None = getattr(self._body, "raw", None)
        return None if raw is None else raw.total

    def get_read_buffer_limits(self) -> tuple[int, int]:
        """Tell the low-water and the high-water mark, in bytes."""
        return self._low_water, self._high_water

    def set_read_chunk_size(self, n: int) -> None:
        """Raise the marks to fit a reader that takes `n` bytes at once; they never fall."""
        if n > self._low_water:
            self._low_water = n
            self._high_water = n * 2

    def is_eof(self) -> bool:
        """Tell whether the end has come; bytes may be left to read."""
        return self._body.eof

    def at_eof(self) -> bool:
        """Tell whether the end has come and everything has been read."""
        return self._body.eof and not self._size()

    def exception(self) -> BaseException | None:
        """Tell what every read raises, if something went wrong."""
        return self._exception or self._body.exception

    def on_eof(self, callback: Callable[[], object]) -> None:
        """Call back once when the end comes, at once if it has, never after an error; logs exceptions."""

        def ended() -> None:
            if self.exception() is None:
                _call_logged(callback)

        self._body.on_eof(ended)

    async def wait_eof(self) -> None:
        """Wait for the end to come; nothing is read, so a body larger than its window never ends.

        Raises:
            BaseException: what went wrong instead.
        """
        if not self._body.eof and self.exception() is None:
            ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._body.on_eof(lambda: None if ended.done() else ended.set_result(None))
            await ended
        self._raise_exception()

    # --- feeding by hand: mocked requests, tests, other parsers

    def feed_data(self, data: bytes, size: int = 0) -> bool:
        """Append received bytes. `size` is of no use and taken for aiohttp's signature."""
        assert not self._body.eof, "feed_data after feed_eof"
        if data:
            self._body.feed_data(data)
        return False

    def feed_eof(self) -> None:
        """Tell that the end has come."""
        self._body.feed_eof()

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Make the read that waits, and every later one, raise `exc`."""
        if exc_cause is not None and exc.__cause__ is None:
            exc.__cause__ = exc_cause
        self._exception = exc
        self._body.set_exception(exc)

    def unread_data(self, data: bytes) -> None:
        """Put bytes back to be read first (deprecated by aiohttp)."""
        warnings.warn("unread_data() is deprecated and will go", DeprecationWarning, stacklevel=2)
        if data:
            self._push_back(data)

    def begin_http_chunk_receiving(self) -> None:
        """Tell that an HTTP chunk follows, so that `readchunk` can tell where it ends."""
        if not self._chunks_begun:
            if self.total_bytes:
                raise RuntimeError("begin_http_chunk_receiving must come before the first data")
            self._chunks_begun = True

    def end_http_chunk_receiving(self) -> None:
        """Tell that an HTTP chunk ends here."""
        if not self._chunks_begun:
            raise RuntimeError("end_http_chunk_receiving without begin_http_chunk_receiving")
        self._body.feed_chunk_end()

    # --- reading

    async def read(self, n: int = -1) -> bytes:
        """Read up to `n` bytes as soon as there are any; everything to the end if `n` is negative.

        Returns:
            The bytes; `b""` at the end of the stream, or if `n` is 0.

        Raises:
            BaseException: what `set_exception` or the connection has set.
        """
        self._raise_exception()
        if n == 0:
            return b""
        if n > 0:
            self.set_read_chunk_size(n)
            await self._wait_data("read")
            return self._note_eof(self._take(n))
        blocks: list[bytes] = []
        try:
            while block := await self.readany():
                blocks.append(block)
        except asyncio.CancelledError:
            self._push_back(b"".join(blocks))
            raise
        return self._note_eof(b"".join(blocks))

    async def readany(self) -> bytes:
        """Read what there is as soon as there is something; `b""` at the end."""
        self._raise_exception()
        await self._wait_data("readany")
        return self._take(-1)

    async def readexactly(self, n: int) -> bytes:
        """Read exactly `n` bytes.

        Raises:
            asyncio.IncompleteReadError: the stream ends before; its `partial` has what there was.
        """
        self._raise_exception()
        blocks: list[bytes] = []
        missing = n
        try:
            while missing > 0:
                block = await self.read(missing)
                if not block:
                    partial = b"".join(blocks)
                    raise asyncio.IncompleteReadError(partial, n)
                blocks.append(block)
                missing -= len(block)
        except asyncio.CancelledError:
            self._push_back(b"".join(blocks))
            raise
        return b"".join(blocks)

    async def readline(self, *, max_line_length: int | None = None) -> bytes:
        r"""Read a line with its `\n`; the last one may lack it; `b""` at the end.

        Args:
            max_line_length: in bytes; the high-water mark by default.

        Raises:
            LineTooLong: the line is longer.
        """
        return await self.readuntil(max_size=max_line_length)

    async def readuntil(self, separator: bytes = b"\n", *, max_size: int | None = None) -> bytes:
        """Read up to and with `separator`, or to the end of the stream.

        Args:
            separator: at least one byte.
            max_size: in bytes; the high-water mark by default.

        Raises:
            ValueError: `separator` is empty.
            LineTooLong: `max_size` bytes have come without it.
        """
        if not separator:
            raise ValueError("Separator should be at least one-byte string")
        self._raise_exception()
        limit = max_size or self._high_water
        found = bytearray()
        try:
            while True:
                end = self._cut_until(separator, found)
                if len(found) > limit:
                    raise LineTooLong(bytes(found[:100]) + b"...", limit)
                if end or not await self._wait_data("readuntil"):
                    return bytes(found)
        except asyncio.CancelledError:
            self._push_back(bytes(found))
            raise

    def _cut_until(self, separator: bytes, found: bytearray) -> bool:
        """Move bytes to `found` until it ends with `separator`; tell whether it does."""
        if not self._front:
            self._front, self._front_at = self._body.take(_LINE_PIECE), 0
        front, at = self._front, self._front_at
        # The separator may straddle what has been found and what is in front.
        tail = bytes(found[max(0, len(found) - len(separator) + 1) :])
        if tail:
            joined = (tail + front[at : at + len(separator) - 1]).find(separator)
            if joined >= 0:
                found += self._take_front(joined + len(separator) - len(tail))
                return True
        index = front.find(separator, at)
        if index >= 0:
            found += self._take_front(index + len(separator) - at)
            return True
        found += self._take_front(len(front) - at)
        return False

    async def readchunk(self) -> tuple[bytes, bool]:
        """Read the rest of an HTTP chunk if all of it has come, else one piece as it came.

        Returns:
            The bytes, and whether an HTTP chunk ends with them; `(b"", True)` where another read stopped
            right at the end of one, `(b"", False)` at the end of the stream.
        """
        while True:
            self._raise_exception()
            distance = self._body.chunk_end(len(self._front) - self._front_at)
            if distance is not None:
                return self._take(distance), True
            if self._front:
                return self._take_front(len(self._front) - self._front_at), False
            if self._body.buffered:
                return self._body.take_chunk(), False
            if self._body.eof:
                return b"", False
            await self._wait("readchunk")

    def read_nowait(self, n: int = -1) -> bytes:
        """Read up to `n` bytes of those that are there, all of them if `n` is negative, without waiting.

        Raises:
            RuntimeError: another read waits.
        """
        self._raise_exception()
        if self._waiting:
            raise RuntimeError("Called while some coroutine is waiting for incoming data.")
        return self._take(n)

    # --- inside

    def _raise_exception(self) -> None:
        error = self._exception or self._body.exception
        if error is not None:
            raise error

    def _size(self) -> int:
        return self._body.buffered + len(self._front) - self._front_at

    async def _wait_data(self, caller: str) -> bool:
        """Wait until there is something to read; False if it is the end instead. Raises what `_wait` does."""
        while not self._front:
            if self._body.buffered:
                break
            if self._body.eof:
                return False
            await self._wait(caller)
        return True

    async def _wait(self, caller: str) -> None:
        """Wait for something to come: bytes, the end of an HTTP chunk or that of the stream.

        Raises:
            RuntimeError: another read waits already: which of the two would get the bytes?
            BaseException: what has gone wrong.
        """
        if self._waiting:
            raise RuntimeError(
                f"{caller}() called while another coroutine is already waiting for incoming data"
            )
        future = self._body.wait()
        if future is not None:
            self._waiting = True
            try:
                await future
            finally:
                self._waiting = False
        self._raise_exception()

    def _take(self, n: int) -> bytes:
        if not self._front:
            return self._body.take(n)
        if n < 0:
            return self._take_front(len(self._front) - self._front_at) + self._body.take()
        block = self._take_front(n)
        if len(block) < n:
            block += self._body.take(n - len(block))
        return block

    def _take_front(self, n: int) -> bytes:
        at = self._front_at
        block = self._front[at : at + n]
        self._front_at = at + len(block)
        if self._front_at == len(self._front):
            self._front, self._front_at = b"", 0
        return block

    def _push_back(self, data: bytes) -> None:
        if data:
            self._front, self._front_at = data + self._front[self._front_at :], 0
            self._eof_reads = 0

    def _note_eof(self, data: bytes) -> bytes:
        """Warn of a loop that reads at the end for ever, as aiohttp does."""
        if not data and self._body.eof:
            self._eof_reads += 1
            if self._eof_reads > 5:
                internal_logger.warning(
                    "Multiple access to StreamReader in eof state, might be infinite loop.", stack_info=True
                )
        return data


class EmptyStreamReader(StreamReader):
    """Stand for the body of a message that has none: at its end from the start, and it takes nothing."""

    def __init__(self) -> None:
        self._read_eof_chunk = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    @property
    def total_bytes(self) -> int:
        """Always 0."""
        return 0

    @property
    def total_raw_bytes(self) -> int:
        """Always 0."""
        return 0

    @property
    def total_compressed_bytes(self) -> int | None:
        """Always None."""
        return None

    def get_read_buffer_limits(self) -> tuple[int, int]:
        """Tell that nothing is buffered."""
        return 0, 0

    def set_read_chunk_size(self, n: int) -> None:
        """Do nothing."""

    def is_eof(self) -> bool:
        """Tell True."""
        return True

    def at_eof(self) -> bool:
        """Tell True."""
        return True

    def exception(self) -> BaseException | None:
        """Tell None: nothing can go wrong."""
        return None

    def on_eof(self, callback: Callable[[], object]) -> None:
        """Call back at once."""
        _call_logged(callback)

    async def wait_eof(self) -> None:
        """Return at once."""

    def feed_data(self, data: bytes, size: int = 0) -> bool:
        """Drop the bytes."""
        return False

    def feed_eof(self) -> None:
        """Do nothing."""

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Do nothing: the instance is shared."""

    def unread_data(self, data: bytes) -> None:
        """Do nothing: the instance is shared."""

    async def read(self, n: int = -1) -> bytes:
        """Return nothing."""
        return b""

    async def readany(self) -> bytes:
        """Return nothing."""
        return b""

    async def readexactly(self, n: int) -> bytes:
        """Raise IncompleteReadError."""
        raise asyncio.IncompleteReadError(b"", n)

    async def readuntil(self, separator: bytes = b"\n", *, max_size: int | None = None) -> bytes:
        """Return nothing."""
        return b""

    async def readchunk(self) -> tuple[bytes, bool]:
        """Return the end."""
        return b"", False

    def read_nowait(self, n: int = -1) -> bytes:
        """Return nothing."""
        return b""


def _call_logged(callback: Callable[[], object]) -> None:
    try:
        callback()
    except Exception:
        internal_logger.exception("Exception in eof callback")


EMPTY_PAYLOAD: Final[StreamReader] = EmptyStreamReader()
"""The body of every message without one."""
