"""`run_app`: an application as a program, from the first log line to the last task."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from quinde.log import access_logger
from quinde.web.log import AbstractAccessLogger, AccessLogger
from quinde.web.runner import AppRunner, GracefulExit
from quinde.web.sites import BaseSite, SockSite, TCPSite, UnixSite

if TYPE_CHECKING:
    import ssl

    from quinde.web.application import Application
    from quinde.web.limits import Limits

__all__ = ("run_app",)

PathLike = str | os.PathLike[str]


def run_app(
    app: Application | Awaitable[Application],
    *,
    host: str | Iterable[str] | None = None,
    port: int | None = None,
    path: PathLike | Iterable[PathLike] | None = None,
    sock: socket.socket | Iterable[socket.socket] | None = None,
    shutdown_timeout: float = 60.0,
    keepalive_timeout: float = 75.0,
    ssl_context: ssl.SSLContext | None = None,
    print: Callable[..., None] | None = print,  # noqa: A002  # aiohttp's name
    backlog: int = 128,
    access_log_class: type[AbstractAccessLogger] = AccessLogger,
    access_log_format: str = AccessLogger.LOG_FORMAT,
    access_log: logging.Logger | None = access_logger,
    handle_signals: bool = True,
    reuse_address: bool | None = None,
    reuse_port: bool | None = None,
    handler_cancellation: bool = False,
    loop: asyncio.AbstractEventLoop | None = None,
    limits: Limits | None = None,
    **kwargs: Any,
) -> None:
    """Run an application until SIGINT or SIGTERM, then stop it in good order.

    Args:
        app: The application, or a coroutine that makes it.
        host: Where to listen: a host or several; None is every interface.
        port: The port; None is 8080 (with TLS 8443), unless `path` or `sock` say where to listen.
        path: A Unix socket to listen at, or several.
        sock: A bound socket to listen at, or several.
        shutdown_timeout: Seconds that handlers have to end.
        keepalive_timeout: Seconds that a connection may be idle.
        ssl_context: Serves over TLS with this context's certificate; None serves plain HTTP.
        print: What shows the addresses; None shows nothing.
        backlog: How many connections the kernel may keep waiting.
        access_log_class: How requests are logged.
        access_log_format: In which format.
        access_log: Where; None logs none.
        handle_signals: Stop at SIGINT and SIGTERM.
        reuse_address: As of `TCPSite`.
        reuse_port: As of `TCPSite`.
        handler_cancellation: Cancel a handler when its client goes.
        loop: The event loop to use, and to close; None makes one.
        limits: What a client may cost; what it says goes before `keepalive_timeout`.
        kwargs: Further options of `Server`.

    Raises:
        OSError: An address cannot be bound.
    """
    if loop is None:
        loop = asyncio.new_event_loop()
    if loop.get_debug() and access_log is not None and access_log.name == access_logger.name:
        _show(access_log)
    options = {
        "shutdown_timeout": shutdown_timeout,
        "keepalive_timeout": keepalive_timeout,
        "access_log_class": access_log_class,
        "access_log_format": access_log_format,
        "access_log": access_log,
        "handle_signals": handle_signals,
        "handler_cancellation": handler_cancellation,
        "limits": limits,
        **kwargs,
    }
    places = _Places(host, port, path, sock, ssl_context, backlog, reuse_address, reuse_port)
    main = loop.create_task(_run(app, places, print, options))
    try:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(main)
    except (GracefulExit, KeyboardInterrupt):
        pass
    finally:
        try:
            # A main task that has ended by itself keeps its traceback: asking it again would cut it off.
            if not main.done():
                main.cancel()
                with suppress(asyncio.CancelledError):
                    loop.run_until_complete(main)
        finally:
            _cancel_all(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


class _Places:
    """Where to listen, as `run_app` was told."""

    def __init__(
        self,
        host: str | Iterable[str] | None,
        port: int | None,
        path: PathLike | Iterable[PathLike] | None,
        sock: socket.socket | Iterable[socket.socket] | None,
        ssl_context: ssl.SSLContext | None,
        backlog: int,
        reuse_address: bool | None,
        reuse_port: bool | None,
    ) -> None:
        self.hosts: list[str | None]
        if host is not None:
            self.hosts = [host] if isinstance(host, str) else list(host)
        else:
            self.hosts = [None] if (path is None and sock is None) or port is not None else []
        self.port = port
        self.paths = _several(path, (str, os.PathLike))
        self.socks = _several(sock, socket.socket)
        self.common = {"ssl_context": ssl_context, "backlog": backlog}
        self.reuse = {"reuse_address": reuse_address, "reuse_port": reuse_port}

    def sites(self, runner: AppRunner) -> list[BaseSite]:
        """Make a site of each."""
        options: dict[str, Any] = self.common
        reuse: dict[str, Any] = self.reuse
        return [
            *(TCPSite(runner, host, self.port, **options, **reuse) for host in self.hosts),
            *(UnixSite(runner, path, **options) for path in self.paths),
            *(SockSite(runner, sock, **options) for sock in self.socks),
        ]


def _several(value: Any, single: type | tuple[type, ...]) -> list[Any]:
    if value is None:
        return []
    return [value] if isinstance(value, single) else list(value)


async def _run(
    app: Application | Awaitable[Application],
    places: _Places,
    print: Callable[..., None] | None,  # noqa: A002
    options: dict[str, Any],
) -> None:
    """Serve until cancelled."""
    if not isinstance(app, Awaitable):
        application = app
    else:
        application = await app
    runner = AppRunner(application, **options)
    try:
        await runner.setup()
        for site in places.sites(runner):
            await site.start()
        if print is not None:
            names = ", ".join(sorted(site.name for site in runner.sites))
            print(f"======== Running on {names} ========\n(Press CTRL+C to quit)")
        await asyncio.get_running_loop().create_future()
    finally:
        await runner.cleanup()


def _show(access_log: logging.Logger) -> None:
    """Make the access log visible in debug mode, where nobody has configured it."""
    if access_log.level == logging.NOTSET:
        access_log.setLevel(logging.DEBUG)
    if not access_log.hasHandlers():
        access_log.addHandler(logging.StreamHandler())


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what still runs, wait for it, and report what it raised."""
    tasks = asyncio.all_tasks(loop)
    if not tasks:
        return
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    for task in tasks:
        if not task.cancelled() and task.exception() is not None:
            loop.call_exception_handler(
                {
                    "message": "unhandled exception while run_app() ended",
                    "exception": task.exception(),
                    "task": task,
                }
            )
