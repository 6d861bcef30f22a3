"""`Response`, a whole body in memory, and the JSON shorthands.

A `Response` that nobody touched after its making stays `_plain`: three attributes, no header map, and the
core sends it in one call (see `serve.py`). Whatever needs more goes the way of `StreamResponse`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict

from quinde import hdrs
from quinde._core import make_plainly
from quinde.web.status import REASON_PHRASES, check_reason, omits_length
from quinde.web.stream import ContentCoding, StreamResponse
from quinde.web.writer import MAX_SYNC_CHUNK_SIZE, Compressor

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from quinde.typedefs import JSONBytesEncoder, JSONEncoder, LooseHeaders
    from quinde.web.request import BaseRequest
    from quinde.web.writer import ResponseWriter

__all__ = ("Response", "json_bytes_response", "json_response")

# Statuses that the core answers in one call: their answers have a body, and a phrase that has never changed
# between Python's releases (413, 414, 416 and 422 have been renamed by RFC 9110).
_PLAIN_STATUSES = frozenset(REASON_PHRASES) - {*range(100, 200), 204, 205, 304, 413, 414, 416, 422}

_MISSING: Any = object()


class Response(StreamResponse):
    """Answer a request with a body that is there already.

    Args:
        body: bytes, bytearray or memoryview; a str (sent as UTF-8); or an async iterable of bytes, sent in
            chunks.
        status: The status code.
        reason: The reason phrase; None is the standard one.
        text: The body as text; excludes `body`.
        headers: Header fields, as a mapping or pairs.
        content_type: The media type, without parameters; with `text` the default is ``text/plain``.
        charset: The charset of `text` and its parameter in Content-Type; with `text` the default is
            ``utf-8``.
        zlib_executor_size: Bodies of more bytes are compressed in the executor.
        zlib_executor: Where to; None is the loop's default executor.

    Raises:
        ValueError: `body` and `text` are both given, Content-Type is given twice, or `body` is of another
            type.
        TypeError: `text` is no str.
    """

    _plain = True
    _send_headers_immediately = False  # the body follows at once
    _body: bytes | bytearray | AsyncIterable[bytes] | None = None
    _compressed_body: bytes | None = None
    _zlib_executor_size = MAX_SYNC_CHUNK_SIZE
    _zlib_executor: Executor | None = None

    def __init__(  # noqa: C901, PLR0912  # hot: the usual cases are written out
        self,
        *,
        body: Any = None,
        status: int = 200,
        reason: str | None = None,
        text: str | None = None,
        headers: LooseHeaders | None = None,
        content_type: str | None = None,
        charset: str | None = None,
        zlib_executor_size: int = MAX_SYNC_CHUNK_SIZE,
        zlib_executor: Executor | None = None,
    ) -> None:
        if status != 200:
            self._status = status = int(status)
            if status not in _PLAIN_STATUSES:
                self._plain = False
        if reason is not None:
            self._reason = check_reason(reason)
            self._plain = False
        if headers is not None:
            self._headers = CIMultiDict(headers)
            self._plain = False
            if hdrs.CONTENT_TYPE in self._headers and (content_type or charset):
                raise ValueError("Content-Type is given twice: as a header and as content_type or charset")
        if text is not None:
            if (
                headers is None
                and content_type is None
                and charset is None
                and body is None
                and type(text) is str
            ):
                self._body = text.encode()
                self._content_type_field = "text/plain; charset=utf-8"
            else:
                if body is not None:
                    raise ValueError("body and text are not allowed together")
                self._init_text(text, content_type, charset)
        else:
            if content_type is not None:
                if "charset" in content_type:
                    raise ValueError("charset must not be in content_type argument")
                if charset is not None:
                    content_type = f"{content_type}; charset={charset}"
                self._init_content_type(content_type)
            if type(body) is bytes:
                self._body = body
            elif body is not None:
                self.body = body
        if zlib_executor_size != MAX_SYNC_CHUNK_SIZE or zlib_executor is not None:
            self._zlib_executor_size = zlib_executor_size
            self._zlib_executor = zlib_executor

    def _init_text(self, text: str, content_type: str | None, charset: str | None) -> None:
        if not isinstance(text, str):
            raise TypeError(f"text argument must be str ({type(text)!r})")
        if content_type is None:
            if self._headers is not None and hdrs.CONTENT_TYPE in self._headers:
                self.text = text
                return
            content_type = "text/plain"
        elif "charset" in content_type:
            raise ValueError("charset must not be in content_type argument")
        if charset is None:
            self._body = text.encode()
            self._init_content_type(content_type + "; charset=utf-8")
        else:
            self._body = text.encode(charset)
            self._init_content_type(f"{content_type}; charset={charset}")

    def _init_content_type(self, field: str) -> None:
        if self._headers is None:
            self._content_type_field = field
        else:
            self._headers[hdrs.CONTENT_TYPE] = field

    @property
    def body(self) -> bytes | bytearray | AsyncIterable[bytes] | None:
        """The body: bytes, or the async iterable that will give it."""
        return self._body

    @body.setter
    def body(self, body: Any) -> None:
        self._compressed_body = None
        self._plain = False
        if isinstance(body, (bytes, bytearray)) or body is None:
            self._body = body
        elif isinstance(body, memoryview):
            self._body = bytes(body)
        elif isinstance(body, str):
            self._body = body.encode()
            self.headers.setdefault(hdrs.CONTENT_TYPE, "text/plain; charset=utf-8")
        elif isinstance(body, AsyncIterable):
            self._body = body
        else:
            raise ValueError(
                f"Unsupported body type {type(body)!r}: give bytes, str or an async iterable of bytes"
            )

    @property
    def text(self) -> str | None:
        """The body as text, in the charset of Content-Type.

        Raises:
            TypeError: The body is an async iterable, whose text is not there yet.
        """
        body = self._body
        if body is None:
            return None
        if isinstance(body, (bytes, bytearray)):
            return body.decode(self.charset or "utf-8")
        raise TypeError("The body is an async iterable: its text is not known before it is sent")

    @text.setter
    def text(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"text argument must be str ({type(text)!r})")
        if self.content_type == "application/octet-stream":
            self.content_type = "text/plain"
        charset = self.charset
        if charset is None:
            self.charset = charset = "utf-8"
        self.body = text.encode(charset)

    @property
    def content_length(self) -> int | None:
        """The length of the body in bytes as it will be sent; None if it is sent in chunks."""
        if self._chunked:
            return None
        if self._headers is not None and hdrs.CONTENT_LENGTH in self._headers:
            return int(self._headers[hdrs.CONTENT_LENGTH])
        body = self._body if self._compressed_body is None else self._compressed_body
        if body is None:
            return 0
        return len(body) if isinstance(body, (bytes, bytearray)) else None

    @content_length.setter
    def content_length(self, value: int | None) -> None:
        raise RuntimeError("Content length is set automatically")

    async def _start(self, request: BaseRequest) -> ResponseWriter:
        headers = self.headers
        if hdrs.CONTENT_LENGTH in headers:
            if omits_length(request.method, self._status):
                del headers[hdrs.CONTENT_LENGTH]
        else:
            length = self.content_length
            # HEAD and 304 say the length that GET would get, or nothing (RFC 9110 section 8.6).
            if length or (length == 0 and self._status != 304 and request.method != "HEAD"):
                headers[hdrs.CONTENT_LENGTH] = str(length)
        return await super()._start(request)

    async def _do_start_compression(self, coding: ContentCoding) -> None:
        body = self._body
        if self._chunked or not isinstance(body, (bytes, bytearray)):
            if body is not None:
                await super()._do_start_compression(coding)
            return
        compressor = Compressor(
            coding.value, max_sync_size=self._zlib_executor_size, executor=self._zlib_executor
        )
        self._compressed_body = await compressor.compress(body) + compressor.flush()
        self.headers[hdrs.CONTENT_ENCODING] = coding.value
        self.headers[hdrs.CONTENT_LENGTH] = str(len(self._compressed_body))

    async def write_eof(self, data: bytes | bytearray | memoryview = b"") -> None:
        """Send the body and end the answer; a second call does nothing.

        Raises:
            ValueError: `data` is given; the body is what the response was made with.
            RuntimeError: Called before `prepare()`.
            ClientConnectionResetError: The peer has gone.
        """
        if data:
            raise ValueError("write_eof() of a Response takes no data: set its body")
        if self._eof_sent:
            return
        body = self._body if self._compressed_body is None else self._compressed_body
        if body is None or self._empty_body:
            await super().write_eof()
        elif isinstance(body, (bytes, bytearray)):
            await super().write_eof(body)
        else:
            async for piece in body:
                await self.write(piece)
            await super().write_eof()


make_plainly(Response)  # the usual ones need no Python code to be made


def json_response(
    data: Any = _MISSING,
    *,
    text: str | None = None,
    body: bytes | None = None,
    status: int = 200,
    reason: str | None = None,
    headers: LooseHeaders | None = None,
    content_type: str = "application/json",
    dumps: JSONEncoder = json.dumps,
) -> Response:
    """Make a response of a value as JSON.

    Args:
        data: The value.
        text: JSON that is a str already; excludes `data`.
        body: JSON that is bytes already; excludes `data`.
        status: The status code.
        reason: The reason phrase; None is the standard one.
        headers: Header fields.
        content_type: The media type.
        dumps: Makes a str of `data`.

    Raises:
        ValueError: More than one of `data`, `text` and `body` is given.
    """
    if data is not _MISSING:
        if text or body:
            raise ValueError("only one of data, text, or body should be specified")
        text = dumps(data)
    return Response(
        text=text, body=body, status=status, reason=reason, headers=headers, content_type=content_type
    )


def json_bytes_response(
    data: Any = _MISSING,
    *,
    dumps: JSONBytesEncoder,
    body: bytes | None = None,
    status: int = 200,
    reason: str | None = None,
    headers: LooseHeaders | None = None,
    content_type: str = "application/json",
) -> Response:
    """Make a response of a value as JSON, by an encoder that gives bytes.

    Args:
        data: The value.
        dumps: Makes bytes of `data`.
        body: JSON that is bytes already; excludes `data`.
        status: The status code.
        reason: The reason phrase; None is the standard one.
        headers: Header fields.
        content_type: The media type.

    Raises:
        ValueError: Both `data` and `body` are given.
    """
    if data is not _MISSING:
        if body is not None:
            raise ValueError("only one of data or body should be specified")
        body = dumps(data)
    return Response(body=body, status=status, reason=reason, headers=headers, content_type=content_type)
