"""`Application` by itself; serving: tests/behaviour/test_server_application.py."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiosignal import Signal
from frozenlist import FrozenList

from quinde.web.application import Application
from quinde.web.keys import AppKey, NotAppKeyWarning
from quinde.web.middlewares import middleware
from quinde.web.response import Response
from quinde.web.routing import UrlDispatcher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def handler(_request: Any) -> Response:
    return Response()


@middleware
async def passing(request: Any, handler: Any) -> Any:
    return await handler(request)


def test_parts_are_of_the_known_types() -> None:
    app = Application()
    for signal in (app.on_startup, app.on_shutdown, app.on_cleanup, app.on_response_prepare):
        assert isinstance(signal, Signal)
    assert isinstance(app.middlewares, FrozenList)
    assert isinstance(app.router, UrlDispatcher)
    assert app() is app
    assert bool(app)
    assert repr(app).startswith("<Application 0x")


def test_mapping() -> None:
    key = AppKey("key", int)
    app = Application()
    app[key] = 1
    assert (app[key], app.get(key), len(app), list(app)) == (1, 1, 1, [key])
    assert app.get(AppKey("other", int)) is None
    assert app.get("text", 5) == 5
    del app[key]
    assert key not in app
    assert app != Application()
    assert len({app, Application()}) == 2
    with pytest.warns(NotAppKeyWarning):
        app["text"] = 1


def test_deprecated_arguments_warn() -> None:
    with pytest.warns(DeprecationWarning, match="router"):
        router = Application(router=UrlDispatcher()).router
    assert isinstance(router, UrlDispatcher)
    with pytest.warns(DeprecationWarning, match="debug"):
        app = Application(debug=True)
    with pytest.warns(DeprecationWarning, match="debug property"):
        assert app.debug is True
    loop = asyncio.new_event_loop()
    with pytest.warns(DeprecationWarning, match="loop"):
        app = Application(loop=loop)
    with pytest.warns(DeprecationWarning, match="loop property"):
        assert app.loop is loop
    loop.close()


async def test_one_loop_only() -> None:
    app = Application()
    app._set_loop(None)
    app._set_loop(asyncio.get_running_loop())
    other = asyncio.new_event_loop()
    with pytest.raises(RuntimeError, match="different loop"):
        app._set_loop(other)
    other.close()


async def test_freezing() -> None:
    async def resource(_app: Any) -> AsyncIterator[None]:
        yield

    app = Application(middlewares=[passing])
    assert not app.pre_frozen
    app.freeze()
    app.freeze()
    assert app.frozen
    assert app.pre_frozen
    for change in (
        lambda: app.middlewares.append(passing),
        lambda: app.on_startup.append(app.on_startup[0]),
        lambda: app.cleanup_ctx.append(resource),
        lambda: app.router.add_get("/", handler),
    ):
        with pytest.raises(RuntimeError):
            change()
    with pytest.warns(DeprecationWarning, match="Changing state"):
        app[AppKey("x", int)] = 1


async def test_signals_reach_their_receivers_in_order() -> None:
    app = Application()
    trace: list[tuple[str, bool]] = []
    for name in ("startup", "shutdown", "cleanup"):

        async def receive(got: Application, name: str = name) -> None:
            trace.append((name, got is app))

        getattr(app, f"on_{name}").append(receive)
    app.freeze()
    await app.startup()
    await app.shutdown()
    await app.cleanup()
    assert trace == [("startup", True), ("shutdown", True), ("cleanup", True)]


def test_what_stands_between_routing_and_handlers() -> None:
    assert Application().is_direct
    assert not Application(middlewares=[passing]).is_direct

    class Traced(Application):
        async def _handle(self, request: Any) -> Any:
            return await super()._handle(request)

    assert not Traced().is_direct
    patched = Application()
    vars(patched)["_handle"] = handler
    assert not patched.is_direct
    signalled = Application()

    async def receive(_request: Any, _response: Any) -> None: ...

    signalled.on_response_prepare.append(receive)
    assert not signalled.is_direct
    routed = Application()
    routed.router.resolve = None  # type: ignore[assignment, method-assign]
    assert not routed.is_direct


async def test_options_of_handler_args_win() -> None:
    app = Application(handler_args={"keepalive_timeout": 7, "access_log": None}, client_max_size=5)
    server = app._make_handler(keepalive_timeout=9)
    assert server.limits.keepalive_timeout == 7
    assert server.limits.client_max_size == 5
    assert server.app is app
    assert server.is_direct
    assert app.frozen
