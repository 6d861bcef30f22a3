"""Slow clients by the hundred, as slowhttptest makes them: the service goes on answering everybody else.

A server in a process of its own is attacked in each of the tool's four ways while a probe asks it for a small
answer again and again, each time on a new connection. It takes minutes, and the tool: `make soak`.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys

import pytest

from tests.behaviour.library import request
from tests.support.servers import HOST, Served
from tests.support.wire import open_wire

pytestmark = [
    pytest.mark.soak,
    pytest.mark.plain("the program serves plainly"),
    pytest.mark.limit(90),
    pytest.mark.skipif(shutil.which("slowhttptest") is None, reason="slowhttptest is not installed"),
]

PROGRAM = """
import asyncio
from quinde import web
from tests.support.modes import Mode

async def hello(request):
    return web.Response(text="hello")

async def upload(request):
    return web.Response(text=str(len(await request.read())))

async def large(request):
    return web.Response(body=bytes(4 << 20))

async def statistics(request):
    return web.json_response(request.protocol.server.statistics())

app = web.Application()
app.router.add_get("/", hello)
app.router.add_get("/large", large)
app.router.add_post("/", upload)
app.router.add_get("/statistics", statistics)
web.run_app(app, host="127.0.0.1", port=0, loop=Mode(BACKEND, LOOP).new_loop(), limits=LIMITS,
            access_log=None, print=lambda text: print(text, flush=True))
"""
# Shorter than the defaults, so that the attack meets them within its 20 seconds.
LIMITS = "web.Limits(head_timeout=3, body_timeout=5, write_timeout=5)"
ATTACKERS, SECONDS = 200, 20

ATTACKS = {
    "headers": (["-H", "-i", "1"], "/", "refused_head_timeout"),
    "body": (["-B", "-i", "7"], "/", "refused_body_timeout"),
    "read": (["-X", "-k", "1", "-n", "3", "-w", "1", "-y", "512", "-z", "5"], "/large", None),
    "ranges": (["-R", "-a", "1", "-b", "3000"], "/large", None),
}


async def probe(served, times):
    """Ask on a new connection, again and again; note how long each took."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        async with open_wire(served) as wire:
            await wire.send(request("GET", "/", "Connection: close"))
            assert (await wire.read_answer()).body == b"hello"
        times.append(loop.time() - began)
        await asyncio.sleep(0.02)


async def statistics(served):
    async with open_wire(served) as wire:
        await wire.send(request("GET", "/statistics", "Connection: close"))
        return json.loads((await wire.read_answer()).body)


@pytest.mark.parametrize("name", ATTACKS)
async def test_service_stays_available(mode, name):
    options, path, refusal = ATTACKS[name]
    program = PROGRAM.replace("BACKEND", repr(mode.backend)).replace("LOOP", repr(mode.loop))
    program = program.replace("LIMITS", LIMITS)
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    probing = attack = None
    try:
        port = int((await server.stdout.readline()).decode().split(":")[2].split()[0])
        served, times = Served(HOST, port), []
        url = served.url + path
        attack = await asyncio.create_subprocess_exec(
            "slowhttptest", *options, "-u", url,
            "-c", str(ATTACKERS), "-r", str(ATTACKERS), "-l", str(SECONDS), "-p", "2",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        probing = asyncio.create_task(probe(served, times))
        output, _ = await attack.communicate()
        assert not probing.done(), "the probe was not answered"
        counted = await statistics(served)
        times.sort()
        median, worst = times[len(times) // 2], times[-1]
        figures = f"{len(times)} probes, median {median * 1e3:.1f} ms, worst {worst * 1e3:.1f} ms"
        print(f"\n{mode} {name}: {figures}, {counted}")  # noqa: T201  # what is measured is told (pytest -s)
        assert b"service available" in output
        assert b"YES" in output  # at the end; in between, the probe has watched
        assert worst < 2.0
        if refusal is not None:
            # Whoever is slow is closed while the attack goes on.
            assert counted[refusal] >= ATTACKERS / 2
    finally:
        for process in (attack, server):
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()
        if probing is not None:
            probing.cancel()
            await asyncio.gather(probing, return_exceptions=True)
