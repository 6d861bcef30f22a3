"""Names for the types that arguments may have, as in aiohttp's `typedefs`.

For annotations: the package imports this module for type checking only, so that `import quinde` loads neither
multidict nor yarl. `Handler` and `Middleware` speak of the server's classes by name; nothing here is called.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from multidict import CIMultiDict, CIMultiDictProxy, istr
from yarl import URL, Query

if TYPE_CHECKING:
    from quinde.web.request import Request
    from quinde.web.stream import StreamResponse

__all__ = (
    "DEFAULT_JSON_DECODER",
    "DEFAULT_JSON_ENCODER",
    "Byteish",
    "Handler",
    "JSONBytesEncoder",
    "JSONDecoder",
    "JSONEncoder",
    "LooseHeaders",
    "Middleware",
    "PathLike",
    "Query",
    "RawHeaders",
    "StrOrURL",
)

Byteish: TypeAlias = bytes | bytearray | memoryview
"""Bytes in memory."""

JSONEncoder: TypeAlias = Callable[[Any], str]
"""Makes JSON text of an object."""

JSONBytesEncoder: TypeAlias = Callable[[Any], bytes]
"""Makes encoded JSON of an object."""

JSONDecoder: TypeAlias = Callable[[str], Any]
"""Makes an object of JSON text."""

DEFAULT_JSON_ENCODER: JSONEncoder = json.dumps
"""What `json=` uses unless told otherwise."""

DEFAULT_JSON_DECODER: JSONDecoder = json.loads
"""What `.json()` uses unless told otherwise."""

LooseHeaders: TypeAlias = (
    Mapping[str, str]
    | Mapping[istr, str]
    | CIMultiDict[str]
    | CIMultiDictProxy[str]
    | Iterable[tuple[str | istr, str]]
)
"""Header fields as a caller may write them."""

RawHeaders: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Header fields as they came: bytes, order and case kept."""

StrOrURL: TypeAlias = str | URL
"""A URL as a caller may write it."""

PathLike: TypeAlias = str | os.PathLike[str]
"""The path of a file."""

Handler: TypeAlias = Callable[["Request"], Awaitable["StreamResponse"]]
"""A coroutine function that answers requests."""


class Middleware(Protocol):
    """A coroutine function round a handler."""

    def __call__(self, request: Request, handler: Handler) -> Awaitable[StreamResponse]:
        """Answer `request`, mostly by awaiting `handler(request)` and changing what it gives."""
        ...
