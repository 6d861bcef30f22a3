"""Loops, threads and processes: what is dropped, closed or forked elsewhere than where it was made."""

from __future__ import annotations

import asyncio
import os
import socket
import threading

import quinde
from quinde import web
from quinde.net import reactor
from tests.behaviour.library import application, request
from tests.support.servers import serve_quinde, serve_raw
from tests.support.wire import open_wire


async def ok(_request):
    return web.Response(text="ok")


async def test_response_dropped_by_another_thread_closes_its_connection(mode):
    asyncio.get_running_loop().set_debug(False)  # which warns of it: tests/client/test_response.py
    closed = asyncio.Event()

    async def talk(wire):
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\nbegun")
        try:
            await wire.reader.read()
        finally:
            closed.set()

    async with serve_raw(talk) as served, quinde.ClientSession() as session:
        held = [await session.get(served.url)]
        await asyncio.to_thread(held.clear)
        async with asyncio.timeout(5):
            await closed.wait()


def test_loop_that_goes_on_in_another_thread(mode):
    loop = mode.new_loop()

    async def start():
        runner = web.AppRunner(application(ok), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    runner = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        with socket.create_connection(runner.addresses[0][:2], timeout=5) as wire:
            wire.sendall(request())
            assert b"200 OK" in wire.recv(1000)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(runner.cleanup())
        loop.close()


def test_loops_in_several_threads_at_once(mode):
    failures = []

    async def main():
        async with serve_quinde(application(ok)) as served, quinde.ClientSession() as session:
            for _ in range(100):
                async with session.get(served.url) as response:
                    assert await response.text() == "ok"

    def run():
        try:
            with asyncio.Runner(loop_factory=mode.new_loop) as runner:
                runner.run(main())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


async def test_forked_child_that_closes_everything_leaves_the_parent_alone(mode):
    async with serve_quinde(application(ok)) as served, quinde.ClientSession() as session:
        async with open_wire(served) as wire:
            await wire.send(request())
            await wire.read_answer()
            async with session.get(served.url) as response:
                await response.read()
            child = os.fork()
            if child == 0:
                try:
                    if mode.backend == "reactor":
                        reactor.engine().close()
                finally:
                    os._exit(0)
            await asyncio.to_thread(os.waitpid, child, 0)
            await wire.send(request())
            assert (await wire.read_answer()).body == b"ok"
            async with session.get(served.url) as response:
                assert await response.text() == "ok"
        async with open_wire(served) as wire:
            await wire.send(request())
            assert (await wire.read_answer()).body == b"ok"
