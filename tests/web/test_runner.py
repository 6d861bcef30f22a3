"""Runners: signals, failures at the start, the order of the end."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest

from quinde.web.application import Application
from quinde.web.response import Response
from quinde.web.runner import AppRunner, BaseRunner, GracefulExit, ServerRunner
from quinde.web.server import Server


async def handler(_request: Any) -> Response:
    return Response()


def test_graceful_exit_is_an_exit() -> None:
    assert issubclass(GracefulExit, SystemExit)
    assert GracefulExit.code == 1


async def test_signals_are_handled_between_setup_and_cleanup() -> None:
    runner = AppRunner(Application(), handle_signals=True, access_log=None)
    before = signal.getsignal(signal.SIGTERM)
    await runner.setup()
    assert signal.getsignal(signal.SIGTERM) is not before
    await runner.cleanup()
    assert signal.getsignal(signal.SIGTERM) is before


async def test_order_of_the_end() -> None:
    trace: list[str] = []
    app = Application()

    async def shutdown(_app: Any) -> None:
        trace.append("on_shutdown")

    async def cleanup(_app: Any) -> None:
        trace.append("on_cleanup")

    app.on_shutdown.append(shutdown)
    app.on_cleanup.append(cleanup)
    runner = AppRunner(app, access_log=None, shutdown_timeout=7)
    await runner.setup()
    server: Any = runner.server
    server.pre_shutdown = lambda: trace.append("pre_shutdown")

    async def end(timeout: float) -> None:
        trace.append(f"shutdown {timeout}")

    server.shutdown = end
    assert runner.app is app
    await runner.cleanup()
    assert trace == ["pre_shutdown", "on_shutdown", "shutdown 7", "on_cleanup"]
    assert runner.server is None


async def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match=r"web\.Application"):
        AppRunner(handler)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="access_log_class"):
        AppRunner(Application(), access_log_class=int)  # type: ignore[arg-type]
    runner = AppRunner(Application(), no_such_option=1)
    with pytest.raises(TypeError, match="no_such_option"):
        await runner.setup()
    await runner.cleanup()
    with pytest.raises(TypeError, match="abstract"):
        BaseRunner()  # type: ignore[abstract]


async def test_debug_is_an_option_as_others() -> None:
    for debug in (True, False):
        runner = AppRunner(Application(), debug=debug, access_log=None)
        await runner.setup()
        assert runner.server is not None
        assert runner.server.debug is debug
        await runner.cleanup()


async def test_server_runner_keeps_its_server() -> None:
    server = Server(handler, access_log=None)
    runner = ServerRunner(server)
    assert runner.server is None
    await runner.setup()
    assert runner.server is server
    assert runner.addresses == []
    assert runner.sites == set()
    await runner.cleanup()


async def test_contexts_of_start_up_reach_the_server() -> None:
    order: list[str] = []
    app = Application()

    async def start(started: Application) -> None:
        assert not started.frozen
        order.append("started")

    app.on_startup.append(start)
    runner = AppRunner(app, access_log=None)
    await runner.setup()
    assert app.frozen
    with pytest.raises(RuntimeError):
        app.on_startup.append(start)
    assert order == ["started"]
    await runner.cleanup()
    assert asyncio.get_running_loop().is_running()
