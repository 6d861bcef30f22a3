"""`StreamResponse`: a response's status, headers and state, and how its head and body reach the core.

May know the request it answers and the core's `IncomingRequest`. Must not know sockets or framing: it tells
the core the length or "chunked", and the core writes the bytes. `Response` (a whole body in memory) builds on
it.
"""

from __future__ import annotations

import datetime
import enum
import warnings
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from multidict import CIMultiDict

from quinde import hdrs
from quinde._core import http_date
from quinde.http.dates import format_http_date, parse_http_date
from quinde.http.etags import ETag, parse_etag, validate_etag_value
from quinde.http.mime import OCTET_STREAM, parse_content_type
from quinde.http.version import HttpVersion, HttpVersion10, HttpVersion11
from quinde.web.keys import NotAppKeyWarning, ResponseKey, StateMapping
from quinde.web.status import REASON_PHRASES, check_reason, has_no_body, omits_length
from quinde.web.writer import Compressor, ResponseWriter

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from quinde.typedefs import LooseHeaders
    from quinde.web.request import BaseRequest

__all__ = ("ContentCoding", "StreamResponse")

T = TypeVar("T")
D = TypeVar("D")


class ContentCoding(enum.Enum):
    """Name the content codings that a response can be sent in."""

    deflate = "deflate"
    gzip = "gzip"
    identity = "identity"


class StreamResponse(StateMapping[str | ResponseKey[Any], Any]):
    """Answer a request with a body that is written piece by piece.

    Prepare it (`await response.prepare(request)`: the head is sent), write, and return it from the handler.
    Values may be stored on it by key, for middlewares and signals.

    Args:
        status: The status code.
        reason: The reason phrase; None is the standard one of the status.
        headers: Header fields, as a mapping or pairs.

    Raises:
        ValueError: The reason holds control characters.
    """

    # Everything starts at class level: an attribute that nobody touches costs nothing.
    _status = 200
    _reason: str | None = None
    _headers: CIMultiDict[str] | None = None
    _content_type_field: str | None = None
    _send_headers_immediately = True  # the body may be long in coming
    _plain = False  # nothing but status, Content-Type and a bytes body: the core may answer in one call
    _keep_alive: bool | None = None
    _chunked = False
    _compression = False
    _compression_force: ContentCoding | None = None
    _compression_strategy: int | None = None
    _compressor: Compressor | None = None
    _request: BaseRequest | None = None
    _writer: ResponseWriter | None = None
    _eof_sent = False
    _empty_body = False
    _body_length = 0
    _state: dict[str | ResponseKey[Any], Any] | None = None
    _seen_str_keys: ClassVar[set[str]] = set()

    def __init__(
        self, *, status: int = 200, reason: str | None = None, headers: LooseHeaders | None = None
    ) -> None:
        if headers is not None:
            self._headers = CIMultiDict(headers)
        self._set_status(status, reason)

    # --- status and state -----------------------------------------------------------------------------------

    @property
    def status(self) -> int:
        """The status code."""
        return self._status

    @property
    def reason(self) -> str:
        """The reason phrase; empty for a status that has none."""
        return REASON_PHRASES.get(self._status, "") if self._reason is None else self._reason

    def set_status(self, status: int, reason: str | None = None) -> None:
        """Change the status, before the head is sent.

        Raises:
            RuntimeError: The head has been sent.
            ValueError: The reason holds control characters.
        """
        if self.prepared:
            raise RuntimeError("Cannot change the response status code after the headers have been sent")
        self._plain = False
        self._set_status(status, reason)

    def _set_status(self, status: int, reason: str | None) -> None:
        self._status = int(status)
        self._reason = None if reason is None else check_reason(reason)

    @property
    def prepared(self) -> bool:
        """Whether the head has been given to the core."""
        return self._eof_sent or self._writer is not None

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The task of the handler while the response is being sent, else None."""
        return None if self._request is None else self._request.task

    @property
    def chunked(self) -> bool:
        """Whether chunked transfer coding was asked for."""
        return self._chunked

    @property
    def compression(self) -> bool:
        """Whether compression was asked for."""
        return self._compression

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection stays open after this answer; None until it is known."""
        return self._keep_alive

    @property
    def body_length(self) -> int:
        """Bytes sent for this answer, head included; known after its end."""
        return self._body_length

    def force_close(self) -> None:
        """Close the connection after this answer."""
        self._plain = False
        self._keep_alive = False

    def enable_chunked_encoding(self, chunk_size: int | None = None) -> None:
        """Send the body in chunks, whatever its length (HTTP/1.1 only).

        Raises:
            RuntimeError: A Content-Length is set.
        """
        if hdrs.CONTENT_LENGTH in self.headers:
            raise RuntimeError("You can't enable chunked encoding when a content length is set")
        if chunk_size is not None:
            warnings.warn(
                "Chunk size is deprecated: pieces go out as written", DeprecationWarning, stacklevel=2
            )
        self._chunked = True

    def enable_compression(
        self, force: bool | ContentCoding | None = None, strategy: int | None = None
    ) -> None:
        """Compress the body.

        Args:
            force: The coding to use whatever the client accepts; None takes deflate or gzip, the first of
                them that `Accept-Encoding` names, or nothing.
            strategy: One of zlib's ``Z_*`` strategies.

        Raises:
            TypeError: `force` is something else.
        """
        if isinstance(force, bool):
            warnings.warn("Use a ContentCoding for force, not a bool", DeprecationWarning, stacklevel=2)
            force = ContentCoding.deflate if force else ContentCoding.identity
        elif force is not None and not isinstance(force, ContentCoding):
            raise TypeError(f"force must be a ContentCoding or None, not {force!r}")
        self._plain = False
        self._compression = True
        self._compression_force = force
        self._compression_strategy = strategy

    # --- header fields --------------------------------------------------------------------------------------

    @property
    def headers(self) -> CIMultiDict[str]:
        """The header fields, to be changed at will before the head is sent."""
        headers = self._headers
        if headers is None:
            self._headers = headers = CIMultiDict()
            self._plain = False
            if self._content_type_field is not None:
                headers[hdrs.CONTENT_TYPE] = self._content_type_field
        return headers

    def _raw_content_type(self) -> str | None:
        if self._headers is None:
            return self._content_type_field
        return self._headers.get(hdrs.CONTENT_TYPE)

    @property
    def content_length(self) -> int | None:
        """The declared length of the body in bytes, or None."""
        length = None if self._headers is None else self._headers.get(hdrs.CONTENT_LENGTH)
        return None if length is None else int(length)

    @content_length.setter
    def content_length(self, value: int | None) -> None:
        if value is None:
            self.headers.pop(hdrs.CONTENT_LENGTH, None)
            return
        value = int(value)
        if self._chunked:
            raise RuntimeError("You can't set content length when chunked encoding is enabled")
        self.headers[hdrs.CONTENT_LENGTH] = str(value)

    @property
    def content_type(self) -> str:
        """The media type of Content-Type, without parameters; `application/octet-stream` if there is none."""
        raw = self._raw_content_type()
        return OCTET_STREAM if raw is None else parse_content_type(raw)[0]

    @content_type.setter
    def content_type(self, value: str) -> None:
        self._write_content_type(str(value), self._content_type_parameters())

    @property
    def charset(self) -> str | None:
        """The charset parameter of Content-Type, or None."""
        return self._content_type_parameters().get("charset")

    @charset.setter
    def charset(self, value: str | None) -> None:
        essence = self.content_type
        if essence == OCTET_STREAM:
            raise RuntimeError("application/octet-stream has no charset: set content_type first")
        parameters = self._content_type_parameters()
        if value is None:
            parameters.pop("charset", None)
        else:
            parameters["charset"] = str(value).lower()
        self._write_content_type(essence, parameters)

    def _content_type_parameters(self) -> dict[str, str]:
        raw = self._raw_content_type()
        return {} if raw is None else dict(parse_content_type(raw)[1])

    def _write_content_type(self, essence: str, parameters: dict[str, str]) -> None:
        self.headers[hdrs.CONTENT_TYPE] = "; ".join([essence, *(f"{k}={v}" for k, v in parameters.items())])

    @property
    def last_modified(self) -> datetime.datetime | None:
        """The time in Last-Modified (aware, UTC); may be set from seconds, a datetime, a string, or None."""
        return None if self._headers is None else parse_http_date(self._headers.get(hdrs.LAST_MODIFIED))

    @last_modified.setter
    def last_modified(self, value: float | datetime.datetime | str | None) -> None:
        if value is None:
            self.headers.pop(hdrs.LAST_MODIFIED, None)
        elif isinstance(value, str):
            self.headers[hdrs.LAST_MODIFIED] = value
        elif isinstance(value, (int, float, datetime.datetime)):
            self.headers[hdrs.LAST_MODIFIED] = format_http_date(value)
        else:
            raise TypeError(f"Unsupported type for last_modified: {type(value).__name__}")

    @property
    def etag(self) -> ETag | None:
        """The entity tag; may be set from an `ETag`, an opaque value (then strong), ``"*"`` or None."""
        return None if self._headers is None else parse_etag(self._headers.get(hdrs.ETAG))

    @etag.setter
    def etag(self, value: ETag | str | None) -> None:
        if value is None:
            self.headers.pop(hdrs.ETAG, None)
            return
        tag = ETag(value) if isinstance(value, str) else value
        if not isinstance(tag, ETag) or not isinstance(tag.value, str):
            raise ValueError(  # as aiohttp
                f"Unsupported etag type: {type(value)}. etag must be str, ETag or None"
            )
        validate_etag_value(tag.value)
        self.headers[hdrs.ETAG] = str(tag)

    # --- the head -------------------------------------------------------------------------------------------

    async def prepare(self, request: BaseRequest) -> ResponseWriter | None:
        """Send the head, once; later calls change nothing.

        Args:
            request: The request that this answers.

        Returns:
            The writer of the body, or None if the answer is complete.

        Raises:
            ValueError: A header name or value cannot be sent (control characters); nothing was sent.
            RuntimeError: Chunked coding was asked for in HTTP/1.0, or the request has another answer already.
            ClientConnectionResetError: The peer has gone.
        """
        if self._eof_sent:
            return None
        if self._writer is not None:
            return self._writer
        self._plain = False
        self._empty_body = has_no_body(request.method, self._status)
        return await self._start(request)

    async def _start(self, request: BaseRequest) -> ResponseWriter:
        self._request = request
        await self._prepare_headers()
        await request._prepare_hook(self)
        return self._send_head(request)

    async def _prepare_headers(self) -> None:
        """Complete the header fields as they go on the wire, so that signals see them."""
        request = self._request
        assert request is not None  # set by _start
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        headers = self.headers
        version = request.version
        if self._compression:
            await self._start_compression(request)
        self._frame(request.method, version)
        if hdrs.DATE not in headers:
            headers[hdrs.DATE] = http_date()
        headers.setdefault(hdrs.SERVER, request._server_header)
        if hdrs.CONNECTION not in headers:
            if self._keep_alive:
                if version == HttpVersion10:
                    headers[hdrs.CONNECTION] = "keep-alive"
            elif version == HttpVersion11:
                headers[hdrs.CONNECTION] = "close"

    def _frame(self, method: str, version: HttpVersion) -> None:
        """Choose how the end of the body is told (RFC 9112 section 6)."""
        headers = self.headers
        if self._chunked and version != HttpVersion11:
            raise RuntimeError(
                f"Using chunked encoding is forbidden for HTTP/{version.major}.{version.minor}"
            )
        if self._empty_body:
            if omits_length(method, self._status):
                headers.pop(hdrs.CONTENT_LENGTH, None)
            headers.pop(hdrs.TRANSFER_ENCODING, None)
            return
        length = self._declared_length()
        if self._chunked or (length is None and version >= HttpVersion11):
            headers[hdrs.TRANSFER_ENCODING] = "chunked"
        elif length is None:
            self._keep_alive = False  # HTTP/1.0: the end of the connection is the end of the body
        if length != 0:  # RFC 9110 section 8.3: content should say what it is
            headers.setdefault(hdrs.CONTENT_TYPE, OCTET_STREAM)

    def _declared_length(self) -> int | None:
        return None if self._chunked else self.content_length

    def _send_head(self, request: BaseRequest) -> ResponseWriter:
        incoming = request._incoming
        headers = self.headers
        # An answer that ends with its head may still tell the length that GET would give.
        length = self._declared_length() if not self._empty_body or hdrs.CONTENT_LENGTH in headers else None
        chunked = not self._empty_body and hdrs.TRANSFER_ENCODING in headers
        incoming.start(self._status, self.reason, headers.items(), length, chunked, not self._keep_alive)
        if self._send_headers_immediately:
            incoming.flush()
        self._writer = ResponseWriter(
            incoming, length=length, empty=self._empty_body, compressor=self._compressor
        )
        return self._writer

    async def _start_compression(self, request: BaseRequest) -> None:
        coding = self._compression_force
        if coding is None:
            # Codings are case-insensitive (RFC 9110 section 8.4.1).
            accepted = request.headers.get(hdrs.ACCEPT_ENCODING, "").lower()
            coding = next((known for known in ContentCoding if known.value in accepted), None)
        if coding is not None and coding is not ContentCoding.identity:
            await self._do_start_compression(coding)

    async def _do_start_compression(self, coding: ContentCoding) -> None:
        self._compressor = Compressor(coding.value, self._compression_strategy)
        self.headers[hdrs.CONTENT_ENCODING] = coding.value
        self.headers.popall(hdrs.CONTENT_LENGTH, None)  # it was that of the uncompressed body

    # --- the body -------------------------------------------------------------------------------------------

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send a piece of the body; wait while the peer reads too slowly (64 KiB are queued at most).

        Raises:
            TypeError: `data` is not bytes-like.
            RuntimeError: Called before `prepare()` or after `write_eof()`.
            ClientConnectionResetError: The peer has gone; stop producing.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be byte-ish ({type(data)!r})")
        if self._eof_sent:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._writer is None:
            raise RuntimeError("Cannot call write() before prepare()")
        await self._writer.write(data)

    async def drain(self) -> None:
        """Wait until what was written may be followed by more. `write()` does so itself.

        Raises:
            RuntimeError: Called before `prepare()` or after `write_eof()`.
        """
        if self._writer is None:
            raise RuntimeError(
                "EOF has already been sent" if self._eof_sent else "Response has not been started"
            )
        warnings.warn("drain method is deprecated, use await resp.write()", DeprecationWarning, stacklevel=2)
        await self._writer.drain()

    async def write_eof(self, data: bytes | bytearray | memoryview = b"") -> None:
        """Send the last piece and end the answer; a second call does nothing.

        Raises:
            TypeError: `data` is not bytes-like.
            RuntimeError: Called before `prepare()`.
            ClientConnectionResetError: The peer has gone.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be byte-ish ({type(data)!r})")
        if self._eof_sent:
            return
        if self._writer is None:
            raise RuntimeError("Response has not been started")
        await self._writer.write_eof(data)
        self._eof_sent = True
        self._body_length = self._writer.output_size
        self._request = None
        self._writer = None

    # --- a mapping by identity ------------------------------------------------------------------------------

    def __repr__(self) -> str:
        if self._eof_sent:
            info = "eof"
        elif self._writer is not None and self._request is not None:
            info = f"{self._request.method} {self._request.path} "
        else:
            info = "not prepared"
        return f"<{type(self).__name__} {self.reason} {info}>"

    @overload
    def __getitem__(self, key: ResponseKey[T]) -> T: ...
    @overload
    def __getitem__(self, key: str) -> Any: ...
    def __getitem__(self, key: str | ResponseKey[T]) -> Any:
        if self._state is None:
            raise KeyError(key)
        return self._state[key]

    @overload
    def __setitem__(self, key: ResponseKey[T], value: T) -> None: ...
    @overload
    def __setitem__(self, key: str, value: Any) -> None: ...
    def __setitem__(self, key: str | ResponseKey[T], value: Any) -> None:
        if isinstance(key, str) and key not in StreamResponse._seen_str_keys:
            StreamResponse._seen_str_keys.add(key)
            warnings.warn(
                "It is recommended to use web.ResponseKey instances for keys", NotAppKeyWarning, stacklevel=2
            )
        if self._state is None:
            self._state = {}
        self._state[key] = value

    def __delitem__(self, key: str | ResponseKey[Any]) -> None:
        if self._state is None:
            raise KeyError(key)
        del self._state[key]

    def __len__(self) -> int:
        return 0 if self._state is None else len(self._state)

    def __iter__(self) -> Iterator[str | ResponseKey[Any]]:
        return iter(() if self._state is None else self._state)

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __bool__(self) -> bool:
        return True
