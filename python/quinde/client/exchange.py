"""One request on one connection, until the response's head is there.

Cancelled or failed anywhere after the first byte went out, the connection is closed at once and its slot
returned. What the core raises is what aiohttp would; only a head that breaks HTTP's rules becomes a
`ClientResponseError` here, since that one names the request.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from quinde.client.response import ClientResponse
from quinde.errors import ClientConnectionError, ClientOSError, ClientResponseError, HttpProcessingError

if TYPE_CHECKING:
    from quinde import _core
    from quinde.client.body import RequestBody
    from quinde.client.protocol import ResponseHandler
    from quinde.client.request import ClientRequest
    from quinde.client.response import ResponseSettings

__all__ = ("exchange", "malformed", "respond")


async def exchange(
    request: ClientRequest,
    handler: ResponseHandler,
    settings: ResponseSettings,
    *,
    force_close: bool,
    timeout: float,
    read_timeout: float,
    write_timeout: float,
) -> ClientResponse:
    """Send a request and wait for the response's head.

    Args:
        request: what to send.
        handler: the connection, idle and in nobody else's use.
        settings: for the response.
        force_close: ask the server to close afterwards.
        timeout: seconds left until the body must have been read; 0 for no limit.
        read_timeout: seconds between two receives; 0 for no limit.
        write_timeout: seconds without a byte that the server takes; 0 for no limit.

    Returns:
        The response; it holds the connection.

    Raises:
        ValueError: the request cannot be sent as it is; nothing was, and the connection is closed.
        ClientError: it failed; the connection is closed.
        TimeoutError: the time is over; the connection is closed.
        asyncio.CancelledError: the connection is closed.
    """
    serial = handler.serial
    connection = handler.connection
    assert connection is not None
    writer: asyncio.Task[None] | None = None
    try:
        request.complete(force_close=force_close)
        fields = request.wire_fields()
        body = request._body
        target = request.target
        whole = b"" if body is None else body.content
        # RFC 9110 section 10.1.1: without a body there is nothing to wait for.
        waits = request.expect100 and body is not None
        if isinstance(whole, bytes) and not request.chunked and not waits:
            length = request.content_length()
            if length is not None and length != len(whole):
                raise ValueError(f"Content-Length is {length}, and the body has {len(whole)} bytes")
            future = connection.request(
                request.method, target, fields, None, whole or None, timeout, read_timeout, write_timeout
            )
            if request._traces:
                await _tell_sent(request, None if body is None else whole, future)
        else:
            length = request.content_length()
            outgoing = connection.start(
                request.method,
                target,
                fields,
                None,
                length,
                request.expect100,
                timeout,
                read_timeout,
                write_timeout,
            )
            future = outgoing.wait()
            if request._traces:
                await _tell_sent(request, None, future)
            writer = asyncio.create_task(_write(request, outgoing, handler, serial, future))
        try:
            handle = await future
        except HttpProcessingError as error:
            raise malformed(request, error) from error
    except BaseException:
        if writer is not None:
            writer.cancel()
        handler.abort_exchange(serial)
        raise
    return await respond(request, handle, handler, serial, settings, writer)


async def _tell_sent(
    request: ClientRequest, body: bytes | None, head: asyncio.Future[_core.IncomingResponse]
) -> None:
    """Tell that a request's head has been sent, and the body that went with it."""
    try:
        for trace in request._traces:
            await trace.send_request_headers(request.method, request.url, request.headers)
        if body is not None:
            await _tell_piece_sent(request, body)
    except BaseException:
        head.cancel()  # nobody will wait for it
        raise


async def _tell_piece_sent(request: ClientRequest, piece: bytes | bytearray | memoryview) -> None:
    for trace in request._traces:
        await trace.send_request_chunk_sent(request.method, request.url, piece)  # type: ignore[arg-type]


def malformed(request: ClientRequest, error: HttpProcessingError) -> ClientResponseError:
    """Make the error for a response head that breaks HTTP's rules."""
    return ClientResponseError(
        request.request_info, (), status=error.code, message=error.message, headers=error.headers
    )


async def respond(
    request: ClientRequest,
    handle: _core.IncomingResponse,
    handler: ResponseHandler,
    serial: int,
    settings: ResponseSettings,
    writer: asyncio.Task[None] | None,
) -> ClientResponse:
    """Make the user's response of a head that has come, by the class that the session names."""
    response_class = request.response_class or ClientResponse
    if response_class.__init__ is ClientResponse.__init__:
        response = response_class.__new__(response_class)
        response._writer = writer
        response._traces = request._traces
        response._is_watched = True if writer or request._traces else None
    else:
        response = response_class(
            request.method,
            request.original_url,
            writer=writer,
            continue100=None,
            timer=None,
            request_info=request.request_info,
            traces=request._traces,
            loop=settings.loop,
            session=request._session,
            stream_writer=None,
        )
    response._attach(handle, handler, serial, request, settings)
    if response_class.start is not ClientResponse.start:
        connection = response.connection
        if connection is not None:
            try:
                await response.start(connection)
            except BaseException:
                response.close()
                raise
    return response


async def _write(
    request: ClientRequest,
    outgoing: _core.OutgoingRequest,
    handler: ResponseHandler,
    serial: int,
    head: asyncio.Future[_core.IncomingResponse],
) -> None:
    """Send the body piece by piece; what goes wrong with it ends the exchange and shows in `head`."""
    try:
        if request.expect100 and not await outgoing.wait_continue():
            # RFC 9110 section 10.1.1: a final response instead of 100; the body is not wanted.
            return
        if request._body is not None:
            await _write_pieces(request, request._body, outgoing)
        outgoing.write_eof()
    except asyncio.CancelledError:
        handler.abort_exchange(serial)
        raise
    except OSError as error:
        if not head.done():
            head.set_exception(ClientOSError(error.errno, f"Can not write request body for {request.url}"))
        handler.abort_exchange(serial)
    except Exception as error:
        if not head.done():
            key = f"Connection<{handler.key}>"
            failure = ClientConnectionError(
                f"Failed to send bytes into the underlying connection {key}: {error!r}"
            )
            failure.__cause__ = error
            head.set_exception(failure)
        handler.abort_exchange(serial)


async def _write_pieces(request: ClientRequest, body: RequestBody, outgoing: _core.OutgoingRequest) -> None:
    async for piece in body.pieces():
        if not isinstance(piece, bytes | bytearray | memoryview):
            raise TypeError(f"data argument must be byte-ish ({type(piece).__name__!r})")
        if piece and not outgoing.write(bytes(piece)):
            room = outgoing.drain()
            if room is not None:
                await room
        if request._traces:
            await _tell_piece_sent(request, piece)
