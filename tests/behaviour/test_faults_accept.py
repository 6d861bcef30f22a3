"""No descriptors, and system calls that fail: the server pauses, says so once, and goes on.

In processes of their own: the limit on descriptors is the process's, and strace makes its system calls fail.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from contextlib import asynccontextmanager

import pytest

from tests.behaviour.library import request
from tests.support.servers import HOST, Served
from tests.support.wire import open_wire

PROGRAM = """
import asyncio, logging, resource, sys
from quinde import web
from tests.support.modes import Mode

logging.basicConfig(stream=sys.stderr, format="LOG %(name)s %(message)s")

async def hello(request):
    return web.Response(body=b"x" * 300_000 if request.path == "/large" else b"hello")

async def limit(request):
    # The limit is for numbers: as many free ones as asked for lie below it. (uvloop passes on what is open.)
    import itertools, os
    used = {int(name) for name in os.listdir("/proc/self/fd")}
    free = (number for number in itertools.count() if number not in used)
    last = list(itertools.islice(free, int(request.match_info["spare"])))[-1]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (last + 1, hard))
    return web.Response()

app = web.Application()
app.router.add_get("/limit/{spare}", limit)
app.router.add_get("/{tail:.*}", hello)
web.run_app(app, host="127.0.0.1", port=0, loop=Mode(BACKEND, LOOP).new_loop(), access_log=None,
            print=lambda text: print(text, flush=True))
"""

pytestmark = pytest.mark.plain("the program serves plainly")

needs_strace = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("strace") is None, reason="strace is not installed"
)


@asynccontextmanager
async def serving(mode, *inject):
    """A server, under strace if something is injected; gives it and what collects its standard error."""
    program = PROGRAM.replace("BACKEND", repr(mode.backend)).replace("LOOP", repr(mode.loop))
    command = [sys.executable, "-c", program]
    if inject:
        calls = ",".join(each.partition(":")[0] for each in inject)
        options = [option for each in inject for option in ("-e", f"inject={each}")]
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", *options, *command]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True
    )
    errors = asyncio.create_task(process.stderr.read())
    try:
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode()
        assert line, (await errors).decode()
        yield Served(HOST, int(line.split(":")[2].split()[0])), errors
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGTERM)  # strace itself does not pass it on
            await process.wait()
        await errors


async def ask(wire, path="/"):
    await wire.send(request("GET", path))
    return await wire.read_answer()


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
async def test_descriptors_run_out(mode):
    if mode.backend == "transport" and mode.loop == "uvloop":
        pytest.skip("libuv accepts and closes what waits then")
    async with serving(mode) as (served, errors):
        async with open_wire(served) as old:
            await ask(old, "/limit/3")
            wires = [await asyncio.open_connection(served.host, served.port) for _ in range(20)]
            for _, writer in wires:
                writer.write(request())
            assert (await ask(old)).body == b"hello"  # goes on beside it
            for reader, writer in wires[:2]:
                async with asyncio.timeout(5):
                    await reader.readuntil(b"hello")
                writer.close()
            # The places are free again: the next ones come in, after the pause. libuv has closed on them.
            for reader, writer in wires[2:]:
                if (mode.backend, mode.loop) != ("transport", "uvloop"):
                    async with asyncio.timeout(10):
                        await reader.readuntil(b"hello")
                writer.close()
    said = (await errors).decode()
    if mode.backend == "reactor":  # asyncio tells for each that waits
        # Once, and once again when there was a descriptor in between.
        assert 1 <= said.count("accept() is out of system resources") <= 10, said


@needs_strace
@pytest.mark.parametrize("error", ["EMFILE", "ENFILE", "ENOBUFS", "ECONNABORTED", "EINTR"])
async def test_accept_fails_now_and_then(mode, error):
    if mode.backend == "transport":
        pytest.skip("asyncio accepts there")
    async with serving(mode, f"accept4:error={error}:when=3..4") as (served, errors):
        for _ in range(4):
            async with open_wire(served) as wire:
                assert (await ask(wire)).body == b"hello"
    said = (await errors).decode()
    assert said.count("out of system resources") == (error not in {"ECONNABORTED", "EINTR"}), said
    assert "Traceback" not in said


@needs_strace
@pytest.mark.parametrize(
    "inject",
    [
        ["recvfrom:error=EINTR:when=2+3"],
        ["sendto:error=EINTR:when=2+3", "sendmsg:error=EINTR:when=2+3"],
        ["sendto:error=ENOBUFS:when=2+3", "sendmsg:error=ENOBUFS:when=2+3"],
        ["epoll_wait:error=EINTR:when=20+3", "epoll_pwait:error=EINTR:when=20+3"],
    ],
    ids=["receive-EINTR", "send-EINTR", "send-ENOBUFS", "wait-EINTR"],
)
async def test_calls_are_interrupted_or_short_of_memory(mode, inject):
    if mode.backend == "transport":
        pytest.skip("those calls are asyncio's there")
    async with serving(mode, *inject) as (served, errors), open_wire(served) as wire:
        for _ in range(5):
            assert (await ask(wire)).body == b"hello"
            assert len((await ask(wire, "/large")).body) == 300_000
    assert b"Traceback" not in await errors
