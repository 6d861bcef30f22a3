"""`run_app`, as programs use it: in a process of its own, ended by signals."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.behaviour.library import LIBRARY, request
from tests.support.servers import HOST, Served, closed_port
from tests.support.wire import PATIENCE, open_wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.plain("test_tls_server.py has run_app over TLS")

PROGRAM = """
import asyncio
from {library} import web

async def hello(request):
    if request.path == "/slow":
        print("begun", flush=True)
        await asyncio.sleep(0.05)
    if request.path == "/for-ever":
        print("begun", flush=True)
        try:
            await asyncio.sleep(60)
        finally:
            print("cancelled", flush=True)
    return web.Response(text="hello")

async def make():
    app = web.Application()
    app.router.add_get("/{{tail:.*}}", hello)
    async def end(app):
        print("cleaned up", flush=True)
    app.on_cleanup.append(end)
    return app

def loop():
    if {loop!r} == "uvloop":
        import uvloop
        return uvloop.new_event_loop()
    return asyncio.new_event_loop()

web.run_app(make(), {options}, loop=loop(), print=lambda text: print(text, flush=True))
print("left", flush=True)
"""


class Program:
    """A running program and its output."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            return (await self.process.stdout.readline()).decode().rstrip("\n")

    async def end(self) -> tuple[int | None, list[str]]:
        async with asyncio.timeout(PATIENCE):
            output, _ = await self.process.communicate()
        return self.process.returncode, output.decode().splitlines()


@asynccontextmanager
async def running(options: str, loop: str = "asyncio") -> AsyncIterator[Program]:
    code = PROGRAM.format(library=LIBRARY, options=options, loop=loop)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
async def test_signals_end_it_in_good_order(number: signal.Signals, mode: object) -> None:
    port = closed_port()
    loop = str(mode).rpartition("-")[2]
    async with running(f"host={HOST!r}, port={port}", loop) as program:
        assert await program.line() == f"======== Running on http://{HOST}:{port} ========"
        assert await program.line() == "(Press CTRL+C to quit)"
        async with open_wire(Served(HOST, port)) as wire:
            await wire.send(request())
            assert (await wire.read_answer()).body == b"hello"
            await wire.send(request("GET", "/slow"))
            assert await program.line() == "begun"
            program.process.send_signal(number)
            assert (await wire.read_answer()).body == b"hello"
            assert await wire.read_to_end() == b""
        assert await program.end() == (0, ["cleaned up", "left"])


async def test_handlers_that_do_not_end_are_cancelled() -> None:
    port = closed_port()
    async with running(f"host={HOST!r}, port={port}, shutdown_timeout=0.05") as program:
        await program.line()
        await program.line()
        async with open_wire(Served(HOST, port)) as wire:
            await wire.send(request("GET", "/for-ever"))
            assert await program.line() == "begun"
            program.process.send_signal(signal.SIGTERM)
            assert await program.end() == (0, ["cancelled", "cleaned up", "left"])


async def test_several_places(tmp_path: Path) -> None:
    port = closed_port()
    path = str(tmp_path / "socket")
    async with running(
        f"host=[{HOST!r}, 'localhost'], port={port}, path={path!r}, reuse_port=True"
    ) as program:
        names = (
            (await program.line()).removeprefix("======== Running on ").removesuffix(" ========").split(", ")
        )
        assert names == [f"http://{HOST}:{port}", f"http://localhost:{port}", f"http://unix:{path}:"]
        for served in (Served(HOST, port), Served("", 0, path)):
            async with open_wire(served) as wire:
                await wire.send(request())
                assert (await wire.read_answer()).body == b"hello"
        program.process.send_signal(signal.SIGTERM)
        await program.end()


async def test_taken_port_is_an_error_and_cleans_up() -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), HOST, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with running(f"host={HOST!r}, port={port}") as program:
            status, lines = await program.end()
    assert status == 1
    assert "cleaned up" in lines
    assert lines[-1].startswith("OSError:")
    assert str(os.strerror(98)).lower() in lines[-1].lower()
