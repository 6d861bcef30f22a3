"""One call of the user, carried to its final response: through middlewares, connections, a retry and
redirects.

The session gathers what a call is (`Call`); `redirects` says what follows a redirect, the connector gives
connections, `exchange` sends. Here they are put in order. Cancelling a call leaves nothing behind: whatever
is under way is closed.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from quinde import hdrs
from quinde.client.connector import BaseConnector
from quinde.client.exchange import exchange
from quinde.client.redirects import REDIRECT_STATUSES, follow, location_of
from quinde.client.request import ClientRequest
from quinde.client.response import ClientResponse
from quinde.client.timeouts import Deadline, seconds_until
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
    method, url, headers, body = call.method, call.url, call.headers, call.body
    authorization: str | None = None
    may_retry = call.may_retry and method in _IDEMPOTENT
    try:
        while True:
            if response is None:
                url, from_url = _split_credentials(url, redirected=bool(history))
                if authorization is None or (history and from_url is not None):
                    authorization = from_url
                make = functools.partial(
                    _make_request,
                    call,
                    method,
                    url,
                    call.params if not history else None,
                    headers,
                    authorization,
                )
                response, body = await _send(call, make, body, may_retry)
            if not call.allow_redirects or response.status not in REDIRECT_STATUSES:
                break
            history.append(response)
            if call.max_redirects and len(history) >= call.max_redirects:
                raise TooManyRedirects(history[0].request_info, tuple(history))
            location = location_of(response.headers)
            if location is None:
                break
            hop = follow(
                response.status,
                location,
                method=method,
                url=response.url,
                headers=headers,
                body=body,
                requote=call.requote,
            )
            method, url, headers, body = hop.method, hop.url, hop.headers, hop.body
            if not hop.same_origin:
                # Another origin has another name, and no right to these credentials.
                authorization = call.server_hostname = None
            response.release()
            response = None
        response._history = tuple(history)
        await check_status(response, call.raise_for_status)
    except BaseException:
        if response is not None:
            response.close()
        raise
    return response


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


def _make_request(
    call: Call,
    method: str,
    url: URL,
    params: Query,
    headers: CIMultiDict[str],
    authorization: str | None,
    body: RequestBody | None,
) -> ClientRequest:
    if authorization is not None and hdrs.AUTHORIZATION in headers:
        raise ValueError(
            "Cannot combine AUTHORIZATION header with AUTH argument or credentials encoded in URL"
        )
    request = call.request_class(
        method,
        url,
        params=params,
        headers=headers,
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
    )
    if authorization is not None:
        request.headers[hdrs.AUTHORIZATION] = authorization
    return request


async def _send(
    call: Call,
    make: Callable[[RequestBody | None], ClientRequest],
    body: RequestBody | None,
    may_retry: bool,
) -> tuple[ClientResponse, RequestBody | None]:
    """Send a request; once more if an idempotent one met a closed connection (RFC 9112 section 9.3.1)."""
    send: ClientHandlerType = functools.partial(_connect_and_exchange, call)
    for middleware in reversed(call.middlewares):
        send = functools.partial(middleware, handler=send)  # type: ignore[call-arg]
    while True:
        request = make(body)
        try:
            if call.middlewares:
                with Deadline(call.total_at):
                    response = await send(request)
            else:
                response = await send(request)
        except (ConnectionTimeoutError, ClientConnectorError):
            raise
        except (ClientOSError, ServerDisconnectedError):
            body = request._body
            if not may_retry or (body is not None and body.consumed):
                raise
            may_retry = False
            call.connector._counts.retries += 1
        except ClientError:
            raise
        except OSError as error:
            if error.errno is None and isinstance(error, TimeoutError):
                raise
            raise ClientOSError(*error.args) from error
        else:
            return response, request._body


async def _connect_and_exchange(call: Call, request: ClientRequest) -> ClientResponse:
    """Get a connection, and make the exchange on it."""
    connector = call.connector
    handler: ResponseHandler
    if type(connector).connect is BaseConnector.connect:
        handler = await connector._acquire(request, request.connection_key, call.timeout, call.total_at)
    else:
        with Deadline(call.total_at):
            try:
                connection = await connector.connect(request, [], call.timeout)
            except TimeoutError as error:
                raise ConnectionTimeoutError(f"Connection timeout to host {request.url}") from error
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
