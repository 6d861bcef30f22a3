"""Content codings (RFC 9110 section 8.4.1): `gzip` and `deflate`, decoded in bounded steps.

`Inflater` turns bytes into bytes and never gives more than it is asked for, however much the input would
inflate to. `DecodedBody` puts one between a received body and its reader: it has the same face as the core's
`Body` as far as readers need it, decodes only what is read, and thus leaves back-pressure to the body below.
Neither waits for anything, and neither knows which end of the connection it works for.
"""

from __future__ import annotations

import zlib
from collections import deque
from typing import TYPE_CHECKING, Final

from quinde.errors import ContentEncodingError

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable

    from quinde._core import Body

__all__ = ("DECODED_CODINGS", "DecodedBody", "Inflater", "coding_to_decode")

DECODED_CODINGS: Final = frozenset({"gzip", "deflate"})
"""What can be decoded, and all that Accept-Encoding names."""

STEP: Final = 256 * 1024
"""Bytes of output that one step gives at most when the reader names no number (aiohttp's step)."""

_INPUT_STEP: Final = 16 * 1024
"""Bytes given to zlib at once: what it leaves unconsumed it copies, so this bounds the copying."""

_MAX_MEMBERS: Final = 1024
"""Members that one step may begin: they may be empty, and a body of nothing else must not hold the loop."""

_UNSUPPORTED: Final = frozenset({"br", "zstd"})


def coding_to_decode(content_encoding: str | None) -> str | None:
    """Tell how a body has to be decoded.

    Args:
        content_encoding: the value of Content-Encoding, None when the field is absent.

    Returns:
        `"gzip"`, `"deflate"`, or None when the body is to be passed on as it is: no coding, or a list or name
        that nobody here has asked for.

    Raises:
        ContentEncodingError: the coding is a well-known one that this version does not decode; ask for
            another one by Accept-Encoding, or for the raw bytes by `auto_decompress=False`.
    """
    if not content_encoding:
        return None
    coding = content_encoding.lower()
    if coding in DECODED_CODINGS:
        return coding
    if coding in _UNSUPPORTED:
        raise ContentEncodingError(f"Can not decode content-encoding: {coding}")
    return None


class Inflater:
    """Decode one body: give it input with `feed`, take output with `decode` until that is empty.

    A gzip body may be several members, one after the other (RFC 1952 section 2.2). `deflate` means zlib (RFC
    9110 section 8.4.1.2), but raw deflate is met on the wire and is told by its first byte.

    Args:
        coding: `"gzip"` or `"deflate"`.
    """

    def __init__(self, coding: str) -> None:
        self.coding = coding
        self._window_bits = 16 + zlib.MAX_WBITS if coding == "gzip" else zlib.MAX_WBITS
        self._inflate = zlib.decompressobj(self._window_bits)
        self._input = b""
        self._position = 0
        self._started = False
        self._output_waits = False

    def feed(self, data: bytes) -> None:
        """Give the next bytes of the body."""
        if not data:
            return
        if not self._started:
            self._started = True
            # RFC 1950 section 2.2: the low four bits of a zlib stream's first byte are 8.
            if self.coding == "deflate" and data[0] & 0x0F != 8:
                self._window_bits = -zlib.MAX_WBITS
                self._inflate = zlib.decompressobj(self._window_bits)
        rest = self._input[self._position :]
        self._input = rest + data if rest else data
        self._position = 0

    @property
    def pending(self) -> bool:
        """Whether `decode` may give something without further input."""
        return self._output_waits or self._position < len(self._input)

    def decode(self, max_length: int = STEP) -> bytes:
        """Take up to `max_length` bytes of output.

        Returns:
            Decoded bytes; empty when all input is used up.

        Raises:
            ContentEncodingError: the input is not of this coding, or a flood of members. Nothing more can be
                had.
        """
        parts: list[bytes] = []
        room = max_length
        members = 0
        while room > 0 and self.pending:
            if self._inflate.eof:
                if self._position >= len(self._input):
                    self._output_waits = False
                    break
                members += 1
                if members > _MAX_MEMBERS:
                    raise ContentEncodingError(
                        f"Can not decode content-encoding: {self.coding}: too many members"
                    )
                self._inflate = zlib.decompressobj(self._window_bits)
            part = self._step(room)
            if part:
                parts.append(part)
                room -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _step(self, room: int) -> bytes:
        piece = self._input[self._position : self._position + _INPUT_STEP]
        inflate = self._inflate
        try:
            output = inflate.decompress(piece, room)
        except zlib.error as error:
            raise ContentEncodingError(f"Can not decode content-encoding: {self.coding}") from error
        self._position += len(piece) - len(inflate.unused_data if inflate.eof else inflate.unconsumed_tail)
        # A full output may have left more inside zlib, although it has taken all of its input.
        self._output_waits = len(output) == room and not inflate.eof
        return output

    def finish(self) -> None:
        """Check that the body may end here. All output must have been taken.

        Raises:
            ContentEncodingError: a `deflate` body is cut off. (A cut gzip body passes, as it does in aiohttp:
                servers that flush and never finish their gzip stream are common.)
        """
        if self.coding == "deflate" and self._started and not self._inflate.eof:
            raise ContentEncodingError("deflate")


class DecodedBody:
    """Decode a received body while it is read.

    Once a reader has asked for the ends of HTTP chunks (`chunk_end`), chunk after chunk is decoded, so that
    each end is told behind the last byte that its chunk decodes to; others do not pay for that.

    Args:
        body: the body as it comes from the wire.
        coding: how it is coded, see `coding_to_decode`.
        error: makes the exception that readers get from the words that say what is wrong with the coding.
    """

    def __init__(self, body: Body, coding: str, error: Callable[[str], BaseException]) -> None:
        self.raw = body
        self._inflater = Inflater(coding)
        self._error = error
        self._decoded = b""
        self._finished = False
        self._exception: BaseException | None = None
        self._total = 0
        self._chunk_ends: deque[int] | None = None  # in decoded bytes; None: nobody has asked for them
        self._last_chunk_end = 0
        self._chunk_is_over = False  # with what the decoder was given last

    def _fill(self, size: int) -> None:
        """Decode until something is there, or nothing more can be had for now."""
        inflater = self._inflater
        try:
            while not self._decoded and self._exception is None:
                if inflater.pending:
                    self._decoded = inflater.decode(size)
                    self._total += len(self._decoded)
                elif not self._feed():
                    if self.raw.eof and not self._finished:
                        self._finished = True
                        inflater.finish()
                    break
                if self._chunk_is_over and not inflater.pending:
                    self._note_chunk_end()
        except ContentEncodingError as error:
            self._exception = self._error(str(error))
            self._exception.__cause__ = error

    def _feed(self) -> bool:
        """Give the decoder a piece, at most a chunk where their ends are wanted; False if none is there."""
        raw = self.raw
        distance = None if self._chunk_ends is None else raw.chunk_end()
        if distance is not None:
            self._inflater.feed(raw.take(distance))
            self._chunk_is_over = True
        elif raw.buffered:
            self._inflater.feed(raw.take_chunk())
        else:
            return False
        return True

    def _note_chunk_end(self) -> None:
        self._chunk_is_over = False
        if self._chunk_ends is not None and self._total > self._last_chunk_end:
            self._last_chunk_end = self._total
            self._chunk_ends.append(self._total)

    def take(self, n: int = -1) -> bytes:
        """Take up to `n` decoded bytes that are there now; without a number, one bounded step of them."""
        if n == 0:
            return b""
        self._forget_passed_ends()
        parts: list[bytes] = []
        room = n if n > 0 else STEP
        while room > 0:
            self._fill(room)
            if not self._decoded:
                break
            part, self._decoded = self._decoded[:room], self._decoded[room:]
            parts.append(part)
            room -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def take_chunk(self) -> bytes:
        """Take one decoded piece, at most a step long."""
        self._forget_passed_ends()
        self._fill(STEP)
        piece, self._decoded = self._decoded, b""
        return piece

    def chunk_end(self, held: int = 0) -> int | None:
        """Tell how many decoded bytes from the reader's place an HTTP chunk ends, each end once, or None.

        Args:
            held: bytes that the reader has taken last and not used up.
        """
        if self._chunk_ends is None:
            self._chunk_ends = deque()
        self._fill(STEP)
        place = self._total - len(self._decoded) - held
        while self._chunk_ends:
            end = self._chunk_ends.popleft()
            if end >= place:
                return end - place
        return None

    def _forget_passed_ends(self) -> None:
        """Forget what was passed before the take that begins: a reader may hold bytes of the one before."""
        ends, place = self._chunk_ends, self._total - len(self._decoded)
        while ends and ends[0] < place:
            ends.popleft()

    def wait(self) -> Future[None] | None:
        """Give a future for the next bytes from the wire; None if there is no need to wait for any."""
        self._fill(STEP)
        if self._decoded or self._exception is not None or self.eof:
            return None
        return self.raw.wait()

    def unread(self, data: bytes) -> None:
        """Put decoded bytes back, to be read again first."""
        self._decoded = data + self._decoded

    def feed_data(self, data: bytes) -> None:
        """Append bytes as they would come from the wire, still coded."""
        self.raw.feed_data(data)

    def feed_chunk_end(self) -> None:
        """Tell that an HTTP chunk ended with the bytes that came last."""
        self.raw.feed_chunk_end()

    def feed_eof(self) -> None:
        """End the body below."""
        self.raw.feed_eof()

    def set_exception(self, exc: BaseException) -> None:
        """Make every further read raise `exc`."""
        self._exception = exc
        self.raw.set_exception(exc)

    def on_eof(self, callback: Callable[[], object]) -> None:
        """Call back once the end has come from the wire; at once if it is there."""
        self.raw.on_eof(callback)

    @property
    def buffered(self) -> int:
        """Decoded bytes that can be taken now, at least: 0 means that there are none."""
        self._fill(STEP)
        return len(self._decoded)

    @property
    def eof(self) -> bool:
        """Whether the end has come and every byte before it has been decoded."""
        self._fill(STEP)
        return self.raw.eof and not self.raw.buffered and not self._inflater.pending

    @property
    def exception(self) -> BaseException | None:
        """What went wrong with the coding, or below."""
        if self._exception is not None:
            return self._exception
        return self.raw.exception

    @property
    def total(self) -> int:
        """Bytes decoded so far."""
        return self._total
