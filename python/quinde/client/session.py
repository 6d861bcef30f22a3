"""`ClientSession`: gathers what a request is to be, from its own defaults and each call's options.

It decides nothing else: `call` carries a call out. Only the plainest of calls, a GET of a URL without options
over a connection that is idle in the pool, is made here from end to end, since that is what most calls are:
everything about it that does not change from call to call, its *plan*, is kept by URL. The result is the same
either way.
"""

from __future__ import annotations

import asyncio
import json as json_module
import sys
import time
import traceback
import warnings
from typing import TYPE_CHECKING, Any, Final, cast

from multidict import CIMultiDict, MultiDict, MultiDictProxy, getversion, istr
from yarl import URL

from quinde.client.body import body_of, json_body
from quinde.client.call import Call, carry, carry_again, check_status
from quinde.client.exchange import malformed, respond
from quinde.client.options import (
    DEFAULT_MAX_DECOMPRESSED_SIZE,
    RequestOptions,
    refuse_call,
    refuse_hooks,
    refuse_session,
)
from quinde.client.pending import OneShot
from quinde.client.plan import Plan, plan_for
from quinde.client.protocol import DEFAULT_WIRE_LIMITS, WireLimits
from quinde.client.redirects import REDIRECT_STATUSES
from quinde.client.request import ClientRequest
from quinde.client.response import ClientResponse, ResponseSettings, utf8
from quinde.client.tcp import TCPConnector
from quinde.client.timeouts import ClientTimeout, moment, seconds_until, session_timeout
from quinde.client.verbs import Verbs
from quinde.errors import (
    ClientOSError,
    HttpProcessingError,
    InvalidUrlClientError,
    NonHttpUrlClientError,
    ServerDisconnectedError,
)
from quinde.http.version import HttpVersion, HttpVersion11
from quinde.net.tls import choose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from quinde.client.call import ClientMiddlewareType, RaiseForStatus
    from quinde.client.connector import BaseConnector
    from quinde.client.tracing import TraceConfig
    from quinde.typedefs import JSONBytesEncoder, JSONEncoder, LooseHeaders, StrOrURL

__all__ = ("ClientSession", "request")

_UNSET: Final[Any] = object()
_SSL_OPTIONS: Final = (("ssl", True), ("verify_ssl", None), ("ssl_context", None), ("fingerprint", None))
_PLANNED: Final = frozenset({str, URL})  # the types of URLs that plans are kept by


class ClientSession(Verbs):
    """Make requests that share connections, header fields and other defaults.

    Must be made inside a running loop; making and entering it does no I/O.

    Args:
        base_url: absolute, its path ending with `/`; relative URLs are joined to it.
        connector: where connections come from; a `TCPConnector` by default.
        loop: the running loop.
        headers: sent with every request.
        skip_auto_headers: automatic fields to leave out.
        json_serialize: makes JSON text, `json.dumps` by default.
        json_serialize_bytes: makes encoded JSON; preferred if given.
        request_class: what requests are made of.
        response_class: what responses are made of.
        version: HTTP/1.1, the only one yet.
        connector_owner: close the connector with the session.
        raise_for_status: raise for a status of 400 or above, or a coroutine function that decides.
        timeout: of each call; 300 seconds in all and 30 for connecting by default.
        auto_decompress: decode bodies by their Content-Encoding.
        max_decompressed_size: bytes that `read()`, `text()` and `json()` decode a body to at most, 256 MiB by
            default; None for no limit. (Reading from `content` is bounded by the buffer instead.)
        requote_redirect_url: normalise the quoting of redirects' targets.
        trace_configs: are told what happens to each request; they are frozen.
        read_bufsize: low-water mark of a body's buffer in bytes, 256 KiB by default.
        max_line_size: bytes of a status line at most.
        max_field_size: bytes of a header field at most.
        max_headers: header fields at most.
        fallback_charset_resolver: guesses the encoding of a body that names none; UTF-8 by default.
        middlewares: what each request goes through, the first one outermost.
        ssl_shutdown_timeout: of the connector that the session makes, see `BaseConnector`.
        extra: arguments of aiohttp's that have no meaning yet; anything but their defaults is refused.

    Raises:
        NotImplementedError: an argument asks for what is not there yet.
        ValueError: `base_url` or `timeout` is not as it must be.
        RuntimeError: no loop is running, or the connector belongs to another one.
    """

    _connector: BaseConnector | None = None
    _source_traceback: traceback.StackSummary | None = None

    def __init__(
        self,
        base_url: StrOrURL | None = None,
        *,
        connector: BaseConnector | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        headers: LooseHeaders | None = None,
        skip_auto_headers: Iterable[str] | None = None,
        json_serialize: JSONEncoder = json_module.dumps,
        json_serialize_bytes: JSONBytesEncoder | None = None,
        request_class: type[ClientRequest] = ClientRequest,
        response_class: type[ClientResponse] = ClientResponse,
        version: HttpVersion | str = HttpVersion11,
        connector_owner: bool = True,
        raise_for_status: RaiseForStatus = False,
        timeout: ClientTimeout | None = None,
        auto_decompress: bool = True,
        max_decompressed_size: int | None = DEFAULT_MAX_DECOMPRESSED_SIZE,
        requote_redirect_url: bool = True,
        trace_configs: list[TraceConfig] | None = None,
        read_bufsize: int = DEFAULT_WIRE_LIMITS.read_bufsize,
        max_line_size: int = DEFAULT_WIRE_LIMITS.max_line_size,
        max_field_size: int = DEFAULT_WIRE_LIMITS.max_field_size,
        max_headers: int = DEFAULT_WIRE_LIMITS.max_headers,
        fallback_charset_resolver: Callable[[ClientResponse, bytes], str] = utf8,
        middlewares: Sequence[ClientMiddlewareType] = (),
        ssl_shutdown_timeout: float | None = 0,
        **extra: Any,
    ) -> None:
        self._timeout = session_timeout(timeout, extra)
        refuse_session(extra)
        if request_class is not ClientRequest:
            refuse_hooks(request_class)
        if version not in (HttpVersion11, "1.1"):
            raise NotImplementedError(f"version: only HTTP/1.1 can be spoken yet, not {version!r}")
        loop = loop or (connector._loop if connector is not None else None) or asyncio.get_running_loop()
        if connector is not None and connector._loop is not loop:
            raise RuntimeError("Session and connector has to use same event loop")
        self._base_url = _base_url(base_url)
        self._loop = loop
        self._default_headers: CIMultiDict[str] = CIMultiDict(headers or ())
        self._skip_auto_headers = frozenset(istr(name) for name in skip_auto_headers or ())
        self._json_serialize = json_serialize
        self._json_serialize_bytes = json_serialize_bytes
        self._request_class = request_class
        self._response_class = response_class
        self._version = HttpVersion11
        self._connector_owner = connector_owner
        self._raise_for_status = raise_for_status
        self._auto_decompress = auto_decompress
        self._max_decompressed_size = max_decompressed_size
        self._requote_redirect_url = requote_redirect_url
        limits = WireLimits(max_line_size, max_field_size, max_headers, read_bufsize)
        # One object for equal limits: they are compared by identity first, also between sessions.
        self._wire_limits = DEFAULT_WIRE_LIMITS if limits == DEFAULT_WIRE_LIMITS else limits
        self._resolve_charset = fallback_charset_resolver
        self._middlewares = middlewares
        self._trace_configs = trace_configs or []
        for config in self._trace_configs:
            config.freeze()
        self._may_plan = not self._trace_configs
        self._retry_connection = True
        self._plans: dict[StrOrURL, Plan] = {}
        if loop.get_debug():
            self._source_traceback = traceback.extract_stack(sys._getframe(1))
        if connector is None:
            connector = TCPConnector(loop=loop, ssl_shutdown_timeout=ssl_shutdown_timeout)
        self._connector = connector
        self._settings = ResponseSettings(
            loop,
            self._connector,
            auto_decompress,
            max_decompressed_size,
            read_bufsize,
            fallback_charset_resolver,
            loop.get_debug(),
        )

    def __del__(self) -> None:
        if self.closed:
            return
        warnings.warn(f"Unclosed client session {self!r}", ResourceWarning, source=self, stacklevel=1)
        context: dict[str, Any] = {"client_session": self, "message": "Unclosed client session"}
        if self._source_traceback is not None:
            context["source_traceback"] = self._source_traceback
        self._loop.call_exception_handler(context)

    def __enter__(self) -> None:
        raise TypeError("Use async with instead")

    def __exit__(self, *_: object) -> None:
        """Exist, so that `with` gets as far as the error above."""

    async def __aenter__(self) -> ClientSession:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.close()

    # --- making a request

    async def _request(
        self, method: str, str_or_url: StrOrURL, *, allow_redirects: bool = True, **options: Any
    ) -> ClientResponse:
        """Make a request and give its final response. Third-party code overrides and wraps this one."""
        connector = self._connector
        if connector is None or connector._closed:
            raise RuntimeError("Session is closed")
        now = time.monotonic()
        plan = None
        if not options and method == "GET" and not self._middlewares and type(str_or_url) in _PLANNED:
            plan = self._plans.get(str_or_url)
            if plan is None or plan.version != getversion(cast(Any, self._default_headers)):
                plan = plan_for(self, str_or_url, connector)
        if plan is None or plan.connector is not connector:
            given = cast(RequestOptions, options)
            return await carry(self._gather(connector, method, str_or_url, now, allow_redirects, given))
        timeout = self._timeout
        total = timeout.total or 0.0
        handler: Any = connector._pool.take(plan.host, now)
        if handler is None or handler.limits is not plan.limits:
            handler, total = await self._wait_for_connection(plan, handler, now)
        serial = handler.serial
        try:
            handle = await handler.connection.request(
                "GET",
                plan.target,
                plan.fields,
                None,
                None,
                total,
                timeout.sock_read or 0.0,
                timeout.sock_write or 0.0,
            )
        except BaseException as error:
            handler.abort_exchange(serial)
            return await self._recover(plan, error, now, allow_redirects)
        if self._response_class is ClientResponse:
            response = ClientResponse.__new__(ClientResponse)
            response._attach(handle, handler, serial, plan.request, self._settings)
        else:
            response = await respond(plan.request, handle, handler, serial, self._settings, None)
        if allow_redirects and response.status in REDIRECT_STATUSES:
            call = self._gather(connector, "GET", plan.request.original_url, now, True, {})
            return await carry(call, response)
        if self._raise_for_status:
            try:
                await check_status(response, self._raise_for_status)
            except BaseException:
                response.close()
                raise
        return response

    async def _wait_for_connection(self, plan: Plan, unfit: Any, now: float) -> tuple[Any, float]:
        """Get a connection where no idle one fits; gives the seconds that are left too."""
        if unfit is not None:
            plan.connector._pool.recycle(unfit)
        total_at = moment(self._timeout.total, now, self._timeout.ceil_threshold)
        handler = await plan.connector._acquire(plan.request, plan.key, self._timeout, total_at)
        if handler.host is not None:
            plan.host = handler.host
        return handler, seconds_until(total_at)

    async def _recover(
        self, plan: Plan, error: BaseException, now: float, allow_redirects: bool
    ) -> ClientResponse:
        """Try again after a connection that was closed, or raise what a plain GET failed with."""
        if isinstance(error, HttpProcessingError):
            raise malformed(plan.request, error) from error
        if not self._retry_connection or not isinstance(error, ClientOSError | ServerDisconnectedError):
            raise error
        call = self._gather(plan.connector, "GET", plan.request.original_url, now, allow_redirects, {})
        return await carry_again(call)

    def _gather(
        self,
        connector: BaseConnector,
        method: str,
        str_or_url: StrOrURL,
        now: float,
        allow_redirects: bool,
        options: RequestOptions,
    ) -> Call:
        """Put a call together of this session's defaults and the call's options.

        Raises:
            InvalidUrlClientError: the URL is none.
            NonHttpUrlClientError: its scheme is not the connector's.
            NotImplementedError: an option is not there yet.
        """
        given: dict[str, Any] = dict(options)
        data, json = given.pop("data", None), given.pop("json", None)
        if data is not None and json is not None:
            raise ValueError("data and json parameters can not be used at the same time")
        body = body_of(data)
        if json is not None:
            body = json_body(json, self._json_serialize, self._json_serialize_bytes)
        try:
            url = self._build_url(str_or_url)
        except ValueError as error:
            raise InvalidUrlClientError(str_or_url) from error
        if url.scheme not in connector.allowed_protocol_schema_set:
            raise NonHttpUrlClientError(url)
        timeout = given.pop("timeout", _UNSET)
        if timeout is _UNSET:
            timeout = self._timeout
        elif not isinstance(timeout, ClientTimeout):
            timeout = ClientTimeout(total=timeout)
        skipped = frozenset(istr(name) for name in given.pop("skip_auto_headers", None) or ())
        middlewares = given.pop("middlewares", None)
        rule = given.pop("raise_for_status", None)
        limits = _limits_of(self._wire_limits, given)
        call = Call(
            session=self,
            connector=connector,
            method=method.upper(),
            url=url,
            params=given.pop("params", None),
            headers=self._prepare_headers(given.pop("headers", None)),
            body=body,
            skip_auto_headers=self._skip_auto_headers | skipped,
            chunked=given.pop("chunked", None),
            expect100=given.pop("expect100", False),
            allow_redirects=allow_redirects,
            max_redirects=given.pop("max_redirects", 10),
            raise_for_status=self._raise_for_status if rule is None else rule,
            timeout=timeout,
            total_at=moment(timeout.total, now, timeout.ceil_threshold),
            wire_limits=limits,
            settings=_settings_of(self._settings, given, limits),
            middlewares=self._middlewares if middlewares is None else middlewares,
            request_class=self._request_class,
            response_class=self._response_class,
            ssl=choose(*(given.pop(name, default) for name, default in _SSL_OPTIONS)),
            server_hostname=given.pop("server_hostname", None),
            requote=self._requote_redirect_url,
            may_retry=self._retry_connection,
            trace_configs=self._trace_configs,
            trace_request_ctx=given.pop("trace_request_ctx", None),
        )
        refuse_call(given)
        return call

    def _build_url(self, str_or_url: StrOrURL) -> URL:
        url = URL(str_or_url)
        if self._base_url is not None and not url.absolute:
            return self._base_url.join(url)
        return url

    def _prepare_headers(self, headers: LooseHeaders | None) -> CIMultiDict[str]:
        return _merge(self._default_headers, headers)

    # --- state

    @property
    def closed(self) -> bool:
        """Whether the session, or its connector, is closed."""
        return self._connector is None or self._connector.closed

    @property
    def connector(self) -> BaseConnector | None:
        """The connector; None once the session is closed or detached."""
        return self._connector

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop (deprecated by aiohttp)."""
        warnings.warn("client.loop property is deprecated", DeprecationWarning, stacklevel=2)
        return self._loop

    @property
    def timeout(self) -> ClientTimeout:
        """The limits of a call that names none."""
        return self._timeout

    @property
    def headers(self) -> CIMultiDict[str]:
        """Fields sent with every request; changing them changes the requests to come."""
        return self._default_headers

    @property
    def skip_auto_headers(self) -> frozenset[istr]:
        """Automatic fields that are left out."""
        return self._skip_auto_headers

    @property
    def version(self) -> HttpVersion:
        """The HTTP version that is spoken."""
        return self._version

    @property
    def json_serialize(self) -> JSONEncoder:
        """What makes JSON text."""
        return self._json_serialize

    @property
    def connector_owner(self) -> bool:
        """Whether the connector is closed with the session."""
        return self._connector_owner

    @property
    def raise_for_status(self) -> RaiseForStatus:
        """Whether a status of 400 or above raises, or who decides."""
        return self._raise_for_status

    @property
    def auto_decompress(self) -> bool:
        """Whether bodies are decoded."""
        return self._auto_decompress

    @property
    def requote_redirect_url(self) -> bool:
        """Whether the quoting of redirects' targets is normalised."""
        return self._requote_redirect_url

    @requote_redirect_url.setter
    def requote_redirect_url(self, value: bool) -> None:
        warnings.warn(
            "session.requote_redirect_url modification is deprecated", DeprecationWarning, stacklevel=2
        )
        self._requote_redirect_url = value

    @property
    def trace_configs(self) -> list[TraceConfig]:
        """Those who are told what happens to each request."""
        # Whoever has the list may add to it, as in aiohttp: plans would pass by what is added.
        self._may_plan = False
        self._plans.clear()
        return self._trace_configs

    def detach(self) -> None:
        """Let the connector go without closing it; the session is closed then."""
        self._connector = None

    async def close(self) -> None:
        """Close the session, and its connector if it owns it; waits until the connections are gone."""
        connector, owned = self._connector, self._connector_owner
        self._connector = None
        self._plans.clear()
        if connector is not None and owned and not connector.closed:
            await connector.close()


def _merge(defaults: CIMultiDict[str], headers: LooseHeaders | None) -> CIMultiDict[str]:
    """Merge a call's fields into the session's: a name that the call has replaces the session's."""
    merged = CIMultiDict(defaults)
    if headers:
        own = headers if isinstance(headers, MultiDict | MultiDictProxy) else CIMultiDict(headers)
        for name in {istr(name) for name in own}:
            merged.popall(name, None)
        merged.extend(own)
    return merged


def _limits_of(own: WireLimits, given: dict[str, Any]) -> WireLimits:
    changed = {name: value for name in own._fields if (value := given.pop(name, None)) is not None}
    return own._replace(**changed) if changed else own


def _settings_of(own: ResponseSettings, given: dict[str, Any], limits: WireLimits) -> ResponseSettings:
    auto = given.pop("auto_decompress", None)
    size = given.pop("max_decompressed_size", _UNSET)
    if auto is None and size is _UNSET and limits.read_bufsize == own.read_bufsize:
        return own
    return own._replace(
        auto_decompress=own.auto_decompress if auto is None else auto,
        max_decompressed_size=own.max_decompressed_size if size is _UNSET else size,
        read_bufsize=limits.read_bufsize,
    )


def _base_url(base_url: StrOrURL | None) -> URL | None:
    if base_url is None:
        return None
    url = URL(base_url)
    if not url.absolute:
        raise ValueError(f"base_url must be absolute, not {base_url!r}")
    if not url.path.endswith("/"):
        raise ValueError("base_url must have a trailing '/'")
    return url


def request(
    method: str,
    url: StrOrURL,
    *,
    version: HttpVersion | str = HttpVersion11,
    connector: BaseConnector | None = None,
    loop: asyncio.AbstractEventLoop | None = None,
    timeout: ClientTimeout | None = None,
    **kwargs: Any,
) -> OneShot:
    """Make one request without a session: `async with quinde.request("GET", url) as response`.

    Args:
        method: a token.
        url: absolute.
        version: HTTP/1.1, the only one yet.
        connector: where the connection comes from; it stays open. A new one by default.
        loop: the running loop.
        timeout: how long it may take.
        kwargs: see `RequestOptions`.
    """
    owned = connector is None
    connector = TCPConnector(loop=loop, force_close=True) if connector is None else connector
    session = ClientSession(
        loop=loop, connector=connector, connector_owner=owned, timeout=timeout, version=version
    )
    return OneShot(session._request(method, url, **kwargs), session)
