"""A request as it will be sent: method, URL, header fields and body, for middlewares to look at and change.

`ClientRequest` completes what the caller gave (Host, the automatic fields, length and type of the body) and
checks it; nothing that could break the message's framing leaves this module. Sending is `exchange`'s
business.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from quinde import _core, hdrs
from quinde.client.body import RequestBody, body_of
from quinde.client.protocol import DEFAULT_WIRE_LIMITS, WireLimits
from quinde.errors import InvalidURL
from quinde.http.version import SERVER_SOFTWARE, HttpVersion, HttpVersion11

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from quinde.client.response import ClientResponse
    from quinde.client.session import ClientSession
    from quinde.client.tracing import Trace
    from quinde.net.tls import SSLChoice
    from quinde.typedefs import LooseHeaders, Query

__all__ = ("ClientRequest", "ConnectionKey", "RequestInfo")

_NO_TOKEN: Final = re.compile(r"[^-!#$%&'*+.^_`|~0-9a-zA-Z]")  # RFC 9110 section 5.6.2, turned round
_DIGITS: Final = re.compile(r"[0-9]+")
_TLS_SCHEMES: Final = frozenset({"https", "wss"})
_UNSET: Final = cast("URL", None)


class ConnectionKey(NamedTuple):
    """Name what a connection is good for: requests with equal keys may share one."""

    host: str
    port: int | None
    is_ssl: bool
    ssl: Any = True
    proxy: URL | None = None
    proxy_auth: Any = None
    proxy_headers_hash: int | None = None
    server_hostname: str | None = None


class _RequestInfo(NamedTuple):
    url: URL
    method: str
    headers: CIMultiDictProxy[str]
    real_url: URL


class RequestInfo(_RequestInfo):
    """Tell what was asked: the URL without and with its fragment, the method and the fields sent."""

    __slots__ = ()

    def __new__(  # noqa: D102 -- the class's docstring tells
        cls, url: URL, method: str, headers: CIMultiDictProxy[str], real_url: URL = _UNSET
    ) -> RequestInfo:
        return super().__new__(cls, url, method, headers, url if real_url is None else real_url)


class ClientRequest:
    """Hold one request that is about to be sent.

    Args:
        method: a token; becomes upper case.
        url: absolute.
        params: added to the URL's query.
        headers: fields in the order in which they are sent after Host.
        skip_auto_headers: names of automatic fields to leave out.
        data: the body, see `body_of`.
        version: HTTP/1.1.
        chunked: send the body in chunks even if its length is known.
        expect100: wait for 100 Continue before the body is sent.
        loop: the running loop.
        response_class: what the response is made of.
        session: whose request it is.
        ssl: how the server is verified: True as the connector says, False not at all, a context or a
            `Fingerprint`.
        server_hostname: whom the certificate must be for, and SNI's name, in place of the URL's host.
        wire_limits: what the response may cost.
        traces: are told what happens to it.

    Raises:
        ValueError: something cannot be sent as it is; the message says what.
        InvalidURL: the URL has no host.
        TypeError: `data` is of a type that cannot be sent.
    """

    GET_METHODS: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS, hdrs.METH_TRACE})
    POST_METHODS: Final = frozenset({hdrs.METH_PATCH, hdrs.METH_POST, hdrs.METH_PUT})
    ALL_METHODS: Final = GET_METHODS | POST_METHODS | {hdrs.METH_DELETE}

    url = URL()  # both are here too for mocks that are made by the class
    method = "GET"

    DEFAULT_HEADERS: Mapping[str, str] = {
        hdrs.ACCEPT: "*/*",
        hdrs.ACCEPT_ENCODING: "gzip, deflate",
        hdrs.USER_AGENT: SERVER_SOFTWARE,
    }

    def __init__(
        self,
        method: str,
        url: URL,
        *,
        params: Query = None,
        headers: LooseHeaders | None = None,
        skip_auto_headers: Iterable[str] | None = None,
        data: Any = None,
        version: HttpVersion = HttpVersion11,
        chunked: bool | None = None,
        expect100: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        response_class: type[ClientResponse] | None = None,
        session: ClientSession | None = None,
        ssl: SSLChoice = True,
        server_hostname: str | None = None,
        wire_limits: WireLimits = DEFAULT_WIRE_LIMITS,
        traces: Sequence[Trace] = (),
    ) -> None:
        if match := _NO_TOKEN.search(method):
            raise ValueError(
                f"Method cannot contain non-token characters {method!r} (found at least {match.group()!r})"
            )
        if not method:
            raise ValueError("Method cannot be empty")
        if params:
            url = url.extend_query(params)
        if not url.raw_host:
            raise InvalidURL(url)
        self.method = method.upper()
        self.original_url = url
        self.url = url.with_fragment(None) if url.raw_fragment else url
        self.version = version
        self.loop = loop or asyncio.get_running_loop()
        self.response_class = response_class
        self.chunked = chunked
        self.expect100 = expect100
        self.wire_limits = wire_limits
        self.server_hostname = server_hostname
        self._ssl = True if ssl is None else ssl
        self._session = session
        self._traces = traces
        self._skip_auto_headers = CIMultiDict((name, None) for name in skip_auto_headers or ())
        self._body: RequestBody | None = None
        self.headers: CIMultiDict[str] = CIMultiDict()
        self._update_headers(headers)
        self._set_body(data)
        if expect100:
            self.headers[hdrs.EXPECT] = "100-continue"
        else:
            self.expect100 = self.headers.get(hdrs.EXPECT, "").lower() == "100-continue"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.method} {self.url}>"

    # --- what it is

    @property
    def session(self) -> ClientSession:
        """The session whose request it is, for middlewares that make requests of their own."""
        assert self._session is not None
        return self._session

    @property
    def skip_auto_headers(self) -> CIMultiDict[None]:
        """Names of automatic fields that are left out."""
        return self._skip_auto_headers

    @property
    def host(self) -> str:
        """The host, as it goes on the wire."""
        return self.url.raw_host or ""

    @property
    def port(self) -> int | None:
        """The port, the scheme's own if the URL names none."""
        return self.url.port

    @property
    def ssl(self) -> SSLChoice:
        """How the server is verified; True as the connector says."""
        return self._ssl

    def is_ssl(self) -> bool:
        """Tell whether the URL asks for TLS."""
        return self.url.scheme in _TLS_SCHEMES

    @property
    def connection_key(self) -> ConnectionKey:
        """What a connection must be good for to carry this request."""
        return ConnectionKey(
            self.host, self.port, self.is_ssl(), self._ssl, server_hostname=self.server_hostname
        )

    @property
    def request_info(self) -> RequestInfo:
        """What is asked, for responses and errors to refer to."""
        return RequestInfo(self.url, self.method, CIMultiDictProxy(self.headers), self.original_url)

    # --- header fields

    def _update_headers(self, headers: LooseHeaders | None) -> None:
        fields = self.headers
        fields[hdrs.HOST] = self.url.host_port_subcomponent or ""
        if headers:
            items = headers.items() if hasattr(headers, "items") else headers
            for name, value in items:
                if name.lower() == "host":
                    fields[hdrs.HOST] = value
                else:
                    fields.add(name, value)
        skipped = self._skip_auto_headers
        for name, value in self.DEFAULT_HEADERS.items():
            if name not in fields and name not in skipped:
                fields[name] = value

    # --- body

    @property
    def body(self) -> RequestBody | bytes:
        """The body, `b""` if there is none. Replace it by `await update_body(...)`."""
        return self._body or b""

    async def update_body(self, body: Any) -> None:
        """Replace the body, and the fields that describe it.

        Args:
            body: see `body_of`; None takes the body away.
        """
        self.headers.pop(hdrs.CONTENT_LENGTH, None)
        if self.chunked:
            self.headers.pop(hdrs.TRANSFER_ENCODING, None)
        self._set_body(body)

    def _set_body(self, data: Any) -> None:
        body = self._body = body_of(data)
        fields = self.headers
        chunked_by_field = "chunked" in fields.get(hdrs.TRANSFER_ENCODING, "").lower()
        if chunked_by_field and self.chunked:
            raise ValueError('chunked can not be set if "Transfer-Encoding: chunked" header is set')
        if body is None:
            if not (self.method in self.GET_METHODS or self.chunked or hdrs.CONTENT_LENGTH in fields):
                fields[hdrs.CONTENT_LENGTH] = "0"
        else:
            if not (self.chunked or chunked_by_field or hdrs.CONTENT_LENGTH in fields):
                if body.size is None:
                    self.chunked = True
                else:
                    fields[hdrs.CONTENT_LENGTH] = str(body.size)
            if hdrs.CONTENT_TYPE not in fields and hdrs.CONTENT_TYPE not in self._skip_auto_headers:
                fields[hdrs.CONTENT_TYPE] = body.content_type
        if self.chunked and (body is not None or self.method not in self.GET_METHODS):
            if hdrs.CONTENT_LENGTH in fields:
                raise ValueError("chunked can not be set if Content-Length header is set")
            fields[hdrs.TRANSFER_ENCODING] = "chunked"

    # --- for the wire

    @property
    def target(self) -> str:
        """The request target (RFC 9112 section 3.2): origin form, or authority form for CONNECT."""
        if self.method == hdrs.METH_CONNECT:
            return f"{self.url.host_subcomponent}:{self.url.port}"
        return self.url.raw_path_qs

    def content_length(self) -> int | None:
        """Give the length that the fields announce, None if the body goes in chunks.

        Raises:
            ValueError: Content-Length is no number, or not the body's; nothing has been sent.
        """
        announced = self.headers.get(hdrs.CONTENT_LENGTH)
        if announced is None:
            return None
        if not _DIGITS.fullmatch(announced):
            raise ValueError(f"Invalid Content-Length header: {announced!r}")
        return int(announced)

    def complete(self, *, force_close: bool) -> None:
        """Add the fields that depend on how the request is sent, as late as possible."""
        fields = self.headers
        if (
            self.method in self.POST_METHODS
            and hdrs.CONTENT_TYPE not in fields
            and hdrs.CONTENT_TYPE not in self._skip_auto_headers
        ):
            fields[hdrs.CONTENT_TYPE] = "application/octet-stream"
        if force_close and hdrs.CONNECTION not in fields:
            fields[hdrs.CONNECTION] = "close"

    def wire_fields(self) -> _core.Fields:
        """Check and encode the fields, in order.

        Raises:
            ValueError: a name is no token, or a value has a line break or control byte.
        """
        return _core.Fields((str(name), value) for name, value in self.headers.items())
