"""`run_app` inside this process; as a program: tests/behaviour/test_server_run_app.py."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, Any

import pytest

from quinde.log import access_logger
from quinde.web.application import Application
from quinde.web.run import run_app
from quinde.web.runner import GracefulExit
from tests.support.servers import HOST

if TYPE_CHECKING:
    from pathlib import Path


def leave() -> None:
    raise GracefulExit


def stopping(trace: list[str]) -> Application:
    """An application that ends its program a moment after its start, unless the banner does so before."""
    app = Application()

    async def stop(_app: Any) -> None:
        asyncio.get_running_loop().call_later(1, leave)

    async def clean(_app: Any) -> None:
        trace.append("cleaned up")

    app.on_startup.append(stop)
    app.on_cleanup.append(clean)
    return app


def run(app: Any, **options: Any) -> list[str]:
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        asyncio.get_running_loop().call_soon(leave)

    run_app(app, **{"print": say, "handle_signals": False, "access_log": None, **options})
    return lines


def test_until_it_is_left(tmp_path: Path) -> None:
    trace: list[str] = []
    path = tmp_path / "socket"
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port = sock.getsockname()[1]
        lines = run(stopping(trace), path=path, sock=sock)
    assert lines == [
        f"======== Running on http://{HOST}:{port}, http://unix:{path}: ========\n(Press CTRL+C to quit)"
    ]
    assert trace == ["cleaned up"]


def test_application_made_by_a_coroutine() -> None:
    trace: list[str] = []

    async def make() -> Application:
        await asyncio.sleep(0)
        return stopping(trace)

    assert len(run(make(), host=[HOST, HOST], port=0)) == 1
    assert trace == ["cleaned up"]


def test_quiet() -> None:
    assert run(stopping([]), host=HOST, port=0, print=None) == []


def test_given_loop_is_used_and_closed() -> None:
    loop = asyncio.new_event_loop()
    run(stopping([]), host=HOST, port=0, loop=loop)
    assert loop.is_closed()


def test_failure_at_the_start_is_raised_after_cleaning_up() -> None:
    trace: list[str] = []
    app = stopping(trace)
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(OSError, match="attempting to bind"):
            run(app, host=HOST, port=taken.getsockname()[1])
    assert trace == ["cleaned up"]


def test_tasks_that_are_left_are_cancelled_and_told(caplog: pytest.LogCaptureFixture) -> None:
    app = stopping([])
    left: list[asyncio.Task[None]] = []

    async def failing() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            raise ZeroDivisionError from None

    async def start(_app: Any) -> None:
        left.extend([asyncio.create_task(failing()), asyncio.create_task(asyncio.sleep(60))])

    app.on_startup.append(start)
    run(app, host=HOST, port=0)
    assert all(task.done() for task in left)
    assert "unhandled exception while run_app() ended" in caplog.text


def test_access_log_shows_in_debug_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_logger, "handlers", [])
    monkeypatch.setattr(access_logger, "propagate", False)
    monkeypatch.setattr(access_logger, "level", logging.NOTSET)
    loop = asyncio.new_event_loop()
    loop.set_debug(True)
    run(stopping([]), host=HOST, port=0, loop=loop, access_log=access_logger)
    assert access_logger.level == logging.DEBUG
    assert len(access_logger.handlers) == 1
