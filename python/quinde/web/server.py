"""`web.Server`: a handler and the options by which connections are served, as a protocol factory.

Calling a server gives the protocol of one connection, for `loop.create_server`; sites hand its `service` to
the reactor. May know requests, logs and the core's `Service` and `Limits`; must not know applications (they
make it).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from quinde._core import Service
from quinde.http.version import SERVER_SOFTWARE
from quinde.log import access_logger, server_logger
from quinde.web.journal import BufferedAccessLogger
from quinde.web.limits import Limits, core_limits
from quinde.web.log import AbstractAccessLogger, AccessLogger
from quinde.web.protocol import RequestHandler
from quinde.web.request import BaseRequest, Request
from quinde.web.response import Response
from quinde.web.serve import serve_by_handler, serve_directly
from quinde.web.unparsed import UnparsedRequest

if TYPE_CHECKING:
    from logging import Logger

    from quinde._core import Connection, IncomingRequest, Journal
    from quinde.web.application import Application
    from quinde.web.stream import StreamResponse

__all__ = ("Server",)

_FULL_QUIET: Final = 60.0
"""How often, in seconds, a server that is full says so."""

RequestFactory = Callable[["IncomingRequest", "Server"], BaseRequest]


class Server:
    """Serve a handler: the low level below `Application`.

    ``await loop.create_server(web.Server(handler), host, port)`` serves it; so does a `ServerRunner`.

    Args:
        handler: A coroutine function that makes a response of a `BaseRequest`.
        request_factory: Makes the request object of the core's request and the server.
        handler_cancellation: Cancel a handler when its client goes.
        loop: The event loop; None is the running one.
        app: The application that made this server, if one did.
        debug: Show tracebacks in answers; None asks the loop.
        tcp_keepalive: Let the kernel probe idle peers.
        logger: Where errors of handlers are logged.
        access_log: Where requests are logged; None logs none.
        access_log_class: How.
        access_log_format: In which format.
        limits: What a client may cost.
        auto_decompress: Decode gzip and deflate request bodies.
        timeout_ceil_threshold: Taken for compatibility; the core's timers have a granularity of their own.
        keywords: Limits by their own names, where `limits` does not say them.
    """

    def __init__(
        self,
        handler: Callable[[Any], Awaitable[StreamResponse]],
        *,
        request_factory: RequestFactory | None = None,
        handler_cancellation: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        app: Application | None = None,
        debug: bool | None = None,
        tcp_keepalive: bool = True,
        logger: Logger = server_logger,
        access_log: Logger | None = access_logger,
        access_log_class: type[AbstractAccessLogger] = AccessLogger,
        access_log_format: str = AccessLogger.LOG_FORMAT,
        limits: Limits | None = None,
        auto_decompress: bool = True,
        timeout_ceil_threshold: float = 5,
        **keywords: Any,
    ) -> None:
        self.loop = asyncio.get_running_loop() if loop is None else loop
        self.app = app
        self.request_handler = handler
        self.request_factory: RequestFactory = request_factory or (BaseRequest if app is None else Request)
        self.handler_cancellation = handler_cancellation
        for name in keywords:
            if name not in Limits.__annotations__:
                raise TypeError(f"Server() got an unexpected keyword argument {name!r}")
        given = Limits(**{"keepalive_timeout": 3630, **keywords})
        self.limits = given if limits is None else limits.over(given)
        self._context_doubted = False
        self._context_proved = False
        self._quiet_until = 0.0
        self.core_limits = core_limits(self.limits)
        self.auto_decompress = auto_decompress
        self.server_header = SERVER_SOFTWARE
        self.logger = logger
        self.debug = self.loop.get_debug() if debug is None else debug
        self.access_logger: AbstractAccessLogger | None = None
        if access_log is not None:
            writer = access_log_class(access_log, access_log_format)
            self.access_logger = writer if writer.enabled else None
        direct = app is not None and request_factory is None and app.is_direct
        log = self.access_logger
        journal: Journal | None = None
        if type(log) is AccessLogger:
            # It sees status and size of a plain answer, which has no map of fields to look into.
            direct = direct and not log.shows_response_fields
        elif isinstance(log, BufferedAccessLogger) and type(log).log is BufferedAccessLogger.log:
            journal = log.journal  # for plain answers; the others come by `log()`
        elif log is not None:
            direct = False
        self.is_direct = direct
        self.service = Service(
            serve_directly(self, app) if direct and app is not None else serve_by_handler(self),
            loop=self.loop,
            # Requests start in copies of it: what start-up hooks have set is seen by handlers.
            context=copy_context(),
            server_header=self.server_header,
            handler_cancellation=handler_cancellation,
            tcp_keepalive=tcp_keepalive,
            on_bad_request=self._on_bad_request,
            on_failed_handshake=self._on_failed_handshake,
            timed=self.access_logger is not None,
            journal=journal if direct else None,
            on_full=self._on_full,
            on_refused=self._on_refused,
        )

    def __call__(self) -> RequestHandler:
        """Make the protocol of one connection, for `loop.create_server`."""
        return RequestHandler(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.request_handler!r}>"

    @property
    def connections(self) -> list[RequestHandler]:
        """The protocol objects of the open connections."""
        return [self.protocol_of(connection) for connection in self.service.connections]

    @property
    def requests_count(self) -> int:
        """Requests received so far."""
        return self.service.requests_count

    def statistics(self) -> dict[str, int]:
        """Tell what has been counted since the server was made. Reading goes through the open connections.

        Returns:
            Plain integers:

            * `connections` accepted, `connections_open` of them, `connections_refused` after the shutdown;
              the transport backend counts them once TLS has been negotiated, or has not come about;
            * TLS: `handshakes`, `handshakes_failed` (also as the peer left), of these `timeouts_handshake`;
            * `requests` begun, `requests_in_flight` and `requests_waiting` behind those on their connections
              (pipelined); `handlers` that are suspended at an await;
            * `responses_1xx` (101 only) to `responses_5xx`, by class of status;
            * `bytes_received` and `bytes_sent` on the wire (on the transport backend those within TLS);
              `body_bytes_received` and `body_bytes_sent` of these are bodies, without framing;
            * waits for the peer that were too long: `timeouts_head`, `timeouts_body`, `timeouts_discard` (the
              rest of a body that nobody reads), `timeouts_idle`, `timeouts_linger` (after a refusal),
              `timeouts_write`;
            * `refused_<reason>` for each rule or limit that was broken, as `refused_missing_host`, or
              `refused_body_too_large` for `client_max_size`.
        """
        return self.service.statistics()

    def protocol_of(self, connection: Connection | None) -> RequestHandler:
        """Give the one protocol object of a connection; one without transport if the connection is gone."""
        if connection is None:
            return RequestHandler(self)
        protocol: RequestHandler | None = connection.facade
        if protocol is None:
            protocol = RequestHandler(self, connection)
            connection.facade = protocol
        return protocol

    # --- the end --------------------------------------------------------------------------------------------

    def pre_shutdown(self) -> None:
        """Close idle connections, and the others after the answer that they are waiting for."""
        self.service.stop()

    async def shutdown(self, timeout: float | None = None) -> None:  # aiohttp's signature
        """Wait for the handlers and until their answers have left, then end what is left.

        Args:
            timeout: Seconds to wait before handlers are cancelled, and again for their ends; None waits for
                ever.
        """
        self.service.stop()
        deadline = None if timeout is None else self.loop.time() + timeout
        if await self._handlers_end(timeout):
            for task in self._handlers():
                task.cancel()
            await self._handlers_end(timeout)
        await self._answers_leave(deadline)
        self.service.abort()
        if isinstance(self.access_logger, BufferedAccessLogger):
            self.access_logger.flush()

    def _handlers(self) -> set[asyncio.Task[None]]:
        # A handler that shuts its own server down does not wait for itself.
        return {task for task in self.service.tasks if task is not asyncio.current_task()}

    async def _handlers_end(self, patience: float | None) -> bool:
        """Wait until no handler runs; True if some still do when the time is over."""
        deadline = None if patience is None else self.loop.time() + patience
        while tasks := self._handlers():
            left = None if deadline is None else deadline - self.loop.time()
            if left is not None and left <= 0:
                return True
            await asyncio.wait(tasks, timeout=left)
        return False

    async def _answers_leave(self, deadline: float | None) -> None:
        """Wait until all that has been answered is sent; a client that takes nothing has `write_timeout`."""
        connections = self.service.connections
        while waiting := [sent for connection in connections if (sent := connection.sent()) is not None]:
            left = None if deadline is None else deadline - self.loop.time()
            if left is not None and left <= 0:
                return
            await asyncio.wait(waiting, timeout=left)

    # --- logs -----------------------------------------------------------------------------------------------

    def log_access(self, request: BaseRequest, response: StreamResponse) -> None:
        """Write a request to the access log, if there is one."""
        if self.access_logger is not None:
            self.access_logger.log(request, response, request._incoming.elapsed)

    def _on_full(self, waiting: bool = True) -> None:
        # The core asks once a minute where it lets them wait, and each time where it closes them.
        now = self.loop.time()
        if waiting or now >= self._quiet_until:
            self._quiet_until = now + _FULL_QUIET
            self.logger.warning(
                "As many connections are open as may be: new ones %s (max_connections, RLIMIT_NOFILE)",
                "wait" if waiting else "are closed",
            )

    def _on_bad_request(
        self, connection: Connection | None, status: int, message: str
    ) -> tuple[int, str, bytes]:
        """Choose the words for a request that the core refuses: it sends them and closes the connection."""
        peername = None if connection is None else connection.peername
        self.logger.debug("Refused a request from %s with %d: %s", peername, status, message)
        return status, HTTPStatus(status).phrase, message.encode()

    def _on_refused(self, connection: Connection | None, status: int, size: int) -> None:
        """Write to the access log what the core has answered by itself."""
        if self.access_logger is not None:
            answer = Response(status=status)
            answer._body_length = size
            peername = None if connection is None else connection.peername
            self.access_logger.log(UnparsedRequest(peername, self), answer, 0.0)

    def log_failed_handshake(self, peername: Any, error: BaseException) -> None:
        """Write that no TLS came about with a peer.

        Scanners and misdirected clients are everyday life on an open port: a line for whoever looks for it.
        What is the fault of the server's own context shows here only: this is said aloud, once.
        """
        self.logger.debug("TLS handshake with %s failed: %s", peername, error)
        if self._context_doubted:
            return
        if getattr(error, "reason", None) == "NO_SHARED_CIPHER":
            # Asked until one has succeeded, as reading them goes through all connections: a peer that fails
            # on purpose must cost less.
            self._context_proved = self._context_proved or self.statistics()["handshakes"] > 0
            if self._context_proved:
                return
            doubt = "no shared cipher, and none has succeeded yet: has the ssl_context a certificate?"
        elif "ALPN" in str(error):
            doubt = f"{error} (set_alpn_protocols of the ssl_context)"
        else:
            return
        self._context_doubted = True
        self.logger.warning("TLS handshake with %s failed: %s", peername, doubt)

    def _on_failed_handshake(self, connection: Connection | None, error: Exception) -> None:
        self.log_failed_handshake(None if connection is None else connection.peername, error)
