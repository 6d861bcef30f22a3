from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from quinde.cli.race.relay import DelayLine, start_relay
from tests.cli.support import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

ROUND_TRIP = 0.04


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def relayed(answer: Answer = echo, round_trip: float = ROUND_TRIP) -> AsyncIterator[int]:
    """Serve `answer` behind a relay, and give the relay's port."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    relay = await start_relay(server.sockets[0].getsockname()[1], round_trip)
    try:
        yield relay.sockets[0].getsockname()[1]
    finally:
        relay.close()
        server.close()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        transports = asyncio.get_running_loop()._transports  # type: ignore[attr-defined]  # of asyncio's own loop
        async with asyncio.timeout(PATIENCE):
            await test()
            # The end of a connection takes its time through the relay, as everything does.
            while any(not each.is_closing() for each in transports.values()):  # noqa: ASYNC110 -- no event tells
                await asyncio.sleep(ROUND_TRIP / 4)

    asyncio.run(bounded())


def test_connecting_takes_a_round_trip_and_so_does_each_request() -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        async with relayed() as port:
            start = loop.time()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"1")
            assert await reader.readexactly(1) == b"1"
            first = loop.time()
            writer.write(b"2")
            assert await reader.readexactly(1) == b"2"
            second = loop.time()
            writer.close()
        assert first - start >= 2 * ROUND_TRIP
        assert second - first >= ROUND_TRIP

    run(test)


def test_who_writes_late_has_connected_meanwhile() -> None:
    """The clock of connecting runs from the connect, not from the first byte: seen by virtual time."""
    loop = _Clock()
    line, source, sink = DelayLine(loop, 0.5, not_before=1.0), _End(), _End()  # type: ignore[arg-type]
    line.join(source, sink)  # type: ignore[arg-type]
    line.put(b"early")
    loop.advance_to(1.49)
    assert sink.got == b""
    loop.advance_to(1.5)
    assert sink.got == b"early"
    line.put(b" late")
    loop.advance_to(1.99)
    assert sink.got == b"early"
    loop.advance_to(2.0)
    assert sink.got == b"early late"


def test_order_is_kept_and_the_end_comes_last() -> None:
    loop = _Clock()
    line, source, sink = DelayLine(loop, 0.5), _End(), _End()  # type: ignore[arg-type]
    for number, moment in enumerate((0.0, 0.1, 0.1, 0.3)):
        loop.advance_to(moment)
        line.put(b"%d" % number)
    line.put(None)
    line.join(source, sink)  # type: ignore[arg-type]
    loop.advance_to(0.7)
    assert (sink.got, sink.closed) == (b"012", False)
    loop.advance_to(0.8)
    assert (sink.got, sink.closed) == (b"0123", True)


def test_a_reader_that_takes_nothing_stops_the_writer() -> None:
    loop = _Clock()
    line, source, sink = DelayLine(loop, 0.5), _End(), _End()  # type: ignore[arg-type]
    line.join(source, sink)  # type: ignore[arg-type]
    line.block(True)
    for _ in range(5):
        line.put(b"x" * 2**20)
    loop.advance_to(10.0)
    assert (sink.got, source.reading) == (b"", False)
    line.block(False)
    assert (len(sink.got), source.reading) == (5 * 2**20, True)


def test_a_hundred_connections_wait_together() -> None:
    async def test() -> None:
        async with relayed(round_trip=0.2) as port:

            async def visit(number: int) -> None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"%03d" % number)
                assert await reader.readexactly(3) == b"%03d" % number
                writer.close()

            start = asyncio.get_running_loop().time()
            await asyncio.gather(*map(visit, range(100)))
            # 100 in turn would take 40 s.
            assert 0.4 <= asyncio.get_running_loop().time() - start < 20

    run(test)


@pytest.mark.parametrize("size", [1, 3_000_000])
def test_all_bytes_arrive_before_the_end(size: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        writer.write(b"x" * size)
        writer.close()

    async def test() -> None:
        async with relayed(answer) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"?")
            assert len(await reader.read()) == size
            writer.close()

    run(test)


def test_a_client_that_goes_ends_the_servers_connection() -> None:
    async def test() -> None:
        ended = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            ended.set()
            writer.close()

        async with relayed(answer) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await ended.wait()

    run(test)


def test_a_server_that_is_gone_ends_the_clients_connection() -> None:
    async def test() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        gone = server.sockets[0].getsockname()[1]
        server.close()
        relay = await start_relay(gone, ROUND_TRIP)
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.sockets[0].getsockname()[1])
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        relay.close()

    run(test)


class _Clock:
    """As much of a loop as a line asks for, in virtual time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> object:
        self.due.append((when, callback))
        return object()

    def advance_to(self, moment: float) -> None:
        while self.due and min(self.due, key=lambda each: each[0])[0] <= moment:
            first = min(self.due, key=lambda each: each[0])
            self.due.remove(first)
            self.now = first[0]
            first[1]()
        self.now = moment


class _End:
    """As much of a transport as a line asks for."""

    def __init__(self) -> None:
        self.got, self.closed, self.reading = b"", False, True

    def write(self, data: bytes) -> None:
        self.got += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True
