"""The server of the soak tests, a process of its own: `python -m tests.soak.application PORT [options]`.

It says `ready` when it listens, and tells about itself at `/about`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import ssl
import time
from pathlib import Path

from quinde import web

PIECE = bytes(256 * 1024)


class Pulse:
    """A timer of 10 ms that notes how late it is, but for the time in which the process had no processor.

    On a busy machine that is most of it. Nor can the loop be late of its own by more than it has worked.
    """

    def __init__(self) -> None:
        self.late: list[float] = []

    async def beat(self) -> None:
        while True:
            begun, starved, worked = time.monotonic(), starvation(), time.thread_time()
            await asyncio.sleep(0.01)
            late = time.monotonic() - begun - 0.01 - (starvation() - starved)
            self.late.append(max(0.0, min(late, time.thread_time() - worked)))


def starvation() -> float:
    """Seconds for which this process was ready to run and did not."""
    return int(SCHEDULE.read_bytes().split()[1]) / 1e9


SCHEDULE = Path("/proc/self/schedstat")
PULSE = web.AppKey("pulse", Pulse)
BEAT = web.AppKey("beat", asyncio.Task)


async def hello(_request: web.Request) -> web.Response:
    return web.Response(text="Hello, world!")


async def take(request: web.Request) -> web.Response:
    """Read a body more slowly than it comes."""
    size, digest = 0, hashlib.md5(usedforsecurity=False)
    async for piece in request.content.iter_any():
        before, size = size, size + len(piece)
        digest.update(piece)
        if before // 2**22 != size // 2**22:
            await asyncio.sleep(0.001)
    return web.json_response({"size": size, "digest": digest.hexdigest()})


async def give(request: web.Request) -> web.StreamResponse:
    """Send a body faster than it is read."""
    size = int(request.query["size"])
    response = web.StreamResponse(headers={"Content-Length": str(size)})
    await response.prepare(request)
    for _ in range(size // len(PIECE)):
        await response.write(PIECE)
    return response


async def about(request: web.Request) -> web.Response:
    """Tell the counters and how late the timer was since the last time."""
    late = sorted(request.app[PULSE].late)
    request.app[PULSE].late.clear()
    server = request.app["runner"].server
    return web.json_response(
        {
            "statistics": server.statistics(),
            "p99": late[int(len(late) * 0.99)] if late else 0.0,
            "beats": len(late),
        },
        dumps=json.dumps,
    )


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--reuse-port", action="store_true")
    parser.add_argument("--certificate", help="a file: serve over TLS")
    arguments = parser.parse_args()
    app = web.Application(client_max_size=0)
    app[PULSE] = Pulse()
    app.add_routes(
        [web.get("/", hello), web.put("/take", take), web.get("/give", give), web.get("/about", about)]
    )
    runner = web.AppRunner(app, access_log=None)
    app["runner"] = runner
    await runner.setup()
    context = None
    if arguments.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(arguments.certificate)
    site = web.TCPSite(
        runner,
        "127.0.0.1",
        arguments.port,
        backlog=4096,
        reuse_port=arguments.reuse_port or None,
        ssl_context=context,
    )
    await site.start()
    print("ready", flush=True)  # noqa: T201  # the test waits for it
    await app[PULSE].beat()


if __name__ == "__main__":
    asyncio.run(main())
