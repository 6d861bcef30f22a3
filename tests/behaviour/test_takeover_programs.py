"""What programs do with connections that they have taken over: streams, tunnels, and odd moments."""

from __future__ import annotations

import asyncio
import gc
import random
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from quinde import web
from tests.behaviour.library import application
from tests.behaviour.takeover import Echo, Taker
from tests.support.servers import serve_quinde, serve_raw
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from tests.support.modes import Mode
    from tests.support.wire import Wire

FIELDS = {"Connection": "upgrade", "Upgrade": "x"}
OFFER = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"


async def switch(request: web.Request) -> asyncio.Transport:
    """Answer 101."""
    await web.StreamResponse(status=101, headers=FIELDS).prepare(request)
    assert request.transport is not None
    return request.transport


def streams_on(transport: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Put asyncio's streams on a transport, as `asyncio.open_connection` does."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 14)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def test_streams_on_both_ends() -> None:
    text = random.Random(1).randbytes(3_000_000)

    async def handler(request: web.Request) -> web.StreamResponse:
        reader, writer = streams_on(await switch(request))
        while data := await reader.read(50_000):
            writer.write(data)
            await writer.drain()
            if data.endswith(text[-10:]):
                break
        writer.close()
        await writer.wait_closed()
        return web.Response()

    async with serve_quinde(application(handler)) as served, quinde.ClientSession() as client:
        async with client.get(served.url, headers=FIELDS) as response:
            assert response.connection is not None
            reader, writer = streams_on(response.connection.transport)

            async def send() -> None:
                for at in range(0, len(text), 70_001):
                    writer.write(text[at : at + 70_001])
                    await writer.drain()

            sending = asyncio.create_task(send())
            assert await reader.read(-1) == text
            await sending
            writer.close()
            await writer.wait_closed()


class Relay(Taker):
    """Pass bytes on to another one, at the pace of the slower."""

    other: Relay

    def on_data(self, data: bytes) -> None:
        self.received.clear()
        self.other.transport.write(data)

    def pause_writing(self) -> None:
        self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self.other.transport.resume_reading()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.other.transport.close()


@pytest.mark.limit(60)
async def test_a_proxy_relays_at_the_pace_of_the_slower() -> None:
    """CONNECT: the client's connection and one that asyncio has opened are made one."""
    texts = [random.Random(seed).randbytes(1_500_000) for seed in range(4)]
    relays: list[Relay] = []

    async def upstream(wire: Wire) -> None:
        while data := await wire.reader.read(10_000):
            await wire.send(data)

    @web.middleware
    async def connect(request: web.Request, _handler: Any = None, **_: Any) -> web.StreamResponse:
        assert request.method == "CONNECT"
        near, far = Relay(), Relay()
        near.other, far.other = far, near
        relays.extend((near, far))
        far.transport, _protocol = await asyncio.get_running_loop().create_connection(
            lambda: far, target.host, target.port, **tls
        )
        response = web.StreamResponse()
        await response.prepare(request)
        near.take(request.transport)
        for relay in (near, far):
            relay.transport.set_write_buffer_limits(high=20_000)
        await near.ended
        return response

    async def talk(text: bytes) -> None:
        async with open_wire(proxy) as wire:
            await wire.send(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n" + text[:1000])
            assert (await wire.read_head()).status == 200
            sending = asyncio.create_task(wire.send(text[1000:]))
            for at in range(0, len(text), 100_000):
                assert await wire.read_exactly(100_000) == text[at : at + 100_000]
            await sending

    async with serve_raw(upstream) as target:
        from tests.support import certs

        tls: dict[str, Any] = {"ssl": certs.client_context()} if certs.is_secured() else {}
        app = web.Application(middlewares=[connect])
        async with serve_quinde(app, shutdown_timeout=5) as proxy:
            await asyncio.gather(*map(talk, texts))
            for relay in relays:
                await relay.ended
    assert [len(relay.lost) for relay in relays] == [1] * 8


async def test_an_idle_connection_is_taken_over() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    async with serve_quinde(application(handler)) as served, open_wire(served) as wire:
        await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await wire.read_answer()).body == b"hello"
        (protocol,) = served.runner.server.connections
        await wire.send(b"GET / HT")
        echo = Echo().take(protocol.transport)
        assert await wire.read_exactly(8) == b"GET / HT"
        protocol.force_close()
        assert await wire.read_to_end() == b""
        assert await echo.ended is None
        assert protocol.transport is None


async def test_taken_over_while_the_client_has_gone() -> None:
    ended = asyncio.get_running_loop().create_future()

    async def handler(request: web.Request) -> web.Response:
        transport = await switch(request)
        taker = Taker()
        while not request._incoming.disconnected:  # noqa: ASYNC110  # there is nothing else that tells
            await asyncio.sleep(0)
        if request.transport is None:
            ended.set_result("gone")
        else:
            taker.take(transport)
            await taker.ended
            ended.set_result(bytes(taker.received))
        return web.Response()

    async with serve_quinde(application(handler)) as served:
        async with open_wire(served) as wire:
            await wire.send(OFFER + b"last words")
            await wire.read_head()
        assert await ended in (b"last words", "gone")


@pytest.mark.skipif(not hasattr(quinde._core.Connection, "panic_when_driven"), reason="a build without it")
async def test_a_panic_is_the_end_of_the_connection() -> None:
    takers: list[Taker] = []
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reports.append(context))

    async def handler(request: web.Request) -> web.Response:
        takers.append(Taker().take(await switch(request)))
        assert request._incoming.connection is not None
        request._incoming.connection.panic_when_driven()  # type: ignore[attr-defined]
        await takers[0].ended
        return web.Response()

    async with serve_quinde(application(handler)) as served, open_wire(served) as wire:
        await wire.send(OFFER)
        await wire.read_to_end()
        assert await takers[0].ended is None
    assert len(reports) == 1


@pytest.mark.plain("what is left of TLS is for other tests")
@pytest.mark.parametrize("closed", [False, True])
def test_loops_that_end_before_the_connection(mode: Mode, closed: bool) -> None:
    if "uvloop" in str(mode):
        pytest.skip("uvloop's loops want to be closed, and everything on them before")
    references: list[weakref.ref[Any]] = []

    async def main() -> None:
        async def handler(request: web.Request) -> web.Response:
            references.append(weakref.ref(Taker().take(await switch(request))))
            return web.Response()

        # Nobody cleans up, as in a program that is interrupted.
        runner = web.AppRunner(application(handler), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(OFFER)
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    loop = mode.new_loop()
    loop.run_until_complete(main())
    if closed:
        loop.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # for what was not closed
        del loop
        for _ in range(3):  # what was not closed is finalised in one, and freed in the next
            gc.collect()
    assert [reference() for reference in references] == [None]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_what_ends_the_process_leaves_the_loop(mode: Mode, error: type[BaseException]) -> None:
    takers: list[Taker] = []

    class Exiting(Taker):
        def on_data(self, data: bytes) -> None:
            if data == b"exit":
                raise error

    async def handler(request: web.Request) -> web.Response:
        takers.append(Exiting().take(await switch(request)))
        await takers[0].ended
        return web.Response()

    async def main() -> None:
        async with (
            serve_quinde(application(handler), shutdown_timeout=1) as served,
            open_wire(served) as wire,
        ):
            await wire.send(OFFER)
            await wire.read_head()
            await wire.send(b"exit")
            with pytest.raises(asyncio.CancelledError):
                await asyncio.Event().wait()
            await wire.send(b"on")  # the connection is as it was
            assert await takers[0].told(6) == b"exiton"
            takers[0].transport.close()
            assert await wire.read_to_end() == b""

    loop = mode.new_loop()
    task = loop.create_task(main())
    with pytest.raises(error):
        loop.run_until_complete(task)
    task.cancel()
    loop.run_until_complete(task)
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    assert takers[0].lost == [None]


class Moody(Taker):
    """Do something at random with each piece."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(keep_half=chance.random() < 0.3)
        self.chance = chance
        self.sent = bytearray()

    def on_data(self, data: bytes) -> None:
        mood = self.chance.random()
        transport = self.transport
        if mood < 0.5:
            piece = self.chance.randbytes(self.chance.choice((1, 100, 70_000, 300_000)))
            if not transport.is_closing():
                self.sent += piece
            transport.write(piece)
        elif mood < 0.7:
            transport.pause_reading()
            asyncio.get_running_loop().call_soon(transport.resume_reading)
        elif mood < 0.75:
            transport.set_protocol(self)
        elif mood < 0.8:
            transport.close()
        elif mood < 0.83:
            transport.abort()
        elif mood < 0.86:
            raise ValueError("a mood")


@pytest.mark.limit(60)
async def test_storm() -> None:
    """Whatever protocols and peers do, bytes keep their order and each end is told once."""
    takers: dict[str, Moody] = {}
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)

    async def handler(request: web.Request) -> web.Response:
        number = request.query["number"]
        taker = takers[number] = Moody(random.Random(number))
        taker.take(await switch(request))
        if taker.chance.random() < 0.5:
            await taker.ended
        return web.Response()

    async def peer(number: int) -> None:
        chance = random.Random(1000 + number)
        said = bytearray(chance.randbytes(chance.choice((0, 10, 5000))))
        heard = bytearray()
        async with open_wire(served) as wire:

            async def listen() -> None:
                while data := await wire.reader.read(chance.choice((10, 100_000))):
                    heard.extend(data)

            try:
                await wire.send(OFFER.replace(b"/ ", b"/?number=%d " % number, 1) + said)
                await wire.read_head()
                listening = asyncio.create_task(listen())
                for _ in range(chance.randrange(12)):
                    piece = chance.randbytes(chance.choice((1, 1000, 200_000)))
                    said += piece
                    await wire.send(piece)
                    await asyncio.sleep(0)
                if chance.random() < 0.3:
                    wire.writer.transport.abort()
                wire.writer.close()
                await asyncio.wait([listening])
                listening.exception()
            except ConnectionError:
                pass
        taker = takers[str(number)]
        while not ("eof" in taker.calls or taker.lost):  # noqa: ASYNC110  # either will come
            await asyncio.sleep(0)
        if taker.keep_half:
            taker.transport.close()
        await taker.ended
        assert said.startswith(taker.received)
        assert taker.sent.startswith(heard)
        assert len(taker.lost) == 1

    async with serve_quinde(application(handler), shutdown_timeout=1) as served:
        async with asyncio.TaskGroup() as group:
            for number in range(60):
                group.create_task(peer(number))
        assert served.runner.server.statistics()["connections_open"] == 0
