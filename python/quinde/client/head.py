"""A response's head as the user asks for it: status line, header fields, and what they say about the body.

Each attribute is computed from the core's handle when it is first asked for and may be assigned instead, as
tests that make responses by hand do. Knows nothing of bodies and connections.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast, overload

from multidict import CIMultiDictProxy, MultiDict, MultiDictProxy
from yarl import URL

from quinde import hdrs
from quinde.http.mime import OCTET_STREAM, parse_content_type
from quinde.http.version import HttpVersion, HttpVersion10, HttpVersion11

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from quinde import _core
    from quinde.client.request import ClientRequest, RequestInfo
    from quinde.typedefs import RawHeaders

__all__ = ("ResponseHead",)

T = TypeVar("T")

_LINK: Final = re.compile(r"\s*<([^>]*)>([^,\"]*(?:\"[^\"]*\"[^,\"]*)*)")
_LINK_PARAMETER: Final = re.compile(r";\s*([^\s=;]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s;\"]*))")


class _Lazy(Generic[T]):
    """Compute an attribute at its first use; assignment replaces it, as it does with a plain one."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> _Lazy[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> _Lazy[T] | T:
        if instance is None:
            return self
        value = self._compute(instance)
        instance.__dict__[self._name] = value
        return value


class ResponseHead:
    """Tell what a response's head says.

    `status` is assigned by whoever makes the response; the rest comes from the handle, or is assigned too.
    """

    status: int = None  # type: ignore[assignment]  # until a head has come

    _handle: _core.IncomingResponse | None = None
    _request: ClientRequest | None = None

    @_Lazy
    def method(self) -> str:
        """The request's method."""
        return "" if self._request is None else self._request.method

    @_Lazy
    def version(self) -> HttpVersion | None:
        """The HTTP version of the response."""
        if self._handle is None:
            return None
        return HttpVersion11 if self._handle.http_version == (1, 1) else HttpVersion10

    @_Lazy
    def reason(self) -> str | None:
        """The reason phrase, as it came."""
        return None if self._handle is None else self._handle.reason

    @_Lazy
    def _headers(self) -> CIMultiDictProxy[str]:
        return cast(CIMultiDictProxy[str], None if self._handle is None else self._handle.headers)

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """The header fields; bytes that are no UTF-8 are kept as lone surrogates."""
        return self._headers

    @_Lazy
    def _raw_headers(self) -> RawHeaders:
        return cast("RawHeaders", None if self._handle is None else self._handle.raw_headers)

    @property
    def raw_headers(self) -> RawHeaders:
        """The header fields as bytes, in order, with the case that they came in."""
        return self._raw_headers

    @_Lazy
    def _url(self) -> URL:
        return URL() if self._request is None else self._request.url

    @_Lazy
    def _real_url(self) -> URL:
        return URL() if self._request is None else self._request.original_url

    @property
    def url(self) -> URL:
        """The URL of the request, without its fragment."""
        return self._url

    @property
    def real_url(self) -> URL:
        """The URL of the request, with its fragment."""
        return self._real_url

    @property
    def host(self) -> str:
        """The host of the URL."""
        host = self._url.host
        assert host is not None
        return host

    @_Lazy
    def _request_info(self) -> RequestInfo:
        assert self._request is not None
        return self._request.request_info

    @property
    def request_info(self) -> RequestInfo:
        """What was asked: URL, method and fields."""
        return self._request_info

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    @_Lazy
    def _type(self) -> tuple[str, Mapping[str, str]]:
        raw = self._headers.get(hdrs.CONTENT_TYPE)
        return (OCTET_STREAM, {}) if raw is None else parse_content_type(raw)

    @property
    def content_type(self) -> str:
        """The media type without parameters; `application/octet-stream` if none was given."""
        return self._type[0]

    @property
    def charset(self) -> str | None:
        """The charset that Content-Type names."""
        return self._type[1].get("charset")

    @property
    def content_length(self) -> int | None:
        """The announced length in bytes; None if there is none, or if it is no number."""
        raw = self._headers.get(hdrs.CONTENT_LENGTH)
        return None if raw is None else int(raw)

    @_Lazy
    def links(self) -> MultiDictProxy[MultiDictProxy[str | URL]]:
        """The Link fields (RFC 8288): relation → parameters, with the absolute `url` among them."""
        links: MultiDict[MultiDictProxy[str | URL]] = MultiDict()
        for target, parameters in _LINK.findall(", ".join(self._headers.getall(hdrs.LINK, ()))):
            link: MultiDict[str | URL] = MultiDict()
            for name, *values in _LINK_PARAMETER.findall(parameters):
                link.add(name, next((value for value in values if value), ""))
            relation = str(link.get("rel", target))
            link.add("url", self._url.join(URL(target)))
            links.add(relation, MultiDictProxy(link))
        return MultiDictProxy(links)
