"""What a request carries: bytes, text, JSON or an async iterable, with its length and type.

A body is made once and may be sent again, by a redirect or a retry, unless it comes from an iterable that has
been begun. Knows nothing of connections; files, forms and multipart are to come.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quinde.typedefs import JSONBytesEncoder, JSONEncoder

__all__ = ("RequestBody", "body_of", "json_body")


class RequestBody:
    """Hold a request's content.

    Args:
        content: all of it, or an iterable of pieces.
        content_type: what it is.
    """

    __slots__ = ("_begun", "content", "content_type")

    def __init__(self, content: bytes | AsyncIterable[Any], content_type: str) -> None:
        self.content = content
        self.content_type = content_type
        self._begun = False

    @property
    def size(self) -> int | None:
        """Its length in bytes; None where that is not known before the end."""
        return len(self.content) if isinstance(self.content, bytes) else None

    @property
    def consumed(self) -> bool:
        """Whether it cannot be sent again."""
        return self._begun

    def pieces(self) -> AsyncIterable[Any]:
        """Begin to read it by pieces; where they come from an iterable, this is possible once."""
        if isinstance(self.content, bytes):
            return _single(self.content)
        self._begun = True
        return self.content


async def _single(content: bytes) -> AsyncIterable[bytes]:
    yield content


def body_of(data: Any) -> RequestBody | None:
    """Make a body of what a caller gives as `data`.

    Args:
        data: bytes, bytearray, memoryview, str, an async iterable of bytes, a `RequestBody`, or None.

    Raises:
        TypeError: `data` is something else; the message says what to give.
    """
    if data is None or isinstance(data, RequestBody):
        return data
    if isinstance(data, bytes):
        return RequestBody(data, "application/octet-stream")
    if isinstance(data, bytearray | memoryview):
        return RequestBody(bytes(data), "application/octet-stream")
    if isinstance(data, str):
        return RequestBody(data.encode(), "text/plain; charset=utf-8")
    if isinstance(data, AsyncIterable):
        return RequestBody(data, "application/octet-stream")
    raise TypeError(
        f"data cannot be a {type(data).__name__} in this version: give bytes, bytearray, memoryview, "
        "str or an async iterable of bytes, or use json= (forms, files and multipart are to come)"
    )


def json_body(value: Any, encode: JSONEncoder, encode_bytes: JSONBytesEncoder | None) -> RequestBody:
    """Make a body of an object that becomes JSON; the encoder to bytes is preferred if there is one."""
    content = encode(value).encode() if encode_bytes is None else encode_bytes(value)
    return RequestBody(content, "application/json")
