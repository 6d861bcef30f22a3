"""A relay that puts a network between two programs of one machine: every byte takes half a round trip.

It stands before a server in a process of its own, passes connections on, and holds back what it has read, in
either direction, for half of the round trip; order is kept. It knows nothing of TLS or HTTP.

A client's connect to this machine is answered by the kernel at once, whatever a relay does. In a real network
the client's first bytes could not leave before a round trip had passed; so that is when the relay lets them
go. The whole is what a network would take, one round trip for TCP, one for TLS 1.3, one for the request; but
a trace shows TCP's as part of what comes first after it, which is the TLS handshake.
"""

import asyncio
import sys
from collections import deque

from quinde.cli.process import attach

__all__ = ("DelayLine", "start_relay")

_HELD_LIMIT = 4 * 2**20
"""Bytes on their way in one direction of one connection, after which the relay stops reading: no network
holds any amount, and neither does this process."""


class DelayLine:
    """One direction of a connection: what goes in comes out after a delay, in order, and so does its end.

    Args:
        loop: Tells the time.
        delay: Seconds that everything takes.
        not_before: The loop's time before which nothing can have been sent.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, delay: float, not_before: float = 0.0) -> None:
        self._loop = loop
        self._delay = delay
        self._not_before = not_before
        self._held: deque[tuple[float, bytes | None]] = deque()
        self._held_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._source: asyncio.Transport | None = None
        self._sink: asyncio.Transport | None = None
        self._blocked = False

    def join(self, source: asyncio.Transport, sink: asyncio.Transport) -> None:
        """Say where bytes come from and where they go: from now on they do."""
        self._source, self._sink = source, sink
        self._pass_on()

    def put(self, data: bytes | None) -> None:
        """Take what was read; None is the end."""
        sent = max(self._loop.time(), self._not_before)
        self._held.append((sent + self._delay, data))
        self._held_bytes += len(data or b"")
        if self._held_bytes > _HELD_LIMIT and self._source is not None:
            self._source.pause_reading()
        if self._timer is None:
            self._pass_on()

    def block(self, blocked: bool) -> None:
        """Hold everything back while the sink takes nothing; or go on."""
        self._blocked = blocked
        if not blocked and self._timer is None:
            self._pass_on()

    def _pass_on(self) -> None:
        self._timer = None
        if self._source is None or self._sink is None:
            return  # not connected yet
        now = self._loop.time()
        while self._held and self._held[0][0] <= now and not self._blocked:
            _, data = self._held.popleft()
            if data is None or self._sink.is_closing():
                self._held.clear()
                self._sink.close()
                return
            self._held_bytes -= len(data)
            self._sink.write(data)
        if self._held_bytes <= _HELD_LIMIT and not self._source.is_closing():
            self._source.resume_reading()
        if self._held and not self._blocked:
            self._timer = self._loop.call_at(self._held[0][0], self._pass_on)


class _End(asyncio.Protocol):
    """One of a connection's two ends: gives what it reads to `away`, and is where `here` leads."""

    def __init__(self, away: DelayLine, here: DelayLine) -> None:
        self._away, self._here = away, here

    def data_received(self, data: bytes) -> None:
        self._away.put(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._away.put(None)

    def pause_writing(self) -> None:
        self._here.block(True)

    def resume_writing(self) -> None:
        self._here.block(False)


class _ClientEnd(_End):
    """The end that a client connected to; connects to the server, and joins the two."""

    def __init__(self, loop: asyncio.AbstractEventLoop, port: int, round_trip: float) -> None:
        self._loop, self._port = loop, port
        forth = DelayLine(loop, round_trip / 2, not_before=loop.time() + round_trip)
        super().__init__(away=forth, here=DelayLine(loop, round_trip / 2))
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._connecting = self._loop.create_task(self._connect(transport))

    async def _connect(self, client: asyncio.Transport) -> None:
        forth, back = self._away, self._here
        try:
            server, _ = await self._loop.create_connection(lambda: _End(back, forth), "127.0.0.1", self._port)
        except OSError:
            client.abort()
            return
        forth.join(client, server)
        back.join(server, client)


async def start_relay(port: int, round_trip: float) -> asyncio.Server:
    """Listen on a free port of this machine, and relay to another one.

    Args:
        port: Where the server listens.
        round_trip: Seconds.
    """
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: _ClientEnd(loop, port, round_trip), "127.0.0.1", 0, backlog=1024)


async def _serve(port: int, round_trip: float) -> None:
    speak = attach()
    server = await start_relay(port, round_trip)
    speak({"port": server.sockets[0].getsockname()[1]})
    # No end of its own: the process ends with its parent.
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
