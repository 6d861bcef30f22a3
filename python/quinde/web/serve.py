"""The life of one request: the coroutine that becomes its Task.

Two shapes, chosen once when a server starts. `serve_directly` is the hot path of an `Application` without
middlewares, signals, overridden seams or a foreign access logger: routing by the core, the handler, one call
that answers, and that writes the access log if the core does. `serve_by_handler` takes every other server.
Both end in `conclude` when the answer needs more than one call, and in `recover` when the handler raises.

Whatever happens, the core is told the end: by `respond()`, or by `done()`, which closes the connection if the
answer is not complete.
"""

from __future__ import annotations

import asyncio
import html
import traceback
import warnings
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from quinde.errors import HttpProcessingError
from quinde.web.exceptions import HTTPException
from quinde.web.log import AccessLogger
from quinde.web.request import BaseRequest, Request, RequestPayloadError
from quinde.web.response import Response
from quinde.web.stream import StreamResponse
from quinde.web.writer import IncompleteBodyError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from quinde._core import IncomingRequest
    from quinde.web.application import Application
    from quinde.web.server import Server

__all__ = ("conclude", "recover", "serve_by_handler", "serve_directly")

# What `recover` gives when nothing can be answered any more.
ABANDONED: Final = object()

_OCTET_STREAM: Final = "application/octet-stream"


def serve_directly(  # noqa: C901  # hot: calls cost more than branches
    server: Server, app: Application
) -> Callable[[IncomingRequest], Coroutine[Any, Any, None]]:
    """Make the coroutine function that serves an application which nothing stands before."""
    find = app.router.finder()
    log = server.access_logger.log if type(server.access_logger) is AccessLogger else None

    async def serve(incoming: IncomingRequest) -> None:  # noqa: C901  # same
        request = Request(incoming, server)
        response: Any
        try:
            found = find(incoming)
            if type(found) is tuple:
                request._found = found
                response = await found[0]._handler(request)
            else:
                response = await app._handle(request)
        except Exception as exc:
            response = recover(server, request, exc)
        except BaseException:
            incoming.done()  # cancelled, or the process is to end: there is no answer
            raise
        if type(response) is Response and response._plain:
            body = response._body
            content_type = response._content_type_field
            if not body or content_type is None:
                # Two answers that the core does not make: HEAD without a length, HEAD without a type.
                if incoming.method == "HEAD":
                    await conclude(server, request, response)
                    return
                if not body:
                    body = b""
                elif content_type is None:
                    content_type = _OCTET_STREAM
            try:
                incoming.respond(response._status, content_type, body)  # type: ignore[arg-type]  # plain: bytes
            except Exception as exc:
                await conclude(server, request, recover(server, request, exc))
            else:
                if log is not None:
                    response._body_length = incoming.output_size
                    log(request, response, incoming.elapsed)
            if incoming.body is not None:
                request._close_body()
        else:
            await conclude(server, request, response)

    return serve


def serve_by_handler(server: Server) -> Callable[[IncomingRequest], Coroutine[Any, Any, None]]:
    """Make the coroutine function that serves any server."""
    handler = server.request_handler
    make_request = server.request_factory

    async def serve(incoming: IncomingRequest) -> None:
        request = make_request(incoming, server)
        response: Any
        try:
            response = await handler(request)
        except Exception as exc:
            response = recover(server, request, exc)
        except BaseException:
            incoming.done()  # cancelled, or the process is to end: there is no answer
            raise
        await conclude(server, request, response)

    return serve


async def conclude(server: Server, request: BaseRequest, response: Any) -> None:
    """Send what a handler gave, tell the core that the request has ended, write the access log.

    Args:
        server: The server, for its logs.
        request: The request.
        response: What the handler returned, or `recover` gave instead.
    """
    incoming = request._incoming
    try:
        if response is not ABANDONED:
            response = await _send_checked(server, request, response)
            server.log_access(request, response)
    except ConnectionError:
        server.logger.debug("The client %s has gone before its answer was sent", request.remote)
    finally:
        incoming.done()
        request._close_body()


async def _send_checked(server: Server, request: BaseRequest, returned: Any) -> StreamResponse:
    """Send a response, or in its place what tells that it cannot be sent; return the one that was sent."""
    response = _checked(server, request, returned)
    try:
        await _send(request, response)
    except IncompleteBodyError as exc:
        # The handler is to blame, but where it stopped writing is not in this traceback.
        server.logger.error("The answer to %r is incomplete, the connection is closed: %s", request, exc)
    except Exception as exc:
        substitute = recover(server, request, exc)
        if substitute is not ABANDONED:
            # Without signals: it was perhaps one of them that failed.
            await _send(_Unhooked(request._incoming, server), substitute)
            response = substitute
    return response


async def _send(request: BaseRequest, response: StreamResponse) -> None:
    await response.prepare(request)
    await response.write_eof()


class _Unhooked(BaseRequest):
    """The request for an answer that nobody else may touch: `BaseRequest` has no signals."""


def _checked(server: Server, request: BaseRequest, response: Any) -> StreamResponse:
    """Return the response, or a 500 if it cannot be sent, with a line in the log that says what to change."""
    if isinstance(response, HTTPException) and response.__traceback__ is None and not response.prepared:
        # One that was raised has a traceback; a handler that prepared it knows what it does.
        warnings.warn(
            f"returning {type(response).__name__} is deprecated, please raise it instead",
            DeprecationWarning,
            stacklevel=3,
        )
    if isinstance(response, StreamResponse):
        if not response.prepared or request._incoming.started:
            return response
        problem = f"returned a response that was sent before, {response!r}: make a new one for each request"
    elif response is None:
        problem = "returned None instead of a response: is a `return` missing?"
    else:
        problem = f"returned {response!r} instead of a web.Response or another web.StreamResponse"
    server.logger.error("Handler %s for %r %s", _name_handler(server, request), request, problem)
    return _server_error(server, request, None)


def _name_handler(server: Server, request: BaseRequest) -> str:
    handler: Any = server.request_handler
    if isinstance(request, Request) and (request._found is not None or request._match_info is not None):
        handler = request.match_info.handler
    return (
        f"{handler.__module__}.{handler.__qualname__}" if hasattr(handler, "__qualname__") else repr(handler)
    )


def recover(server: Server, request: BaseRequest, exc: Exception) -> Any:
    """Find the answer to an exception of a handler.

    Returns:
        The response, or `ABANDONED` when an answer has been begun or the client has gone.
    """
    if isinstance(exc, HTTPException):
        return exc
    incoming = request._incoming
    if isinstance(exc, ConnectionError) and incoming.disconnected:
        server.logger.debug("The client %s has gone while its request was handled", request.remote)
        return ABANDONED
    if isinstance(exc, (RequestPayloadError, HttpProcessingError)):
        server.logger.debug("Cannot read the body of a request from %s", request.remote, exc_info=exc)
        return ABANDONED if incoming.started else _bad_body(exc)
    if isinstance(exc, asyncio.TimeoutError):
        server.logger.debug("Request handler timed out.", exc_info=exc)
        server.logger.error("Error handling request from %s: the handler timed out", request.remote)
    else:
        server.logger.exception("Error handling request from %s", request.remote, exc_info=exc)
    if incoming.started:
        return ABANDONED  # half an answer is sent: only the end of the connection can tell that it is broken
    if isinstance(exc, asyncio.TimeoutError):
        response = Response(status=504, content_type="text/plain")
        response.force_close()
        return response
    return _server_error(server, request, exc)


def _bad_body(exc: RequestPayloadError | HttpProcessingError) -> Response:
    """Answer a body that breaks HTTP's rules; its connection is of no use any more."""
    cause = exc if isinstance(exc, HttpProcessingError) else exc.__cause__
    status = cause.code if isinstance(cause, HttpProcessingError) and 400 <= cause.code < 500 else 400
    message = exc.message if isinstance(exc, HttpProcessingError) else str(exc)
    response = Response(status=status, text=message or HTTPStatus(status).phrase)
    response.force_close()
    return response


def _server_error(server: Server, request: BaseRequest, exc: Exception | None) -> Response:
    """Make the 500 of a handler that failed; with the traceback only where the loop is in debug mode."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    title = f"{status.value} {status.phrase}"
    trace = "".join(traceback.format_exception(exc)) if server.debug and exc is not None else None
    if "text/html" in (request._incoming.header("Accept") or ""):
        detail = (
            status.description if trace is None else f"<h2>Traceback:</h2>\n<pre>{html.escape(trace)}</pre>"
        )
        text = (
            f"<html><head><title>{title}</title></head><body>\n<h1>{title}</h1>\n{detail}\n</body></html>\n"
        )
        response = Response(status=500, text=text, content_type="text/html")
    else:
        response = Response(status=500, text=f"{title}\n\n{trace or status.description}")
    response.force_close()
    return response
