"""Requests whose Task ends in an unusual way: the connection is closed, nothing is kept, nobody waits."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import textwrap

import pytest

from quinde import web
from tests.behaviour.library import application, request
from tests.support.servers import serve_quinde
from tests.support.wire import open_wire


async def ok(_request):
    return web.Response(text="ok")


async def until(condition):
    """Let the loop go on until something holds; the test's time limit ends it."""
    while not condition():  # noqa: ASYNC110  # the core's counters have no event
        await asyncio.sleep(0)


async def settled(served):
    """Let the server notice what the wire has seen: a request on another connection goes all the way."""
    async with open_wire(served) as wire:
        await wire.send(request("GET", "/", "Connection: close"))
        await wire.read_to_end()


async def test_task_cancelled_before_its_first_step(mode):
    loop = asyncio.get_running_loop()

    def factory(loop, coroutine, **options):
        task = asyncio.Task(coroutine, loop=loop, **options)
        if "serve" in repr(coroutine):
            task.cancel()
        return task

    async with serve_quinde(application(ok), shutdown_timeout=1) as served:
        loop.set_task_factory(factory)
        try:
            async with open_wire(served) as wire:
                await wire.send(request())
                assert await wire.read_to_end() == b""
        finally:
            loop.set_task_factory(None)
        assert served.runner.server.statistics()["handlers"] == 0


@pytest.mark.plain("asyncio's TLS cannot close one half")
async def test_peer_gone_before_the_first_step_of_its_task(mode):
    loop = asyncio.get_running_loop()
    loop.set_debug(True)  # Tasks do not start at once then, nor on Python 3.11
    try:
        async with serve_quinde(application(ok), handler_cancellation=True, shutdown_timeout=1) as served:
            async with open_wire(served) as wire:
                wire.writer.write(request())
                wire.writer.write_eof()
                await wire.read_to_end()
            await settled(served)
            assert served.runner.server.statistics()["handlers"] == 0
            assert served.runner.server.connections == []
    finally:
        loop.set_debug(False)


async def test_tasks_cancelled_at_every_step(mode):
    async def handler(request):
        await asyncio.sleep(0)
        await request.read()
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(5):
            await response.write(b"x" * 300_000)
        await asyncio.sleep(0)
        await response.write_eof()
        return response

    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"
    async with serve_quinde(application(handler)) as served:
        server = served.runner.server
        for steps in range(20):
            async with open_wire(served) as wire:
                await wire.send(head + b"cde" * (steps % 2))
                await until(lambda: server.service.tasks)
                for _ in range(steps):
                    await asyncio.sleep(0)
                tasks = server.service.tasks
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                wire.writer.transport.abort()
        await until(lambda: not server.connections)
        assert server.statistics()["handlers"] == 0


@pytest.mark.parametrize("suspended", [False, True])
async def test_handler_that_closes_its_connection_is_no_error(mode, suspended, caplog):
    async def handler(request):
        if suspended:
            await asyncio.sleep(0)
        request.transport.close()
        return web.Response(text="too late")

    async with serve_quinde(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request())
        await wire.read_to_end()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("name", ["KeyboardInterrupt", "SystemExit"])
@pytest.mark.parametrize("suspended", [False, True])
def test_what_ends_the_process_passes_through_on_every_loop(name, suspended, mode):
    program = f"""
        import asyncio
        from quinde import web
        from tests.support.modes import Mode

        async def fatal(request):
            if {suspended}:
                await asyncio.sleep(0)
            raise {name}(7)

        async def main():
            app = web.Application()
            app.router.add_get("/", fatal)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
            writer.write(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
            await reader.read()
            await asyncio.Event().wait()

        try:
            Mode({mode.backend!r}, {mode.loop!r}).new_loop().run_until_complete(asyncio.wait_for(main(), 10))
        except {name} as error:
            print("passed through", error.args[0])
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )
    assert done.stdout.strip() == "passed through 7", done.stderr
