"""Runners: the life of a server between `setup()` and `cleanup()`, whatever its sites are."""

from __future__ import annotations

import asyncio
import signal
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, NoReturn

from quinde.net import reactor
from quinde.web.application import Application
from quinde.web.log import AbstractAccessLogger, AccessLogger

if TYPE_CHECKING:
    from quinde.web.server import Server
    from quinde.web.sites import BaseSite

__all__ = ("AppRunner", "BaseRunner", "GracefulExit", "ServerRunner")


class GracefulExit(SystemExit):
    """Leave `run_app` in good order; SIGINT and SIGTERM raise it."""

    code = 1


def _raise_graceful_exit() -> NoReturn:
    raise GracefulExit


_LAST_TURNS: Final = 1000
"""Turns of the engine at most for requests that have arrived when a server stops."""


class BaseRunner(ABC):
    """Start and stop a server.

    Args:
        handle_signals: Turn SIGINT and SIGTERM into `GracefulExit`.
        shutdown_timeout: Seconds that handlers have to end when the runner is cleaned up.
        kwargs: Options of `Server`.
    """

    def __init__(
        self, *, handle_signals: bool = False, shutdown_timeout: float = 60.0, **kwargs: Any
    ) -> None:
        self._handle_signals = handle_signals
        self._shutdown_timeout = shutdown_timeout
        self._kwargs = kwargs
        self._server: Server | None = None
        self._sites: list[BaseSite] = []

    @property
    def server(self) -> Server | None:
        """The server, between `setup()` and `cleanup()`."""
        return self._server

    @property
    def addresses(self) -> list[Any]:
        """The addresses that all sites listen at, as `socket.getsockname()` gives them."""
        return [address for site in self._sites for address in site.addresses]

    @property
    def sites(self) -> set[BaseSite]:
        """The sites that have been started."""
        return set(self._sites)

    async def setup(self) -> None:
        """Make the server; an application starts."""
        if self._handle_signals:
            loop = asyncio.get_running_loop()
            try:
                loop.add_signal_handler(signal.SIGINT, _raise_graceful_exit)
                loop.add_signal_handler(signal.SIGTERM, _raise_graceful_exit)
            except NotImplementedError:  # Windows
                pass
        self._server = await self._make_server()

    @abstractmethod
    async def shutdown(self) -> None:
        """Tell whoever wants to know that the server stops, while handlers still run."""

    async def cleanup(self) -> None:
        """Stop in good order.

        The sites stop listening; idle connections are closed; `on_shutdown` is called; handlers have
        `shutdown_timeout` to end and are cancelled then; `on_cleanup` is called.
        """
        for site in list(self._sites):
            await site.stop()
        if self._server is not None:  # None: setup() failed
            # Requests that have arrived by now are begun, and so not taken for idle connections: one turn of
            # the loop sees that their sockets are readable, the next one reads them.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            # What that turn had no time for has its own: not without end, as peers may go on for ever.
            for _ in range(_LAST_TURNS):
                if not reactor.engine().has_ready():
                    break
                await asyncio.sleep(0)
            self._server.pre_shutdown()
            await self.shutdown()
            await self._server.shutdown(self._shutdown_timeout)
        await self._cleanup_server()
        self._server = None
        if self._handle_signals:
            loop = asyncio.get_running_loop()
            try:
                loop.remove_signal_handler(signal.SIGINT)
                loop.remove_signal_handler(signal.SIGTERM)
            except NotImplementedError:  # Windows
                pass

    @abstractmethod
    async def _make_server(self) -> Server: ...

    @abstractmethod
    async def _cleanup_server(self) -> None: ...

    def _reg_site(self, site: BaseSite) -> None:
        if site in self._sites:
            raise RuntimeError(f"Site {site} is already registered in runner {self}")
        self._sites.append(site)

    def _check_site(self, site: BaseSite) -> None:
        if site not in self._sites:
            raise RuntimeError(f"Site {site} is not registered in runner {self}")

    def _unreg_site(self, site: BaseSite) -> None:
        self._check_site(site)
        self._sites.remove(site)


class ServerRunner(BaseRunner):
    """Start and stop a low-level `Server`.

    Args:
        web_server: The server.
        handle_signals: As of `BaseRunner`.
        kwargs: As of `BaseRunner`.
    """

    def __init__(self, web_server: Server, *, handle_signals: bool = False, **kwargs: Any) -> None:
        super().__init__(handle_signals=handle_signals, **kwargs)
        self._web_server = web_server

    async def shutdown(self) -> None:
        """Do nothing: nobody is to be told."""

    async def _make_server(self) -> Server:
        return self._web_server

    async def _cleanup_server(self) -> None:
        pass


class AppRunner(BaseRunner):
    """Start and stop an `Application`.

    Args:
        app: The application.
        handle_signals: As of `BaseRunner`.
        access_log_class: How requests are logged.
        kwargs: `shutdown_timeout`, and the options of `Server`.

    Raises:
        TypeError: `app` is no `Application`, or `access_log_class` no `AbstractAccessLogger`.
    """

    def __init__(
        self,
        app: Application,
        *,
        handle_signals: bool = False,
        access_log_class: type[AbstractAccessLogger] = AccessLogger,
        **kwargs: Any,
    ) -> None:
        super().__init__(handle_signals=handle_signals, **kwargs)
        if not isinstance(app, Application):
            raise TypeError(f"The first argument should be web.Application instance, got {app!r}")
        if not issubclass(access_log_class, AbstractAccessLogger):
            raise TypeError(
                f"access_log_class must be a subclass of AbstractAccessLogger, got {access_log_class!r}"
            )
        self._kwargs["access_log_class"] = access_log_class
        self._app = app

    @property
    def app(self) -> Application:
        """The application."""
        return self._app

    async def shutdown(self) -> None:
        """Call `on_shutdown` of the application."""
        await self._app.shutdown()

    async def _make_server(self) -> Server:
        loop = asyncio.get_running_loop()
        self._app._set_loop(loop)
        # Start-up hooks may still add routes and middlewares.
        self._app.on_startup.freeze()
        await self._app.startup()
        self._app.freeze()
        return self._app._make_handler(loop=loop, **self._kwargs)

    async def _cleanup_server(self) -> None:
        await self._app.cleanup()
