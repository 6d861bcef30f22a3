"""What the driver promises whoever runs inside its turn: re-entrancy, isolation, fairness, clean ends."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import itertools
import socket
import subprocess
import sys
import textwrap

import pytest

from quinde import web
from quinde.net import reactor
from tests.support.servers import serve_quinde
from tests.support.wire import open_wire

GET = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n"


def application(**handlers):
    app = web.Application()
    for name, handler in handlers.items():
        app.router.add_route("*", f"/{name}", handler)
    return app


async def ok(request):
    return web.Response(text="ok")


async def test_pipelined_requests_are_answered_in_order_whoever_is_slow(mode):
    gate = asyncio.Event()

    async def slow(request):
        await gate.wait()
        return web.Response(text="slow")

    async with serve_quinde(application(slow=slow, ok=ok)) as served, open_wire(served) as wire:
        await wire.send(GET % b"/slow" + GET % b"/ok" + GET % b"/ok")
        async with open_wire(served) as other:
            await other.send(GET % b"/ok")
            assert (await other.read_answer()).body == b"ok"
        gate.set()
        bodies = [(await wire.read_answer()).body for _ in range(3)]
    assert bodies == [b"slow", b"ok", b"ok"]


async def test_many_pipelined_requests(mode):
    async with serve_quinde(application(ok=ok)) as served, open_wire(served) as wire:
        await wire.send((GET % b"/ok") * 500)
        for _ in range(500):
            assert (await wire.read_answer()).body == b"ok"


async def test_no_second_handler_starts_before_the_first_answer_is_complete(mode):
    running = 0
    most = 0

    async def count(request):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return web.Response()

    async with serve_quinde(application(count=count)) as served, open_wire(served) as wire:
        await wire.send((GET % b"/count") * 40)
        for _ in range(40):
            await wire.read_answer()
    assert most == 1


async def test_handler_closes_its_own_connection(mode):
    async def close(request):
        request.transport.close()
        return web.Response(text="too late")

    async with serve_quinde(application(close=close)) as served:
        async with open_wire(served) as wire:
            await wire.send(GET % b"/close")
            await wire.read_to_end()
            # A TLS transport says goodbye before it is gone, and the client answers when it closes.
            assert mode.tls or served.runner.server.connections == []
        async with asyncio.timeout(5):
            while served.runner.server.connections:  # noqa: ASYNC110  # no event tells of it
                await asyncio.sleep(0)


async def test_handler_aborts_its_own_connection_while_suspended(mode):
    async def abort(request):
        await asyncio.sleep(0)
        request.transport.abort()
        await asyncio.sleep(0)
        return web.Response(text="to nobody")

    async with serve_quinde(application(abort=abort, ok=ok)) as served:
        async with open_wire(served) as wire:
            await wire.send(GET % b"/abort")
            assert await wire.read_to_end() == b""
        async with open_wire(served) as wire:
            await wire.send(GET % b"/ok")
            assert (await wire.read_answer()).status == 200


async def test_finaliser_that_closes_another_connection_runs_inside_a_turn(mode):
    transports = []

    class Closer:
        def __del__(self):
            for transport in transports:
                transport.close()

    async def keep(request):
        transports.append(request.transport)
        return web.Response()

    async def drop(request):
        closer = Closer()
        closer.self = closer
        del closer
        gc.collect()
        return web.Response(text="dropped")

    async with serve_quinde(application(keep=keep, drop=drop)) as served:
        async with open_wire(served) as victim, open_wire(served) as wire:
            await victim.send(GET % b"/keep")
            await victim.read_answer()
            await wire.send(GET % b"/drop")
            assert (await wire.read_answer()).body == b"dropped"
            assert await victim.read_to_end() == b""


async def test_context_variables_do_not_leak_between_requests(mode):
    variable = contextvars.ContextVar("variable", default="clean")
    seen = []

    async def handler(request):
        seen.append(variable.get())
        variable.set("dirty")
        await asyncio.sleep(0)
        assert variable.get() == "dirty"
        return web.Response()

    variable.set("start-up")
    async with serve_quinde(application(handler=handler)) as served:
        variable.set("later")
        async with open_wire(served) as wire:
            for _ in range(3):
                await wire.send(GET % b"/handler")
                await wire.read_answer()
    assert len(seen) == 3
    assert set(seen) == {"start-up"}


async def test_a_handler_is_a_real_task(mode):
    async def handler(request):
        task = asyncio.current_task()
        assert isinstance(task, asyncio.Task)
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        assert asyncio.current_task() is task
        return web.Response(text="real")

    async with serve_quinde(application(handler=handler)) as served, open_wire(served) as wire:
        await wire.send(GET % b"/handler")
        assert (await wire.read_answer()).body == b"real"


async def test_task_factory_is_honoured(mode):
    loop = asyncio.get_running_loop()
    made = []

    def factory(loop, coroutine, **options):
        task = asyncio.Task(coroutine, loop=loop, **options)
        made.append(task)
        return task

    async with serve_quinde(application(ok=ok)) as served, open_wire(served) as wire:
        loop.set_task_factory(factory)
        try:
            await wire.send(GET % b"/ok")
            assert (await wire.read_answer()).body == b"ok"
        finally:
            loop.set_task_factory(None)
    assert any("serve" in repr(task.get_coro()) for task in made)


async def test_debug_mode_of_the_loop(mode):
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    try:
        async with serve_quinde(application(ok=ok)) as served, open_wire(served) as wire:
            await wire.send((GET % b"/ok") * 3)
            for _ in range(3):
                assert (await wire.read_answer()).body == b"ok"
    finally:
        loop.set_debug(False)


async def test_timer_runs_beside_busy_connections(mode):
    async with serve_quinde(application(ok=ok)) as served:
        wires = []
        for _ in range(64):
            wire = open_wire(served)
            wires.append((wire, await wire.__aenter__()))
        for _, wire in wires:
            await wire.send((GET % b"/ok") * 200)
        turns = 0

        async def tick():
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        ticking = asyncio.create_task(tick())
        for _, wire in wires:
            for _ in range(200):
                await wire.read_answer()
        ticking.cancel()
        for wire, _ in wires:
            await wire.__aexit__(None, None, None)
    # 12,800 answers at 32 a drive and 64 drives a turn would be 7 turns if turns did not end by time as well.
    assert turns > 12


@pytest.mark.parametrize("name", ["KeyboardInterrupt", "SystemExit"])
def test_what_ends_the_process_passes_through(name, mode):
    program = f"""
        import asyncio, os
        from quinde import web

        async def fatal(request):
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
            print("answer:", await reader.read())

        try:
            asyncio.run(main())
        except {name} as error:
            print("passed through", error.args[0])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.strip() == "passed through 7", done.stderr
    assert "500" not in done.stdout


@pytest.mark.plain("asyncio's TLS cannot close one half")
async def test_peer_that_half_closes_still_gets_its_answer(mode):
    gate = asyncio.Event()

    async def slow(request):
        await gate.wait()
        return web.Response(text="still")

    async with serve_quinde(application(slow=slow)) as served, open_wire(served) as wire:
        await wire.send(GET % b"/slow")
        await wire.send_eof()
        asyncio.get_running_loop().call_soon(gate.set)
        assert (await wire.read_to_end()).endswith(b"still")


async def test_handler_cancellation_is_opt_in(mode):
    outcome = asyncio.get_running_loop().create_future()
    started = asyncio.Event()

    async def wait(request):
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            outcome.set_result("cancelled")
            raise

    async with serve_quinde(application(wait=wait), handler_cancellation=True) as served:
        async with open_wire(served) as wire:
            await wire.send(GET % b"/wait")
            await started.wait()
        assert await outcome == "cancelled"


async def test_statistics_count(mode):
    async with serve_quinde(application(ok=ok)) as served, open_wire(served) as wire:
        await wire.send((GET % b"/ok") * 2 + b"GET / HTTP/1.1\r\n\r\n")
        await wire.read_to_end()
        assert served.runner.server.requests_count == 2


@pytest.mark.plain("its sockets are plain")
async def test_turns_do_not_multiply_however_many_connections_are_ready(mode):
    """Each turn that leaves something over schedules the next one; the poller is readable meanwhile."""
    if mode.backend != "reactor":
        pytest.skip("asyncio's transports are not served in turns")
    async with serve_quinde(application(ok=ok)) as served:
        sockets = [socket.create_connection((served.host, served.port)) for _ in range(30)]
        engine = reactor.engine()
        while engine.statistics()["open"] < 31:  # noqa: ASYNC110  # the listener is one
            await asyncio.sleep(0)
        turns = [engine.statistics()["turns"]]
        for _ in range(60):
            for sock in sockets:
                sock.sendall((GET % b"/ok") * 20)  # more than there is time for
            await asyncio.sleep(0)
            turns.append(engine.statistics()["turns"])
        for sock in sockets:
            left = 60 * 20
            sock.setblocking(False)
            while left:
                await asyncio.sleep(0)
                with contextlib.suppress(BlockingIOError):
                    left -= sock.recv(2**16).count(b"HTTP/1.1 200")
            sock.close()
    steps = [later - earlier for earlier, later in itertools.pairwise(turns)]
    assert max(steps) <= 2  # one that was scheduled, one for what came since
    assert sum(steps) >= 20  # it was busy
