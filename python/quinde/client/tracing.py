"""What happens to a request, told while it happens: `TraceConfig`, its signals, and what they are sent.

Names and order of events are aiohttp's; the signals of the socket and of TLS are quinde's own. A session
without a `TraceConfig` never comes here. Those who tell (`call`, `connector`, `tcp`, `exchange`, `response`)
hold a list of `Trace`, one for each config of the session, and tell one after the other; what a handler
raises ends the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar, overload

from aiosignal import Signal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence
    from ssl import SSLObject

    from multidict import CIMultiDict
    from yarl import URL

    from quinde.client.response import ClientResponse
    from quinde.client.session import ClientSession

__all__ = (
    "ConnectorTrace",
    "Trace",
    "TraceConfig",
    "TraceConnectionCreateEndParams",
    "TraceConnectionCreateStartParams",
    "TraceConnectionQueuedEndParams",
    "TraceConnectionQueuedStartParams",
    "TraceConnectionReuseconnParams",
    "TraceDnsCacheHitParams",
    "TraceDnsCacheMissParams",
    "TraceDnsResolveHostEndParams",
    "TraceDnsResolveHostStartParams",
    "TraceRequestChunkSentParams",
    "TraceRequestEndParams",
    "TraceRequestExceptionParams",
    "TraceRequestHeadersSentParams",
    "TraceRequestRedirectParams",
    "TraceRequestStartParams",
    "TraceResponseChunkReceivedParams",
    "TraceSocketConnectEndParams",
    "TraceSocketConnectStartParams",
    "TraceTlsHandshakeEndParams",
    "TraceTlsHandshakeStartParams",
)


# --- what handlers get


@dataclass(frozen=True, slots=True)
class TraceRequestStartParams:
    """Say what is asked for. The fields may be changed: that is what will be sent."""

    method: str
    url: URL
    headers: CIMultiDict[str]


@dataclass(frozen=True, slots=True)
class TraceRequestHeadersSentParams:
    """Say which fields have been sent, the automatic ones with them."""

    method: str
    url: URL
    headers: CIMultiDict[str]


@dataclass(frozen=True, slots=True)
class TraceRequestChunkSentParams:
    """Hold a piece of the request's body, as it was given."""

    method: str
    url: URL
    chunk: bytes


@dataclass(frozen=True, slots=True)
class TraceResponseChunkReceivedParams:
    """Hold the response's body, decoded."""

    method: str
    url: URL
    chunk: bytes


@dataclass(frozen=True, slots=True)
class TraceRequestEndParams:
    """Hold the final response; its body is still to be read."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    response: ClientResponse


@dataclass(frozen=True, slots=True)
class TraceRequestExceptionParams:
    """Say what a request failed with."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    exception: BaseException


@dataclass(frozen=True, slots=True)
class TraceRequestRedirectParams:
    """Hold a response that sends the request somewhere else."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    response: ClientResponse


@dataclass(frozen=True, slots=True)
class TraceConnectionQueuedStartParams:
    """Say nothing more."""


@dataclass(frozen=True, slots=True)
class TraceConnectionQueuedEndParams:
    """Say nothing more."""


@dataclass(frozen=True, slots=True)
class TraceConnectionCreateStartParams:
    """Say nothing more."""


@dataclass(frozen=True, slots=True)
class TraceConnectionCreateEndParams:
    """Say nothing more."""


@dataclass(frozen=True, slots=True)
class TraceConnectionReuseconnParams:
    """Say nothing more."""


@dataclass(frozen=True, slots=True)
class TraceDnsResolveHostStartParams:
    """Name the host that is looked up."""

    host: str


@dataclass(frozen=True, slots=True)
class TraceDnsResolveHostEndParams:
    """Name the host that was looked up."""

    host: str


@dataclass(frozen=True, slots=True)
class TraceDnsCacheHitParams:
    """Name the host."""

    host: str


@dataclass(frozen=True, slots=True)
class TraceDnsCacheMissParams:
    """Name the host."""

    host: str


@dataclass(frozen=True, slots=True)
class TraceSocketConnectStartParams:
    """Name the host, or the path of a Unix socket."""

    host: str


@dataclass(frozen=True, slots=True)
class TraceSocketConnectEndParams:
    """Name the host, and the address that answered, as `socket.getpeername` gives it."""

    host: str
    address: Any


@dataclass(frozen=True, slots=True)
class TraceTlsHandshakeStartParams:
    """Name whom the certificate must be for."""

    host: str


@dataclass(frozen=True, slots=True)
class TraceTlsHandshakeEndParams:
    """Name whom the certificate is for, and hold what knows version, cipher and certificate."""

    host: str
    ssl_object: SSLObject


# --- the signals

_Params = TypeVar("_Params")

_Signal = Signal["ClientSession", SimpleNamespace, _Params]


class _Event(Generic[_Params]):
    """Be a signal of each config, which cannot be replaced."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, config: None, owner: type) -> Self: ...
    @overload
    def __get__(self, config: TraceConfig, owner: type) -> _Signal[_Params]: ...
    def __get__(self, config: TraceConfig | None, owner: type) -> Self | _Signal[_Params]:
        return self if config is None else config._signals[self._name]

    def __set__(self, config: TraceConfig, signal: object) -> NoReturn:
        raise AttributeError(f"{self._name} is there to be appended to, not to be replaced")


class TraceConfig:
    """Hold coroutine functions that are told what happens to the requests of a session.

    Each signal is a list: `config.on_request_start.append(handler)`. A handler is called as
    `await handler(session, context, params)`, `context` being one object for all events of one request. A
    session freezes the configs that it is given: append before.

    Args:
        trace_config_ctx_factory: makes the context; called with `trace_request_ctx=`, which is what the
            call named so, None if nothing.
    """

    on_request_start = _Event[TraceRequestStartParams]()
    """A request begins; its fields may be changed."""
    on_request_headers_sent = _Event[TraceRequestHeadersSentParams]()
    """The head has been sent; once more for each redirect and repetition, as what follows."""
    on_request_chunk_sent = _Event[TraceRequestChunkSentParams]()
    """A piece of the body has been sent."""
    on_response_chunk_received = _Event[TraceResponseChunkReceivedParams]()
    """The body has been read as a whole, by `read()`, `text()` or `json()`."""
    on_request_end = _Event[TraceRequestEndParams]()
    """The head of the final response has come."""
    on_request_exception = _Event[TraceRequestExceptionParams]()
    """The request has failed, or was cancelled, before a response could be given."""
    on_request_redirect = _Event[TraceRequestRedirectParams]()
    """The head of a redirect has come, and is followed."""
    on_connection_queued_start = _Event[TraceConnectionQueuedStartParams]()
    """The connector's limit is reached: the request waits for a connection."""
    on_connection_queued_end = _Event[TraceConnectionQueuedEndParams]()
    """It waits no longer."""
    on_connection_create_start = _Event[TraceConnectionCreateStartParams]()
    """A new connection is opened."""
    on_connection_create_end = _Event[TraceConnectionCreateEndParams]()
    """It is open, and secured."""
    on_connection_reuseconn = _Event[TraceConnectionReuseconnParams]()
    """A connection that is there already is used."""
    on_dns_resolvehost_start = _Event[TraceDnsResolveHostStartParams]()
    """The host's name is looked up."""
    on_dns_resolvehost_end = _Event[TraceDnsResolveHostEndParams]()
    """Its addresses are known."""
    on_dns_cache_hit = _Event[TraceDnsCacheHitParams]()
    """Its addresses are known already, or about to be by another request's lookup."""
    on_dns_cache_miss = _Event[TraceDnsCacheMissParams]()
    """Its addresses are not known."""
    on_socket_connect_start = _Event[TraceSocketConnectStartParams]()
    """The host's addresses are tried; quinde's own, as the three below."""
    on_socket_connect_end = _Event[TraceSocketConnectEndParams]()
    """One of them has answered: a TCP connection is there (or one to a Unix socket)."""
    on_tls_handshake_start = _Event[TraceTlsHandshakeStartParams]()
    """The connection is being secured."""
    on_tls_handshake_end = _Event[TraceTlsHandshakeEndParams]()
    """It is secured."""

    def __init__(self, trace_config_ctx_factory: type[SimpleNamespace] = SimpleNamespace) -> None:
        self._make_context = trace_config_ctx_factory
        events = [name for name, event in vars(TraceConfig).items() if isinstance(event, _Event)]
        self._signals: dict[str, Any] = {name: Signal(self) for name in events}

    def trace_config_ctx(self, trace_request_ctx: Any = None) -> SimpleNamespace:
        """Make the context for one request."""
        return self._make_context(trace_request_ctx=trace_request_ctx)

    def freeze(self) -> None:
        """Let no signal be changed any more; a signal that is not frozen cannot be sent."""
        for signal in self._signals.values():
            signal.freeze()


class Trace:
    """Tell one config what happens to one request.

    Args:
        session: whose request it is.
        trace_config: who is told.
        trace_config_ctx: made by it for this request.
    """

    def __init__(
        self, session: ClientSession, trace_config: TraceConfig, trace_config_ctx: SimpleNamespace
    ) -> None:
        self._session = session
        self._config = trace_config
        self._context = trace_config_ctx

    def _send(self, signal: _Signal[_Params], params: _Params) -> Awaitable[None]:
        return signal.send(self._session, self._context, params)

    def send_request_start(self, method: str, url: URL, headers: CIMultiDict[str]) -> Awaitable[None]:
        """Tell `on_request_start`."""
        return self._send(self._config.on_request_start, TraceRequestStartParams(method, url, headers))

    def send_request_headers(self, method: str, url: URL, headers: CIMultiDict[str]) -> Awaitable[None]:
        """Tell `on_request_headers_sent`."""
        params = TraceRequestHeadersSentParams(method, url, headers)
        return self._send(self._config.on_request_headers_sent, params)

    def send_request_chunk_sent(self, method: str, url: URL, chunk: bytes) -> Awaitable[None]:
        """Tell `on_request_chunk_sent`."""
        return self._send(self._config.on_request_chunk_sent, TraceRequestChunkSentParams(method, url, chunk))

    def send_response_chunk_received(self, method: str, url: URL, chunk: bytes) -> Awaitable[None]:
        """Tell `on_response_chunk_received`."""
        params = TraceResponseChunkReceivedParams(method, url, chunk)
        return self._send(self._config.on_response_chunk_received, params)

    def send_request_end(
        self, method: str, url: URL, headers: CIMultiDict[str], response: ClientResponse
    ) -> Awaitable[None]:
        """Tell `on_request_end`."""
        params = TraceRequestEndParams(method, url, headers, response)
        return self._send(self._config.on_request_end, params)

    def send_request_exception(
        self, method: str, url: URL, headers: CIMultiDict[str], exception: BaseException
    ) -> Awaitable[None]:
        """Tell `on_request_exception`."""
        params = TraceRequestExceptionParams(method, url, headers, exception)
        return self._send(self._config.on_request_exception, params)

    def send_request_redirect(
        self, method: str, url: URL, headers: CIMultiDict[str], response: ClientResponse
    ) -> Awaitable[None]:
        """Tell `on_request_redirect`."""
        params = TraceRequestRedirectParams(method, url, headers, response)
        return self._send(self._config.on_request_redirect, params)

    def send_connection_queued_start(self) -> Awaitable[None]:
        """Tell `on_connection_queued_start`."""
        return self._send(self._config.on_connection_queued_start, TraceConnectionQueuedStartParams())

    def send_connection_queued_end(self) -> Awaitable[None]:
        """Tell `on_connection_queued_end`."""
        return self._send(self._config.on_connection_queued_end, TraceConnectionQueuedEndParams())

    def send_connection_create_start(self) -> Awaitable[None]:
        """Tell `on_connection_create_start`."""
        return self._send(self._config.on_connection_create_start, TraceConnectionCreateStartParams())

    def send_connection_create_end(self) -> Awaitable[None]:
        """Tell `on_connection_create_end`."""
        return self._send(self._config.on_connection_create_end, TraceConnectionCreateEndParams())

    def send_connection_reuseconn(self) -> Awaitable[None]:
        """Tell `on_connection_reuseconn`."""
        return self._send(self._config.on_connection_reuseconn, TraceConnectionReuseconnParams())

    def send_dns_resolvehost_start(self, host: str) -> Awaitable[None]:
        """Tell `on_dns_resolvehost_start`."""
        return self._send(self._config.on_dns_resolvehost_start, TraceDnsResolveHostStartParams(host))

    def send_dns_resolvehost_end(self, host: str) -> Awaitable[None]:
        """Tell `on_dns_resolvehost_end`."""
        return self._send(self._config.on_dns_resolvehost_end, TraceDnsResolveHostEndParams(host))

    def send_dns_cache_hit(self, host: str) -> Awaitable[None]:
        """Tell `on_dns_cache_hit`."""
        return self._send(self._config.on_dns_cache_hit, TraceDnsCacheHitParams(host))

    def send_dns_cache_miss(self, host: str) -> Awaitable[None]:
        """Tell `on_dns_cache_miss`."""
        return self._send(self._config.on_dns_cache_miss, TraceDnsCacheMissParams(host))

    def send_socket_connect_start(self, host: str) -> Awaitable[None]:
        """Tell `on_socket_connect_start`."""
        return self._send(self._config.on_socket_connect_start, TraceSocketConnectStartParams(host))

    def send_socket_connect_end(self, host: str, address: Any) -> Awaitable[None]:
        """Tell `on_socket_connect_end`."""
        return self._send(self._config.on_socket_connect_end, TraceSocketConnectEndParams(host, address))

    def send_tls_handshake_start(self, host: str) -> Awaitable[None]:
        """Tell `on_tls_handshake_start`."""
        return self._send(self._config.on_tls_handshake_start, TraceTlsHandshakeStartParams(host))

    def send_tls_handshake_end(self, host: str, ssl_object: SSLObject) -> Awaitable[None]:
        """Tell `on_tls_handshake_end`."""
        return self._send(self._config.on_tls_handshake_end, TraceTlsHandshakeEndParams(host, ssl_object))


class ConnectorTrace:
    """Tell all traces of a request what pool and resolver, which know no requests, have to tell.

    Args:
        traces: of the request; not empty.
    """

    def __init__(self, traces: Sequence[Trace]) -> None:
        self._traces = traces

    async def queued(self) -> None:
        """Tell that the request waits for a slot."""
        for trace in self._traces:
            await trace.send_connection_queued_start()

    async def served(self) -> None:
        """Tell that it has one."""
        for trace in self._traces:
            await trace.send_connection_queued_end()

    async def known(self, host: str) -> None:
        """Tell that a host's addresses are known, or about to be."""
        for trace in self._traces:
            await trace.send_dns_cache_hit(host)

    async def unknown(self, host: str) -> None:
        """Tell that a host, whose addresses are not known, is looked up."""
        for trace in self._traces:
            await trace.send_dns_cache_miss(host)
        for trace in self._traces:
            await trace.send_dns_resolvehost_start(host)

    async def found(self, host: str) -> None:
        """Tell that the lookup has come to its end."""
        for trace in self._traces:
            await trace.send_dns_resolvehost_end(host)
