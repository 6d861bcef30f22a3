"""A response as the user holds it: head at once, body when it is asked for.

A plain Python class (users subclass it, patch it and make it by hand in tests) round one handle of the
core's; what nobody asks for is never built. A response holds its connection until its exchange is over, which
the core notices, or until it is released or closed; the handler's serial (see `protocol`) tells whether it
still holds it.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import re
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from quinde import hdrs
from quinde.client.connection import Connection
from quinde.client.head import ResponseHead
from quinde.errors import (
    ClientConnectionError,
    ClientPayloadError,
    ClientResponseError,
    ContentEncodingError,
    ContentTypeError,
)
from quinde.http.compression import STEP, DecodedBody, Inflater, coding_to_decode
from quinde.http.mime import parse_content_type
from quinde.http.streams import DEFAULT_LIMIT, EMPTY_PAYLOAD, StreamReader
from quinde.net import reactor

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from types import TracebackType

    from yarl import URL

    from quinde import _core
    from quinde.client.protocol import ResponseHandler
    from quinde.client.request import ClientRequest, RequestInfo
    from quinde.client.tracing import Trace
    from quinde.typedefs import JSONDecoder

__all__ = ("ClientResponse", "ResponseSettings", "utf8")

_JSON_TYPE: Final = re.compile(r"application/(?:[\w.+-]+?\+)?json")
_TURN: Final = 4 * STEP  # decoded bytes after which a long decoding gives the loop a turn


def utf8(_response: ClientResponse, _body: bytes) -> str:
    """Guess UTF-8: what a session's `fallback_charset_resolver` is unless told otherwise."""
    return "utf-8"


class ResponseSettings(NamedTuple):
    """What a response needs to know of the session and the call that it answers."""

    loop: asyncio.AbstractEventLoop
    connector: Any
    auto_decompress: bool = True
    max_decompressed_size: int | None = None
    read_bufsize: int = DEFAULT_LIMIT
    resolve_charset: Callable[[ClientResponse, bytes], str] = utf8
    debug: bool = False


class _Done:
    """Be awaitable and over: `release()` may be awaited or not, as in aiohttp."""

    def __await__(self) -> Generator[Any, None, None]:
        return
        yield


_DONE: Final = _Done()


class ClientResponse(ResponseHead):
    """Hold the response to a request.

    A session makes them. Made by hand, for tests, only `method` and `url` are needed; every keyword of
    aiohttp's is taken, and `status`, `reason`, `content` and `_headers` may be assigned.

    Args:
        method: of the request.
        url: of the request, with its fragment.
        writer: the task that sends the request's body, if one does.
        request_info: what was asked.
        loop: the running loop.
        traces: are told when the body has been read.
        session: whose charset resolver is used.
        extra: keywords of aiohttp's that have no meaning here.
    """

    _body: bytes | None = None
    _stream: StreamReader | None = None
    _handler: ResponseHandler | None = None
    _serial = -1
    _settings: ResponseSettings | None = None
    _connection: Connection | None = None
    _history: tuple[ClientResponse, ...] = ()
    _writer: asyncio.Task[None] | None = None
    _traces: Sequence[Trace] = ()
    _is_watched: bool | None = None  # True if something is left to do when the body has been read
    _source_traceback: traceback.StackSummary | None = None
    _released = False
    _in_context = False

    def __init__(
        self,
        method: str,
        url: URL,
        *,
        writer: asyncio.Task[None] | None = None,
        continue100: Any = None,
        timer: Any = None,
        request_info: RequestInfo | None = None,
        traces: Sequence[Trace] | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        session: Any = None,
        stream_writer: Any = None,
        **extra: Any,
    ) -> None:
        self.method = method
        self._real_url = url
        self._url = url.with_fragment(None) if url.raw_fragment else url
        self._writer = writer
        self._traces = traces or ()
        self._is_watched = True if writer or traces else None
        if request_info is not None:
            self._request_info = request_info
        loop = loop or asyncio.get_event_loop()
        resolve = getattr(session, "_resolve_charset", None) or utf8
        self._settings = ResponseSettings(loop, None, resolve_charset=resolve)
        if loop.get_debug():
            self._source_traceback = traceback.extract_stack(sys._getframe(1))

    def _attach(
        self,
        handle: _core.IncomingResponse,
        handler: ResponseHandler,
        serial: int,
        request: ClientRequest,
        settings: ResponseSettings,
    ) -> None:
        """Become the response that has just come over a connection."""
        self._handle = handle
        self._handler = handler
        self._serial = serial
        self._request = request
        self._settings = settings
        self.status = handle.status

    async def start(self, connection: Connection) -> ClientResponse:
        """Give the response; the head has come already. (aiohttp reads it here, and sub-classes hook in.)"""
        return self

    @property
    def history(self) -> tuple[ClientResponse, ...]:
        """The redirects that led here, oldest first."""
        return self._history

    # --- body

    @property
    def content(self) -> StreamReader:
        """The body, to be read piece by piece."""
        stream = self._stream
        if stream is None:
            if self._handle is None:
                return None  # type: ignore[return-value]  # made by hand, nothing assigned yet
            stream = self._stream = self._open_stream()
        return stream

    @content.setter
    def content(self, stream: StreamReader) -> None:
        self._stream = stream

    def _coding(self) -> str | None:
        """How the body has to be decoded."""
        if not self._settings.auto_decompress:  # type: ignore[union-attr]
            return None
        encoding = self._handle.header("Content-Encoding")  # type: ignore[union-attr]
        return None if encoding is None else coding_to_decode(encoding)

    def _open_stream(self) -> StreamReader:
        assert self._handle is not None
        assert self._settings is not None
        raw = self._handle.body
        if raw is None:
            return EMPTY_PAYLOAD
        limit = self._settings.read_bufsize
        try:
            coding = self._coding()
        except ContentEncodingError as error:
            stream = StreamReader(None, limit, body=raw)
            stream.set_exception(ClientPayloadError(str(error)), error)
        else:
            body = raw if coding is None else DecodedBody(raw, coding, ClientPayloadError)
            stream = StreamReader(None, limit, body=body)
        if self._released:
            stream.set_exception(ClientConnectionError("Connection closed"))
        return stream

    async def read(self) -> bytes:
        """Read the whole body, decoded; it is kept, so that further calls give the same bytes.

        Raises:
            ClientPayloadError: the body is cut off, does not decode, or is larger than
                `max_decompressed_size`.
            ClientConnectionError: the response has been released.
            TimeoutError: the time is over.
        """
        body = self._body
        if body is not None:
            if self._released:
                raise ClientConnectionError("Connection closed")
            return body
        try:
            handle = self._handle
            if handle is None or self._stream is not None or self._released:
                body = await self.content.read()
            elif (raw := handle.body) is None:
                body = b""
            elif (coding := self._coding()) is not None:
                body = await self._read_decoded(raw, coding)
            else:
                collected = raw.collect()
                body = collected if type(collected) is bytes else await collected  # type: ignore[misc]
        except ContentEncodingError as error:
            self.close()
            raise ClientPayloadError(str(error)) from error
        except BaseException:
            self.close()
            raise
        self._body = body
        if self._is_watched is not None:
            await self._after_reading(body)
        return body

    async def _after_reading(self, body: bytes) -> None:
        """Tell that the body has been read, and wait for the request's own to be sent."""
        try:
            for trace in self._traces:
                await trace.send_response_chunk_received(self.method, self.url, body)
        except BaseException:
            self.close()
            raise
        await self._wait_written()

    async def _read_decoded(self, raw: _core.Body, coding: str) -> bytes:
        """Read and decode to the end, giving the loop a turn now and then."""
        assert self._settings is not None
        limit = self._settings.max_decompressed_size
        inflater = Inflater(coding)
        parts: list[bytes] = []
        size = turn = 0
        while True:
            if raw.exception is not None:
                raise raw.exception
            while inflater.pending:
                part = inflater.decode()
                parts.append(part)
                size += len(part)
                if limit is not None and size > limit:
                    raise ClientPayloadError(
                        f"The body decodes to more than {limit} bytes: read it piece by piece "
                        "from `content`, or pass a larger max_decompressed_size (None for no limit)"
                    )
                if size - turn >= _TURN:
                    turn = size
                    await asyncio.sleep(0)
            if raw.buffered:
                inflater.feed(raw.take_chunk())
            elif raw.eof:
                break
            elif (future := raw.wait()) is not None:
                await future
        inflater.finish()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def get_encoding(self) -> str:
        """Tell how the body's text is encoded: by its charset, UTF-8 for JSON, else as the session guesses.

        Raises:
            RuntimeError: a guess is needed, and the body has not been read.
        """
        content_type, parameters = parse_content_type(self._headers.get(hdrs.CONTENT_TYPE, ""))
        charset = parameters.get("charset")
        if charset:
            with contextlib.suppress(LookupError, ValueError):
                return codecs.lookup(charset).name
        if content_type in {"application/json", "application/rdap+json"}:
            return "utf-8"  # RFC 8259 section 8.1, RFC 9083 section 1.1
        if self._body is None:
            raise RuntimeError("Cannot compute fallback encoding of a not yet read body")
        resolve = utf8 if self._settings is None else self._settings.resolve_charset
        return resolve(self, self._body)

    async def text(self, encoding: str | None = None, errors: str = "strict") -> str:
        """Read the body as text.

        Args:
            encoding: how it is encoded, see `get_encoding` for the default.
            errors: what to do with bytes that do not decode, as in `bytes.decode`.
        """
        body = self._body
        if body is None:
            body = await self.read()
        return body.decode(self.get_encoding() if encoding is None else encoding, errors=errors)

    async def json(
        self,
        *,
        encoding: str | None = None,
        loads: JSONDecoder | None = None,
        content_type: str | None = "application/json",
    ) -> Any:
        """Read the body as JSON; None if it is empty.

        Args:
            encoding: how the text is encoded, see `get_encoding` for the default.
            loads: the decoder; `json.loads` by default.
            content_type: what Content-Type must be; None accepts any.

        Raises:
            ContentTypeError: Content-Type is something else.
        """
        body = self._body
        if body is None:
            body = await self.read()
        if content_type:
            got = self._headers.get(hdrs.CONTENT_TYPE, "").lower()
            if content_type == "application/json":
                fits = _JSON_TYPE.match(got) is not None
            else:
                fits = content_type in got
            if not fits:
                raise ContentTypeError(
                    self.request_info,
                    self.history,
                    status=self.status,
                    message=f"Attempt to decode JSON with unexpected mimetype: {got}",
                    headers=self.headers,
                )
        stripped = body.strip()
        if not stripped:
            return None
        text = stripped.decode(self.get_encoding() if encoding is None else encoding)
        if loads is None:
            import json

            return json.loads(text)
        return loads(text)

    # --- the connection

    @property
    def closed(self) -> bool:
        """Whether the exchange is over: the body has come, or the response was released or closed."""
        return self._handler is None or self._handler.serial != self._serial

    @property
    def connection(self) -> Connection | None:
        """The connection while the exchange is going on, else None."""
        if self.closed:
            return None
        if self._connection is None:
            assert self._settings is not None
            assert self._handler is not None
            self._connection = Connection(self._settings.connector, self._handler, self._settings.loop)
        return self._connection

    def raise_for_status(self) -> None:
        """Raise if the status is 400 or above; outside `async with`, the response is released then.

        Raises:
            ClientResponseError: the status says that the request failed.
        """
        if self.status < 400:
            return
        reason = self.reason
        assert reason is not None
        if not self._in_context:
            self.release()
        raise ClientResponseError(
            self.request_info, self.history, status=self.status, message=reason, headers=self.headers
        )

    def release(self) -> _Done:
        """Let the connection go: back to the pool if the body has come, else closed. May be awaited."""
        self._end()
        return _DONE

    def close(self) -> None:
        """Close the connection if the exchange is still going on."""
        self._end()

    def _end(self) -> None:
        self._released = True
        stream = self._stream
        if stream is not None and stream.exception() is None:
            stream.set_exception(ClientConnectionError("Connection closed"))
        writer = self._writer
        if writer is not None and not writer.done():
            writer.cancel()
        handler, self._handler = self._handler, None
        if handler is not None:
            handler.abort_exchange(self._serial)

    async def _wait_written(self) -> None:
        """Wait for the request's body to be sent, or given up."""
        writer = self._writer
        if writer is not None:
            await asyncio.wait([writer])
            self._writer = None

    async def wait_for_close(self) -> None:
        """Wait until the request's body has been sent or given up, then release the connection."""
        await self._wait_written()
        self.release()

    async def __aenter__(self) -> ClientResponse:
        self._in_context = True
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._in_context = False
        handler = self._handler
        if type(self) is ClientResponse and self._stream is None and self._writer is None:
            # The same as below, for the most common case.
            self._released = True
            self._handler = None
            if handler is not None and handler.serial == self._serial:
                handler.abort()
            return
        self.release()
        if self._writer is not None:
            await self.wait_for_close()

    def __del__(self) -> None:
        handler = self._handler
        if handler is None or handler.serial != self._serial:
            return
        settings = self._settings
        if settings is None or settings.loop.is_closed():
            return
        reactor.call_in_loop(settings.loop, handler.abort_exchange, self._serial)
        if settings.debug:
            warnings.warn(f"Unclosed response {self!r}", ResourceWarning, source=self, stacklevel=1)
            context: dict[str, Any] = {"client_response": self, "message": "Unclosed response"}
            if self._source_traceback is not None:
                context["source_traceback"] = self._source_traceback
            settings.loop.call_exception_handler(context)

    def __repr__(self) -> str:
        reason = "None" if self.reason is None else self.reason.encode("ascii", "backslashreplace").decode()
        return f"<{type(self).__name__}({self.url}) [{self.status} {reason}]>\n{self.headers}\n"
