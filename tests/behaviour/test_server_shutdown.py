"""The end of a server, in aiohttp's order: listening stops, idle connections close, handlers end."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.behaviour.library import application, quinde_only, request, serve, web
from tests.support.servers import HOST, Served, listening_socket
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from tests.support.modes import Mode


async def hello(_request: Any) -> Any:
    return web.Response(text="hello")


async def test_idle_connections_are_closed() -> None:
    async with serve(application(hello)) as served, open_wire(served) as wire:
        await wire.send(request())
        await wire.read_answer()
        await served.runner.cleanup()
        assert await wire.read_to_end() == b""


async def test_nobody_is_accepted_any_more() -> None:
    async with serve(application(hello)) as served:
        await served.runner.cleanup()
        try:
            _, writer = await asyncio.open_connection(HOST, served.port)
        except ConnectionRefusedError:
            return
        writer.close()
        raise AssertionError("the port still listens")


async def test_running_handlers_end_first() -> None:
    trace: list[str] = []
    started, go = asyncio.Event(), asyncio.Event()

    async def handler(_request: Any) -> Any:
        started.set()
        await go.wait()
        trace.append("handler")
        return web.Response(text="late")

    async def on_shutdown(_app: Any) -> None:
        trace.append("shutdown")
        go.set()

    async def on_cleanup(_app: Any) -> None:
        trace.append("cleanup")

    app = application(handler)
    app.on_shutdown.append(on_shutdown)
    app.on_cleanup.append(on_cleanup)
    async with serve(app) as served, open_wire(served) as wire:
        await wire.send(request())
        await started.wait()
        stopping = asyncio.create_task(served.runner.cleanup())
        answer = await wire.read_answer()
        assert answer.body == b"late"
        assert await wire.read_to_end() == b""
        await stopping
    assert trace[:3] == ["shutdown", "handler", "cleanup"]


@quinde_only
async def test_last_answer_says_close() -> None:
    started, go = asyncio.Event(), asyncio.Event()

    async def handler(_request: Any) -> Any:
        started.set()
        await go.wait()
        return web.Response(text="late")

    async def on_shutdown(_app: Any) -> None:
        go.set()

    app = application(handler)
    app.on_shutdown.append(on_shutdown)
    async with serve(app) as served, open_wire(served) as wire:
        await wire.send(request())
        await started.wait()
        stopping = asyncio.create_task(served.runner.cleanup())
        assert (await wire.read_answer()).header("Connection") == "close"
        await stopping


async def test_pipelined_requests_behind_the_last_one_are_dropped() -> None:
    paths: list[str] = []
    started, go = asyncio.Event(), asyncio.Event()

    async def handler(asked: Any) -> Any:
        paths.append(asked.path)
        started.set()
        await go.wait()
        return web.Response(text=asked.path)

    async def on_shutdown(_app: Any) -> None:
        go.set()

    app = application(handler)
    app.on_shutdown.append(on_shutdown)
    async with serve(app) as served, open_wire(served) as wire:
        await wire.send(request("GET", "/first") + request("GET", "/second"))
        await started.wait()
        stopping = asyncio.create_task(served.runner.cleanup())
        assert (await wire.read_answer()).body == b"/first"
        assert await wire.read_to_end() == b""
        await stopping
    assert paths == ["/first"]


async def test_handlers_that_do_not_end_are_cancelled() -> None:
    started = asyncio.Event()
    trace: list[str] = []

    async def handler(_request: Any) -> Any:
        started.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            trace.append("cancelled")
            raise

    async def on_cleanup(_app: Any) -> None:
        trace.append("cleanup")

    app = application(handler)
    app.on_cleanup.append(on_cleanup)
    async with serve(app, shutdown_timeout=0.05) as served, open_wire(served) as wire:
        await wire.send(request())
        await started.wait()
        async with asyncio.timeout(5):
            await served.runner.cleanup()
        assert await wire.read_to_end() == b""
    assert trace[:2] == ["cancelled", "cleanup"]


@quinde_only
async def test_a_handler_may_stop_its_own_server() -> None:
    key = web.AppKey("runner", web.AppRunner)

    async def handler(asked: Any) -> Any:
        await asked.app[key].cleanup()
        return web.Response(text="gone")

    app = application(handler)
    runner = app[key] = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = listening_socket()
    port = listener.getsockname()[1]
    await web.SockSite(runner, listener).start()
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(request())
    async with asyncio.timeout(5):
        await reader.read()
    writer.close()
    assert runner.server is None


async def test_cleanup_twice() -> None:
    app = application(hello)
    runner = web.AppRunner(app)
    await runner.setup()
    await runner.cleanup()
    assert runner.server is None
    assert runner.sites == set()


async def test_requests_that_have_arrived_are_served() -> None:
    async with serve(application(hello)) as served, open_wire(served) as wire:
        await wire.send(request())
        await wire.read_answer()
        await wire.send(request())
        await served.runner.cleanup()
        sent = await wire.read_to_end()
        assert sent == b"" or sent.endswith(b"hello")


LARGE = bytes(16 * 1024 * 1024)


async def begun(served: Served) -> None:
    """Let the loop go on until the server has begun a request."""
    while not served.runner.server.requests_count:  # noqa: ASYNC110  # the core's counters have no event
        await asyncio.sleep(0)


async def test_answers_that_are_on_their_way_arrive() -> None:
    async def large(_request: Any) -> Any:
        return web.Response(body=LARGE)

    async with serve(application(large)) as served, open_wire(served) as wire:
        wire.writer.transport.pause_reading()
        await wire.send(request())
        await begun(served)
        stopping = asyncio.create_task(served.runner.cleanup())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not stopping.done()
        wire.writer.transport.resume_reading()
        assert (await wire.read_answer()).body == LARGE
        await stopping


@quinde_only
@pytest.mark.plain("a socket sends plain bytes")
async def test_who_has_connected_and_asked_is_served(mode: Mode) -> None:
    async def hello(_request: Any) -> Any:
        time.sleep(0.002)  # noqa: ASYNC251  # more than the core has for one turn of the loop
        return web.Response(text="hello")

    async with serve(application(hello)) as served:
        # In one step of the loop: the server has not heard of it when it is told to stop.
        sockets = [socket.create_connection((served.host, served.port)) for _ in range(100)]
        for each in sockets:
            each.sendall(request())
        await served.runner.cleanup()
        for each in sockets:
            with each:
                if mode.backend == "reactor":  # asyncio closes its listening sockets as they are
                    assert each.recv(1000).startswith(b"HTTP/1.1 200 OK")


async def test_answers_that_nobody_takes_are_not_waited_for_for_ever() -> None:
    async def large(_request: Any) -> Any:
        return web.Response(body=LARGE)

    async with serve(application(large), shutdown_timeout=0.1) as served, open_wire(served) as wire:
        wire.writer.transport.pause_reading()
        await wire.send(request())
        await begun(served)
        await served.runner.cleanup()
        wire.writer.transport.abort()
