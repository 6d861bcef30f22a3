"""One call of the user, carried to its final response: through middlewares, connections, a retry and
redirects.

The session gathers what a call is (`Call`); `redirects` says what follows a redirect, the connector gives
connections, `exchange` sends. Here they are put in order. Cancelling a call leaves nothing behind: whatever
is under way is closed.
"""

from __future__ import annotations

import base64
import functools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from quinde import hdrs
from quinde.client.connector import BaseConnector
from quinde.client.exchange import exchange
from quinde.client.redirects import REDIRECT_STATUSES, follow, location_of
from quinde.client.request import ClientRequest
from quinde.client.response import ClientResponse
from quinde.client.timeouts import Deadline, seconds_until, total_over
from quinde.errors import (
    ClientConnectorError,
    ClientError,
    ClientOSError,
    ConnectionTimeoutError,
    InvalidUrlClientError,
    InvalidUrlRedirectClientError,
    ServerDisconnectedError,
    TooManyRedirects,
)

if TYPE_CHECKING:
    from multidict import CIMultiDict
    from yarl import URL

    from quinde.client.body import RequestBody
    from quinde.client.protocol import ResponseHandler, WireLimits
    from quinde.client.response import ResponseSettings
    from quinde.client.session import ClientSession
    from quinde.client.timeouts import ClientTimeout
    from quinde.client.tracing import Trace, TraceConfig
    from quinde.net.tls import SSLChoice
    from quinde.typedefs import Query

__all__ = (
    "Call",
    "ClientHandlerType",
    "ClientMiddlewareType",
    "RaiseForStatus",
    "carry",
    "carry_again",
    "check_status",
)

ClientHandlerType = Callable[[ClientRequest], Awaitable[ClientResponse]]
"""Sends a request and gives its response."""

ClientMiddlewareType = Callable[[ClientRequest, ClientHandlerType], Awaitable[ClientResponse]]
"""Is called for each request with what would send it, and gives a response."""

RaiseForStatus = bool | Callable[[ClientResponse], Awaitable[None]] | None
"""Whether a status of 400 or above raises, or who decides."""

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})  # RFC 9110 section 9.2.2


@dataclass(slots=True)
class Call:
    """Hold what the user asked for, with the session's defaults filled in."""

    session: ClientSession
    connector: BaseConnector
    method: str
    url: URL
    params: Query
    headers: CIMultiDict[str]
    body: RequestBody | None
    skip_auto_headers: frozenset[str]
    chunked: bool | None
    expect100: bool
    allow_redirects: bool
    max_redirects: int
    raise_for_status: RaiseForStatus
    timeout: ClientTimeout
    total_at: float | None
    wire_limits: WireLimits
    settings: ResponseSettings
    middlewares: Sequence[ClientMiddlewareType]
    request_class: type[ClientRequest]
    response_class: type[ClientResponse]
    ssl: SSLChoice
    server_hostname: str | None
    requote: bool
    may_retry: bool
    trace_configs: Sequence[TraceConfig]
    trace_request_ctx: object
    authorization: str | None = None
    traces: list[Trace] = field(default_factory=list)
    deadline: Deadline | None = None
    """What ends middlewares that take too long."""

    @property
    def full_url(self) -> URL:
        """The URL as traces see it."""
        return self.url.update_query(self.params or {})


async def carry_again(call: Call) -> ClientResponse:
    """Carry a call whose first attempt, made elsewhere, met a closed connection."""
    call.may_retry = False
    call.connector._counts.retries += 1
    return await carry(call)


async def carry(call: Call, response: ClientResponse | None = None) -> ClientResponse:
    """Carry a call to its final response.

    Args:
        call: what is asked for.
        response: the first response, if it has come already.

    Raises:
        ClientError: see the classes below it.
        TimeoutError: the time is over.
    """
    history: list[ClientResponse] = []
    call.may_retry = call.may_retry and call.method in _IDEMPOTENT
    try:
        if call.trace_configs:
            await _start_traces(call)
        while True:
            if response is None:
                call.url, from_url = _split_credentials(call.url, redirected=bool(history))
                if call.authorization is None or (history and from_url is not None):
                    call.authorization = from_url
                response = await _send(call)
            if not call.allow_redirects or response.status not in REDIRECT_STATUSES:
                break
            if not await _redirect(call, response, history):
                break
            response.release()
            response = None
        response._history = tuple(history)
        await check_status(response, call.raise_for_status)
        for trace in call.traces:
            await trace.send_request_end(call.method, call.full_url, call.headers, response)
    except BaseException as error:
        if response is not None:
            response.close()
        for trace in call.traces:
            await trace.send_request_exception(call.method, call.full_url, call.headers, error)
        raise
    return response


async def _redirect(call: Call, response: ClientResponse, history: list[ClientResponse]) -> bool:
    """Make the call what a redirect wants it to be; False if that does not say where to go."""
    for trace in call.traces:
        await trace.send_request_redirect(call.method, call.full_url, call.headers, response)
    history.append(response)
    if call.max_redirects and len(history) >= call.max_redirects:
        raise TooManyRedirects(history[0].request_info, tuple(history))
    location = location_of(response.headers)
    if location is None:
        return False
    hop = follow(
        response.status,
        location,
        method=call.method,
        url=response.url,
        headers=call.headers,
        body=call.body,
        requote=call.requote,
    )
    call.method, call.url, call.headers, call.body = hop.method, hop.url, hop.headers, hop.body
    call.params = None
    if not hop.same_origin:
        # Another origin has another name, and no right to these credentials.
        call.authorization = call.server_hostname = None
    return True


async def _start_traces(call: Call) -> None:
    """Make a trace for each config; those that have heard of the start will hear of the end."""
    from quinde.client.tracing import Trace

    for config in call.trace_configs:
        trace = Trace(call.session, config, config.trace_config_ctx(call.trace_request_ctx))
        await trace.send_request_start(call.method, call.full_url, call.headers)
        call.traces.append(trace)


async def check_status(response: ClientResponse, rule: RaiseForStatus) -> None:
    """Apply `raise_for_status`, which is a switch or a coroutine function of the user's."""
    if callable(rule):
        await rule(response)
    elif rule:
        response.raise_for_status()


def _split_credentials(url: URL, *, redirected: bool) -> tuple[URL, str | None]:
    """Take user and password out of a URL; gives the URL without, and the Authorization value (RFC 7617)."""
    if not url.raw_host:
        raise (InvalidUrlRedirectClientError if redirected else InvalidUrlClientError)(url)
    if url.raw_user is None and url.raw_password is None:
        return url, None
    pair = f"{url.user or ''}:{url.password or ''}"
    return url.with_user(None), "Basic " + base64.b64encode(pair.encode("latin-1")).decode("ascii")


def _make_request(call: Call) -> ClientRequest:
    body, authorization = call.body, call.authorization
    if authorization is not None and hdrs.AUTHORIZATION in call.headers:
        raise ValueError(
            "Cannot combine AUTHORIZATION header with AUTH argument or credentials encoded in URL"
        )
    request = call.request_class(
        call.method,
        call.url,
        params=call.params,
        headers=call.headers,
        skip_auto_headers=call.skip_auto_headers,
        data=body,
        chunked=call.chunked if body is not None or not call.chunked else None,
        expect100=call.expect100,
        loop=call.settings.loop,
        response_class=call.response_class,
        session=call.session,
        ssl=call.ssl,
        server_hostname=call.server_hostname,
        wire_limits=call.wire_limits,
        traces=call.traces,
    )
    if authorization is not None:
        request.headers[hdrs.AUTHORIZATION] = authorization
    return request


async def _send(call: Call) -> ClientResponse:
    """Send a request; once more if an idempotent one met a closed connection (RFC 9112 section 9.3.1)."""
    send: ClientHandlerType = functools.partial(_connect_and_exchange, call)
    for middleware in reversed(call.middlewares):
        send = functools.partial(middleware, handler=send)  # type: ignore[call-arg]
    while True:
        request = _make_request(call)
        try:
            if call.middlewares:
                response = await _send_in_time(call, request, send)
            else:
                response = await send(request)
        except (ConnectionTimeoutError, ClientConnectorError):
            raise
        except (ClientOSError, ServerDisconnectedError):
            body = call.body = request._body
            if not call.may_retry or (body is not None and body.consumed):
                raise
            call.may_retry = False
            call.connector._counts.retries += 1
        except ClientError:
            raise
        except OSError as error:
            if error.errno is None and isinstance(error, TimeoutError):
                raise
            raise ClientOSError(*error.args) from error
        else:
            call.body = request._body
            return response


async def _send_in_time(call: Call, request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
    """Send through middlewares, whose own waits count too."""
    call.deadline = Deadline(call.total_at)
    try:
        with call.deadline:
            return await send(request)
    finally:
        call.connector._counts.timeouts_total += call.deadline.fired


async def _connect_and_exchange(call: Call, request: ClientRequest) -> ClientResponse:
    """Get a connection, and make the exchange on it; what is slow there has limits and counters too."""
    deadline = call.deadline
    if deadline is None:
        return await _exchange_on_connection(call, request)
    if deadline.when is not None and deadline.when <= time.monotonic():
        # A middleware that tries again after its time: the server must not act on what nobody waits for.
        raise total_over()
    deadline.disarm()
    told = False
    try:
        return await _exchange_on_connection(call, request)
    except TimeoutError as error:
        # None of its kinds: `total` is over. The middleware is told by this, and may clear up.
        told = type(error) is TimeoutError
        raise
    finally:
        if not told:
            deadline.arm()


async def _exchange_on_connection(call: Call, request: ClientRequest) -> ClientResponse:
    connector = call.connector
    handler: ResponseHandler
    if type(connector).connect is BaseConnector.connect:
        key = request.connection_key
        handler = await connector._acquire(request, key, call.timeout, call.total_at, call.traces)
    else:
        deadline = Deadline(call.total_at)
        try:
            with deadline:
                try:
                    connection = await connector.connect(request, call.traces, call.timeout)
                except TimeoutError as error:
                    raise ConnectionTimeoutError(f"Connection timeout to host {request.url}") from error
        finally:
            connector._counts.timeouts_connect += deadline.fired
        assert connection.protocol is not None
        handler = connection.protocol
    return await exchange(
        request,
        handler,
        call.settings,
        force_close=connector.force_close,
        timeout=seconds_until(call.total_at),
        read_timeout=call.timeout.sock_read or 0.0,
        write_timeout=call.timeout.sock_write or 0.0,
    )
