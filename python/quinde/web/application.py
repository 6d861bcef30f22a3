"""`Application`: routes, middlewares, signals and shared values, gathered into what a `Server` serves.

May know routing, middlewares and the server's face. Must not know connections: runners and sites put it on
sockets.
"""

from __future__ import annotations

import asyncio
import functools
import warnings
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from aiosignal import Signal
from frozenlist import FrozenList

from quinde.log import web_logger
from quinde.web.cleanup import CleanupContext
from quinde.web.keys import AppKey, NotAppKeyWarning
from quinde.web.middlewares import check_middleware, wrap_handler
from quinde.web.routing import UrlDispatcher
from quinde.web.server import Server

if TYPE_CHECKING:
    import logging

    from quinde.web.request import Request
    from quinde.web.routing import AbstractRoute, AbstractRouteDef
    from quinde.web.stream import StreamResponse
    from quinde.web.types import Handler, Middleware

__all__ = ("Application",)

T = TypeVar("T")
U = TypeVar("U")

_UNSET: Any = object()


class Application(MutableMapping[str | AppKey[Any], Any]):
    """What answers requests: handlers by routes, and what they share.

    Values are stored on it by key, best by an `AppKey`. It is frozen when it starts.

    Args:
        logger: Where the application logs.
        router: Deprecated; the router is made here.
        middlewares: What stands round each handler, outermost first.
        handler_args: Options for `Server`, overriding those of runners.
        client_max_size: Bytes of body that `request.read()` and its kin take at most; 0 or None: any number.
        loop: Deprecated; the running loop is used.
        debug: Deprecated; the loop's debug mode counts.
    """

    def __init__(
        self,
        *,
        logger: logging.Logger = web_logger,
        router: UrlDispatcher | None = None,
        middlewares: Iterable[Middleware] = (),
        handler_args: Mapping[str, Any] | None = None,
        client_max_size: int | None = 1024**2,
        loop: asyncio.AbstractEventLoop | None = None,
        debug: Any = _UNSET,
    ) -> None:
        given = (("router", router is not None), ("loop", loop is not None), ("debug", debug is not _UNSET))
        for name, is_given in given:
            if is_given:
                warnings.warn(f"{name} argument is deprecated", DeprecationWarning, stacklevel=2)
        self.logger = logger
        self._router = UrlDispatcher() if router is None else router
        self._middlewares: FrozenList[Middleware] = FrozenList(middlewares)
        self._handler_args = dict(handler_args or {})
        self._client_max_size = client_max_size or 0
        self._loop = loop
        self._debug: bool | None = None if debug is _UNSET else bool(debug)
        self._state: dict[str | AppKey[Any], Any] = {}
        self._frozen = False
        self._pre_frozen = False
        self._on_response_prepare: Signal[Request, StreamResponse] = Signal(self)
        self._on_startup: Signal[Application] = Signal(self)
        self._on_shutdown: Signal[Application] = Signal(self)
        self._on_cleanup: Signal[Application] = Signal(self)
        self._wrap_once = functools.lru_cache(maxsize=1024)(self._wrap)
        self._cleanup_ctx = CleanupContext()
        self._on_startup.append(self._cleanup_ctx.enter)
        self._on_cleanup.append(self._cleanup_ctx.leave)

    # --- parts ----------------------------------------------------------------------------------------------

    @property
    def router(self) -> UrlDispatcher:
        """The routes."""
        return self._router

    def add_routes(self, routes: Iterable[AbstractRouteDef]) -> list[AbstractRoute]:
        """Add routes, as `web.get()` and its kin or a `RouteTableDef` give them."""
        return self._router.add_routes(routes)

    @property
    def middlewares(self) -> FrozenList[Middleware]:
        """What stands round each handler, outermost first."""
        return self._middlewares

    @property
    def on_response_prepare(self) -> Signal[Request, StreamResponse]:
        """Called with request and response before each head is sent, to change header fields."""
        return self._on_response_prepare

    @property
    def on_startup(self) -> Signal[Application]:
        """Called with the application before it serves."""
        return self._on_startup

    @property
    def on_shutdown(self) -> Signal[Application]:
        """Called with the application when it stops listening, while handlers still run."""
        return self._on_shutdown

    @property
    def on_cleanup(self) -> Signal[Application]:
        """Called with the application after the last handler."""
        return self._on_cleanup

    @property
    def cleanup_ctx(self) -> CleanupContext:
        """Asynchronous generators or context managers round the application's life."""
        return self._cleanup_ctx

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop; deprecated, as `asyncio.get_running_loop()` gives it."""
        warnings.warn("loop property is deprecated", DeprecationWarning, stacklevel=2)
        return self._loop

    @property
    def debug(self) -> bool:
        """Whether the loop is in debug mode; deprecated, as the loop itself tells."""
        warnings.warn("debug property is deprecated", DeprecationWarning, stacklevel=2)
        return bool(self._debug)

    # --- life -----------------------------------------------------------------------------------------------

    @property
    def pre_frozen(self) -> bool:
        """Whether routes, middlewares and signals are fixed."""
        return self._pre_frozen

    def pre_freeze(self) -> None:
        """Fix routes, middlewares and signals.

        Raises:
            TypeError: One of the middlewares is not marked by `@web.middleware`.
        """
        if self._pre_frozen:
            return
        for candidate in self._middlewares:
            check_middleware(candidate)
        self._pre_frozen = True
        self._middlewares.freeze()
        self._router.freeze()
        self._cleanup_ctx.freeze()
        for signal in (self._on_response_prepare, self._on_startup, self._on_shutdown, self._on_cleanup):
            signal.freeze()

    @property
    def frozen(self) -> bool:
        """Whether the application has been started."""
        return self._frozen

    def freeze(self) -> None:
        """Fix everything; setting values warns from now on."""
        self.pre_freeze()
        self._frozen = True

    async def startup(self) -> None:
        """Call `on_startup`, in order."""
        await self._on_startup.send(self)

    async def shutdown(self) -> None:
        """Call `on_shutdown`, in order."""
        await self._on_shutdown.send(self)

    async def cleanup(self) -> None:
        """Call `on_cleanup`, in order; after a failed start leave what had been entered of `cleanup_ctx`."""
        if self._on_cleanup.frozen:
            await self._on_cleanup.send(self)
        else:
            await self._cleanup_ctx.leave(self)

    def _set_loop(self, loop: asyncio.AbstractEventLoop | None) -> None:
        loop = asyncio.get_running_loop() if loop is None else loop
        if self._loop is not None and self._loop is not loop:
            raise RuntimeError("web.Application instance initialized with different loop")
        self._loop = loop
        if self._debug is None:
            self._debug = loop.get_debug()

    # --- serving --------------------------------------------------------------------------------------------

    @property
    def is_direct(self) -> bool:
        """Whether nothing stands between routing and handlers: requests may be served directly."""
        return (
            not self._middlewares
            and not self._on_response_prepare
            and type(self)._handle is _OWN_HANDLE
            and "_handle" not in vars(self)
            and isinstance(self._router, UrlDispatcher)
            and self._router.is_native
        )

    def _make_handler(self, *, loop: asyncio.AbstractEventLoop | None = None, **kwargs: Any) -> Server:
        self._set_loop(loop)
        self.freeze()
        usual = {"client_max_size": self._client_max_size, "debug": self._debug}
        return Server(self._handle, app=self, loop=self._loop, **{**usual, **kwargs, **self._handler_args})

    async def _handle(self, request: Request) -> StreamResponse:
        """Answer a request: route it, meet its expectation, run middlewares and handler."""
        match_info = await self._router.resolve(request)
        match_info.add_app(self)
        match_info.freeze()
        request._match_info = match_info  # type: ignore[assignment]  # a router of one's own gives its own kind
        if request._incoming.expect is not None:
            response = await match_info.expect_handler(request)
            if response is not None:
                return response
        handler = match_info.handler
        if self._middlewares:
            # A miss has a handler of its own for each request: keeping them would keep the requests.
            wrap = self._wrap if match_info.http_exception is not None else self._wrap_once
            handler = wrap(handler)
        return await handler(request)

    def _wrap(self, handler: Handler) -> Handler:
        return wrap_handler(handler, self._middlewares)

    def __call__(self) -> Application:
        """Return the application: servers that ask for a factory can be given one."""
        return self

    # --- a mapping by identity ------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<Application 0x{id(self):x}>"

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    @overload
    def __getitem__(self, key: AppKey[T]) -> T: ...
    @overload
    def __getitem__(self, key: str) -> Any: ...
    def __getitem__(self, key: str | AppKey[T]) -> Any:
        return self._state[key]

    @overload
    def __setitem__(self, key: AppKey[T], value: T) -> None: ...
    @overload
    def __setitem__(self, key: str, value: Any) -> None: ...
    def __setitem__(self, key: str | AppKey[T], value: Any) -> None:
        self._warn_frozen()
        if not isinstance(key, AppKey):
            warnings.warn(
                "It is recommended to use web.AppKey instances for keys", NotAppKeyWarning, stacklevel=2
            )
        self._state[key] = value

    def __delitem__(self, key: str | AppKey[Any]) -> None:
        self._warn_frozen()
        del self._state[key]

    def __len__(self) -> int:
        return len(self._state)

    def __iter__(self) -> Iterator[str | AppKey[Any]]:
        return iter(self._state)

    @overload  # type: ignore[override]
    def get(self, key: AppKey[T], default: None = ...) -> T | None: ...
    @overload
    def get(self, key: AppKey[T], default: U) -> T | U: ...
    @overload
    def get(self, key: str, default: Any = ...) -> Any: ...
    def get(self, key: str | AppKey[T], default: Any = None) -> Any:
        """Give the value of a key, or the default."""
        return self._state.get(key, default)

    def _warn_frozen(self) -> None:
        if self._frozen:
            warnings.warn(
                "Changing state of started or joined application is deprecated",
                DeprecationWarning,
                stacklevel=3,
            )


# What `is_direct` compares with: somebody who replaces the method on the class is noticed as well.
_OWN_HANDLE = Application._handle
