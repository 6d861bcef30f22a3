"""A request's head as handlers ask for it: the request line, the header fields, and what they say.

Each value is read from the core's request when somebody asks for it. Knows nothing of bodies, connections and
servers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from propcache.api import cached_property
from yarl import URL

from quinde.http.dates import parse_http_date
from quinde.http.etags import ETag, parse_etag_list
from quinde.http.forwarded import parse_forwarded
from quinde.http.mime import OCTET_STREAM, parse_content_type
from quinde.http.version import HttpVersion, HttpVersion10, HttpVersion11

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from multidict import CIMultiDictProxy, MultiMapping

    from quinde._core import IncomingRequest
    from quinde.typedefs import RawHeaders

__all__ = ("RequestHead",)

_RANGE_RE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII | re.IGNORECASE)


class RequestHead:
    """Tell what a request's head says; `_incoming` is set by whoever makes the request."""

    _incoming: IncomingRequest

    # --- the request line -----------------------------------------------------------------------------------

    @property
    def method(self) -> str:
        """The method, in upper case."""
        return self._incoming.method

    @cached_property
    def version(self) -> HttpVersion:
        """The HTTP version of the message."""
        numbers = self._incoming.http_version
        if numbers == HttpVersion11:
            return HttpVersion11
        return HttpVersion10 if numbers == HttpVersion10 else HttpVersion(*numbers)

    @cached_property
    def _target(self) -> URL:
        """The target as a URL: relative but for the absolute and authority forms (RFC 9112 section 3.2)."""
        target = self._incoming.target
        if target.startswith("/"):
            path, _, fragment = target.partition("#")
            path, _, query = path.partition("?")
            return URL.build(path=path, query_string=query, fragment=fragment, encoded=True)
        if self._incoming.method == "CONNECT":
            return URL.build(authority=target, encoded=True)
        url = URL(target, encoded=True)
        # The scheme of an absolute target is the peer's word; that of the connection is known.
        return url.with_scheme(self.scheme) if url.absolute and url.scheme else url

    @cached_property
    def scheme(self) -> str:
        """`"https"` if the connection is a TLS one, else `"http"`. Forwarding headers are not trusted."""
        return "https" if self._incoming.secure else "http"

    @property
    def secure(self) -> bool:
        """Whether the connection is a TLS one."""
        return self.scheme == "https"

    @cached_property
    def host(self) -> str:
        """What the client calls this host, maybe with a port: target, `Host`, or the socket's own address."""
        if not self._incoming.target.startswith("/") and self._target.absolute:
            return self._target.host or ""
        host = self._incoming.header("Host")
        if host is not None:
            return host
        sockname = self._incoming.sockname
        if sockname is None:
            return ""
        if isinstance(sockname, tuple):
            # An IPv6 address needs its brackets to be an authority.
            return f"[{sockname[0]}]" if len(sockname) == 4 else str(sockname[0])
        return str(sockname)

    @cached_property
    def url(self) -> URL:
        """The full URL."""
        if not self._incoming.target.startswith("/") and self._target.absolute:
            return self._target
        return URL.build(scheme=self.scheme, authority=self.host).join(self.rel_url)

    @cached_property
    def rel_url(self) -> URL:
        """The URL without scheme, host and port."""
        target = self._target
        return target.relative() if target.absolute else target

    @property
    def path(self) -> str:
        """The decoded path, for example ``/my blog``."""
        raw = self._incoming.raw_path
        return self.rel_url.path if "%" in raw or not raw.isascii() else raw

    @property
    def path_qs(self) -> str:
        """The encoded path and query string."""
        target = self._incoming.target
        if target[:1] == "/" and target[1:2] != "/" and target[-1] != "?" and "#" not in target:
            return target  # what `rel_url` would give back
        return str(self.rel_url)

    @property
    def raw_path(self) -> str:
        """The target as it came, query string and all."""
        return self._incoming.target

    @property
    def query(self) -> MultiMapping[str]:
        """The variables of the query string."""
        return self.rel_url.query

    @property
    def query_string(self) -> str:
        """The decoded query string."""
        return self.rel_url.query_string

    # --- header fields --------------------------------------------------------------------------------------

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """The header fields."""
        headers: CIMultiDictProxy[str] = self._incoming.headers
        return headers

    @property
    def raw_headers(self) -> RawHeaders:
        """The header fields as they came: names and values in bytes."""
        return self._incoming.raw_headers

    @cached_property
    def forwarded(self) -> tuple[Mapping[str, str], ...]:
        """What the proxies on the way say in Forwarded (RFC 7239), each in a mapping, the first one first.

        Anybody can write this field: believe what your own proxy has written.
        """
        return parse_forwarded(self._incoming.headers.getall("Forwarded", ()))

    @property
    def keep_alive(self) -> bool:
        """Whether the client wants to use the connection again."""
        return self._incoming.keep_alive

    @property
    def content_type(self) -> str:
        """The media type of Content-Type, without parameters; `application/octet-stream` if there is none."""
        raw = self._incoming.header("Content-Type")
        return OCTET_STREAM if raw is None else parse_content_type(raw)[0]

    @property
    def charset(self) -> str | None:
        """The charset parameter of Content-Type, or None."""
        raw = self._incoming.header("Content-Type")
        return None if raw is None else parse_content_type(raw)[1].get("charset")

    @property
    def content_length(self) -> int | None:
        """The value of Content-Length, or None."""
        return self._incoming.content_length

    @property
    def if_modified_since(self) -> datetime.datetime | None:
        """The time in If-Modified-Since (aware, UTC), or None."""
        return parse_http_date(self._incoming.header("If-Modified-Since"))

    @property
    def if_unmodified_since(self) -> datetime.datetime | None:
        """The time in If-Unmodified-Since (aware, UTC), or None."""
        return parse_http_date(self._incoming.header("If-Unmodified-Since"))

    @property
    def if_range(self) -> datetime.datetime | None:
        """The time in If-Range (aware, UTC), or None."""
        return parse_http_date(self._incoming.header("If-Range"))

    @property
    def if_match(self) -> tuple[ETag, ...] | None:
        """The entity tags in If-Match, or None."""
        return parse_etag_list(self._incoming.header("If-Match"))

    @property
    def if_none_match(self) -> tuple[ETag, ...] | None:
        """The entity tags in If-None-Match, or None."""
        return parse_etag_list(self._incoming.header("If-None-Match"))

    @property
    def http_range(self) -> slice:
        """The range of bytes in Range, as a slice; ``slice(None, None, 1)`` if there is none.

        Raises:
            ValueError: Range is malformed, reversed or empty; answer 416 or ignore it.
        """
        field = self._incoming.header("Range")
        if field is None:
            return slice(None, None, 1)
        match = _RANGE_RE.fullmatch(field)
        if match is None:
            raise ValueError("range not in acceptable format")
        first, last = match.groups()
        if not first and not last:
            raise ValueError("No start or end of range specified")
        if not first:
            return slice(-int(last), None, 1)  # the last bytes
        start, end = int(first), int(last) + 1 if last else None  # the last position is inclusive on the wire
        if end is not None and start >= end:
            raise ValueError("start cannot be after end")
        return slice(start, end, 1)
