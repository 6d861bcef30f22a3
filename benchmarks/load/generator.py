"""The load generator for machines without wrk: bare asyncio.Protocols on uvloop, one JSON line at the end.

Same questions and same answer line as wrk.lua. It needs about as much CPU per request as a fast server does,
so against those it is the limit itself; the run shows its share of its core. CPU per request holds anyhow.
"""

import argparse
import asyncio
import json
import ssl
import time
from array import array
from collections.abc import Callable
from typing import cast

import uvloop

DEPTH = 16
HEAD_END = b"\r\n\r\n"


class Tally:
    """What all connections share: the request, the counts, and whether time is up.

    `renew` opens a connection in place of one that was used up by its request; None when they are kept.
    """

    def __init__(self, request: bytes, depth: int, renew: Callable[[], None] | None = None) -> None:
        self.batch = request * depth
        self.depth = depth
        self.renew = renew
        self.latencies = array("d")
        self.bad_status = 0
        self.lost = 0
        self.over = False


class Asker(asyncio.Protocol):
    """One connection: sends a batch, waits for all its answers, sends the next, or has itself replaced."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._buffer = b""
        self._missing = 0
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first batch."""
        # uvloop's transports are no subclasses of asyncio's, so this cannot be asserted.
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def _ask(self) -> None:
        self._missing = self._tally.depth
        self._sent = time.perf_counter()
        self._transport.write(self._tally.batch)

    def data_received(self, data: bytes) -> None:
        """Count the complete answers."""
        tally = self._tally
        buffer = self._buffer + data if self._buffer else data
        start = 0
        while (end := _answer_end(buffer, start)) >= 0:
            tally.latencies.append(time.perf_counter() - self._sent)
            tally.bad_status += buffer[start + 9 : start + 10] not in (b"2", b"3")
            start = end
            self._missing -= 1
            if not self._missing and not tally.over:
                self._go_on()
        self._buffer = buffer[start:]

    def _go_on(self) -> None:
        if self._tally.renew is None:
            self._ask()
        else:
            self._transport.abort()
            self._tally.renew()

    def connection_lost(self, error: Exception | None) -> None:
        """Count an answer that will not come."""
        self._tally.lost += self._missing > 0 and not self._tally.over


def _answer_end(buffer: bytes, start: int) -> int:
    """Find where the answer that begins at `start` ends, or -1 while some of it is missing."""
    head = buffer.find(HEAD_END, start)
    if head < 0:
        return -1
    fields = buffer[start:head].lower()
    mark = fields.find(b"\r\ncontent-length:")
    if mark < 0:
        raise ValueError("an answer without Content-Length; this generator needs one")
    length = int(fields[mark + 17 :].split(b"\r\n", 1)[0])
    end = head + 4 + length
    return end if end <= len(buffer) else -1


def request_bytes(mode: str, port: int, path: str, body: str) -> bytes:
    """Write the request that a mode repeats."""
    host = f"Host: 127.0.0.1:{port}\r\n"
    if mode == "close":
        host += "Connection: close\r\n"
    if mode != "post":
        return f"GET {path} HTTP/1.1\r\n{host}\r\n".encode()
    fields = f"Content-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\n{host}{fields}\r\n{body}".encode()


def trusting() -> ssl.SSLContext:
    """Make a context that verifies nothing, as wrk does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def load(chosen: argparse.Namespace, tally: Tally) -> float:
    """Keep the connections busy for so many seconds; give the seconds that it took, connecting included."""
    loop = asyncio.get_running_loop()
    context = trusting() if chosen.tls else None
    tasks: set[asyncio.Task[asyncio.Transport]] = set()

    async def connect() -> asyncio.Transport:
        transport, _ = await loop.create_connection(
            lambda: Asker(tally), "127.0.0.1", chosen.port, ssl=context
        )
        return transport

    def renew() -> None:
        task = loop.create_task(connect())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    if chosen.mode == "close":
        tally.renew = renew
    start = time.perf_counter()
    opened = await asyncio.gather(*(connect() for _ in range(chosen.connections)))
    await asyncio.sleep(chosen.seconds)
    spent = time.perf_counter() - start
    tally.over = True
    opened += await asyncio.gather(*tasks)
    for transport in opened:
        transport.abort()
    return spent


def main() -> None:
    """Load the server named on the command line and print the tally."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--path", required=True)
    arguments.add_argument("--mode", choices=("get", "post", "pipeline", "close"), required=True)
    arguments.add_argument("--body", default="")
    arguments.add_argument("--connections", type=int, required=True)
    arguments.add_argument("--seconds", type=float, required=True)
    arguments.add_argument("--tls", action="store_true")
    chosen = arguments.parse_args()
    request = request_bytes(chosen.mode, chosen.port, chosen.path, chosen.body)
    tally = Tally(request, DEPTH if chosen.mode == "pipeline" else 1)
    cpu = time.process_time()
    seconds = uvloop.run(load(chosen, tally))
    cpu = time.process_time() - cpu
    latencies = sorted(tally.latencies) or [0.0]
    answer = {
        "requests": len(tally.latencies),
        "seconds": seconds,
        "cpu_seconds": cpu,
        "p50_us": latencies[len(latencies) // 2] * 1e6,
        "p99_us": latencies[len(latencies) * 99 // 100] * 1e6,
        "status": tally.bad_status,
        "read": tally.lost,
    }
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
