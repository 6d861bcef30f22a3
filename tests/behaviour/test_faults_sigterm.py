"""SIGTERM under load: what a server has begun it answers, whole; then it leaves, in time and in good order.

The load is an open model: requests start when their time comes, whatever became of those before. The server
writes down which requests it has begun; none of them may be without its answer.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from dataclasses import dataclass, field

import pytest

from tests.behaviour.library import request
from tests.support import certs
from tests.support.servers import HOST

PROGRAM = """
import asyncio, ssl, sys
from quinde import web
from tests.support.modes import Mode

begun = []
ending = asyncio.Event()

async def end(_app):
    ending.set()

async def handler(request):
    begun.append(request.path)
    if request.path == "/1":
        await ending.wait()
    kind = int(request.path[1:]) % 4
    if kind == 1:
        await asyncio.sleep(0.05)
    if kind == 2:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(10):
            await response.write(b"x" * 1000)
            await asyncio.sleep(0.005)
        return response
    return web.Response(body=b"x" * (3_000_000 if kind == 3 else 10))

app = web.Application()
app.on_shutdown.append(end)
app.router.add_get("/{number}", handler)
loop = Mode(BACKEND, LOOP).new_loop()
context = None
if CERTIFICATE:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
web.run_app(app, host="127.0.0.1", port=0, loop=loop, shutdown_timeout=10, access_log=None,
            ssl_context=context, print=lambda text: print(text, flush=True))
print(*begun, sep="\\n")
"""
SIZES = {0: 10, 1: 10, 2: 10_000, 3: 3_000_000}


@dataclass
class Load:
    """What became of the requests, by number."""

    port: int
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)
    answered: dict[int, bool] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    async def ask(self, number: int, fresh: bool) -> None:
        """Send one request on a connection that is free, or on a new one; note what came of it."""
        try:
            stream = self.idle.pop() if self.idle and not fresh else await self._connect()
        except OSError:
            self.refused.append(number)
            return
        try:
            closes = await self._exchange(number, *stream)
        except (OSError, asyncio.IncompleteReadError):
            self.lost.append(number)
            closes = True
        if closes:
            stream[1].close()
        else:
            self.idle.append(stream)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = certs.client_context() if certs.is_secured() else None
        # With less room than an answer, uvloop's TLS loses what it has not handed over when the peer closes.
        return await asyncio.open_connection(HOST, self.port, ssl=context, limit=2 * max(SIZES.values()))

    async def _exchange(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        writer.write(request("GET", f"/{number}"))
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200 ")
        if b"chunked" in head:
            body = 0
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += size
                await reader.readexactly(size + 2)
            await reader.readexactly(2)
        else:
            body = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(body)
        assert body == SIZES[number % 4]
        closes = b"connection: close" in head
        self.answered[number] = closes
        return closes


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [(200, 0.4), pytest.param(300, 5.0, marks=[pytest.mark.soak, pytest.mark.limit(60)])],
)
async def test_nothing_that_was_begun_is_lost(mode, rate, seconds):
    rng = random.Random(f"{mode} {rate}")
    with certs.server_file() as path:
        program = PROGRAM.replace("BACKEND", repr(mode.backend)).replace("LOOP", repr(mode.loop))
        await terminate(program.replace("CERTIFICATE", repr(path if mode.tls else None)), rng, rate, seconds)


async def terminate(program, rng, rate, seconds):
    """Run the program under load, end it, and see what became of each request."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    loop = asyncio.get_running_loop()
    try:
        assert process.stdout is not None
        first = (await process.stdout.readline()).decode()
        await process.stdout.readline()
        load = Load(int(first.split(":")[2].split()[0]))
        asked, stopped = [], 0.0
        began = loop.time()
        while not load.refused:
            number = len(asked)
            await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
            asked.append(asyncio.create_task(load.ask(number, fresh=rng.random() < 0.3)))
            late = loop.time() > began + seconds and len(load.answered) > rate * seconds / 4
            if late and not stopped:
                process.send_signal(signal.SIGTERM)
                stopped = loop.time()
        await asyncio.gather(*asked)
        output, _ = await process.communicate()
        assert process.returncode == 0
        assert loop.time() - stopped < 10
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        for _, writer in load.idle:
            writer.close()
    begun = {int(line[1:]) for line in output.decode().split()}
    assert begun - set(load.answered) == set()
    assert set(load.lost) & begun == set()
    # The last ones say that they are.
    assert load.answered[1]
    assert not load.answered[0]
