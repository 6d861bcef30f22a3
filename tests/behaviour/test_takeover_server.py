"""A handler gives its connection to another protocol: it is an asyncio transport like any other then."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from tests.behaviour.library import LIBRARY, quinde_only, request, serve, web
from tests.behaviour.takeover import Echo, Sipper, Taker
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from tests.support.modes import Mode
    from tests.support.servers import Served
    from tests.support.wire import Wire

UPGRADE = ("Connection: upgrade", "Upgrade: x")
OFFERS = {
    "upgrade": request("GET", "/", *UPGRADE),
    "tunnel": b"CONNECT quinde.test:1 HTTP/1.1\r\nHost: quinde.test:1\r\n\r\n",
    "plain": request("GET", "/"),
}
MEGABYTE = 1 << 20


def everything(serve_all: Any) -> Any:
    """Make an application of one handler, which gets what has no path as well: CONNECT."""

    async def middleware(asked: Any, handler: Any) -> Any:
        return await serve_all(asked)

    return web.Application(middlewares=[web.middleware(middleware)])


async def prepare(asked: Any, way: str) -> Any:
    if way == "upgrade":
        response = web.StreamResponse(status=101, headers={"Connection": "upgrade", "Upgrade": "x"})
    else:
        response = web.StreamResponse()
    await response.prepare(asked)
    return response


class Server:
    """Serve with handlers whose connections are taken over, each by a protocol that `make` gives."""

    def __init__(self, make: Callable[[], Any] = Taker, *, way: str = "upgrade") -> None:
        self.make = make
        self.way = way
        self.taken: asyncio.Queue[Any] = asyncio.Queue()
        self.ends = asyncio.Event()

    async def handler(self, asked: Any) -> Any:
        response = await prepare(asked, self.way)
        protocol = self.make()
        if isinstance(protocol, Taker):
            protocol.take(asked.transport)
        else:
            asked.transport.set_protocol(protocol)
        self.taken.put_nowait(protocol)
        await self.ends.wait()
        return response

    def serve(self, **options: Any) -> AbstractAsyncContextManager[Served]:
        options.setdefault("shutdown_timeout", 0.1)
        return serve(everything(self.handler), **options)

    async def take(self, wire: Wire, behind: bytes = b"") -> Any:
        """Ask for the connection; give the protocol that has it when the answer has come."""
        await wire.send(OFFERS[self.way] + behind)
        assert (await wire.read_head()).status == (101 if self.way == "upgrade" else 200)
        return await self.taken.get()


def reset(wire: Wire) -> None:
    plain = wire.writer.get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.writer.transport.abort()


@pytest.mark.parametrize("way", OFFERS)
async def test_bytes_go_both_ways(way: str) -> None:
    server = Server(Echo, way=way)
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire)
        assert taker.transport.get_protocol() is taker
        for piece in (b"a", b"b" * MEGABYTE, b"GET / HTTP/1.1\r\n\r\n"):
            await wire.send(piece)
            assert await wire.read_exactly(len(piece)) == piece.upper()
        taker.transport.close()
        assert await wire.read_to_end() == b""
        assert await taker.ended is None
    assert taker.lost == [None]


@quinde_only
@pytest.mark.parametrize("suspended", [False, True])
@pytest.mark.parametrize("way", OFFERS)
async def test_what_came_behind_the_head_is_not_lost(way: str, suspended: bool) -> None:
    async def handler(asked: Any) -> Any:
        response = await prepare(asked, way)
        if suspended:
            await arrived.wait()
        taker = Echo().take(asked.transport)
        assert taker.received == b""  # never from within set_protocol
        assert await taker.told(10) == b"earlylater"
        await taker.ended
        return response

    arrived = asyncio.Event()
    async with serve(everything(handler)) as served, open_wire(served) as wire:
        await wire.send(OFFERS[way] + b"early")
        await wire.read_head()
        await wire.send(b"later")
        arrived.set()
        assert await wire.read_exactly(10) == b"EARLYLATER"


@quinde_only
async def test_a_request_body_stays_the_requests() -> None:
    async def handler(asked: Any) -> Any:
        taker = Taker().take(asked.transport)
        taker.transport.write(b"HTTP/1.1 101 Mine\r\n\r\n" + await asked.read())
        assert await taker.told(4) == b"more"
        return web.Response()

    async with serve(everything(handler)) as served, open_wire(served) as wire:
        await wire.send(request("POST", "/", *UPGRADE, body=b"body") + b"more")
        assert (await wire.read_head()).status == 101
        assert await wire.read_exactly(4) == b"body"


@quinde_only
async def test_reader_of_an_unfinished_body_learns_that_it_will_not_come() -> None:
    learnt = asyncio.get_running_loop().create_future()
    taken = asyncio.Event()

    async def handler(asked: Any) -> Any:
        reading = asyncio.ensure_future(asked.read())
        await asyncio.sleep(0)
        taker = Taker().take(asked.transport)
        taken.set()
        with pytest.raises(ConnectionResetError):
            await reading
        assert await taker.told(2) == b"dy"
        learnt.set_result(None)
        return web.Response()

    async with serve(everything(handler)) as served, open_wire(served) as wire:
        await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo")
        await taken.wait()
        await wire.send(b"dy")
        await learnt


async def test_what_the_handler_returns_is_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    """Where it has sent a head already aiohttp says nothing more either, if there is no body."""
    server = Server(Echo)
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire)
        server.ends.set()
        await wire.send(b"still here")
        assert await wire.read_exactly(10) == b"STILL HERE"
        await wire.writer.drain()
        assert taker.lost == []
    assert not caplog.records


@quinde_only
@pytest.mark.parametrize("outcome", ["text", "stream", "nothing", "error"])
async def test_no_other_answer_is_sent(outcome: str, caplog: pytest.LogCaptureFixture) -> None:
    takers: list[Taker] = []

    async def handler(asked: Any) -> Any:
        takers.append(Echo().take(asked.transport))
        takers[0].transport.write(b"HTTP/1.1 101 Mine\r\n\r\n")
        if outcome == "error":
            raise ValueError("a mistake")
        if outcome == "stream":
            response = web.StreamResponse()
            await response.prepare(asked)
            with pytest.raises(ConnectionResetError):
                await response.write(b"more")
            return response
        return web.Response(text="text") if outcome == "text" else None

    async with serve(everything(handler)) as served, open_wire(served) as wire:
        await wire.send(OFFERS["upgrade"] + b"a")
        await wire.read_head()
        await wire.send(b"b")
        assert await wire.read_exactly(2) == b"AB"
        takers[0].transport.close()
        assert await wire.read_to_end() == b""
    assert len(caplog.records) == (outcome in ("nothing", "error"))


@pytest.mark.plain("asyncio's TLS has no half-close")
@pytest.mark.parametrize("keeps", [False, True])
async def test_what_eof_received_returns_decides_about_the_other_half(keeps: bool) -> None:
    server = Server(lambda: Taker(keep_half=keeps))
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire)
        await wire.send_eof()
        await taker.called("eof")
        if keeps:
            assert not taker.transport.is_closing()
            taker.transport.write(b"a" * MEGABYTE)
            taker.transport.write_eof()
            assert len(await wire.read_to_end()) == MEGABYTE
            assert taker.lost == []
            taker.transport.close()
        else:
            assert await wire.read_to_end() == b""
        assert await taker.ended is None
    assert taker.calls.count("eof") == 1
    assert taker.lost == [None]


@pytest.mark.plain("asyncio's TLS has no half-close")
async def test_the_writing_half_is_closed_alone() -> None:
    server = Server()
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire)
        transport = taker.transport
        assert transport.can_write_eof()
        transport.write(b"last" * MEGABYTE)
        transport.write_eof()
        with pytest.raises(RuntimeError, match=r"write_eof|Cannot"):
            transport.write(b"more")
        assert len(await wire.read_to_end()) == 4 * MEGABYTE
        assert not transport.is_closing()
        await wire.send(b"one way")
        assert await taker.told(7) == b"one way"
        await wire.send_eof()
        assert await taker.ended is None


@pytest.mark.plain("it has a half-close")
async def test_tls_cannot_close_one_half(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support import certs

    certs.secure_all(monkeypatch)
    server = Server()
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire)
        assert not taker.transport.can_write_eof()
        with pytest.raises(NotImplementedError):
            taker.transport.write_eof()


@pytest.mark.parametrize("end", ["close", "abort", "fin", "reset"])
async def test_the_end_is_told_once(end: str) -> None:
    server = Server()
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire)
        transport = taker.transport
        if end in ("close", "abort"):
            getattr(transport, end)()
            assert taker.lost == []  # never from within
            assert transport.is_closing()
            assert not transport.is_reading()
            getattr(transport, end)()
            transport.write(b"nobody reads this")
        elif end == "fin":
            wire.writer.close()
        else:
            reset(wire)
        async with asyncio.timeout(5):
            why = await taker.ended
        if end == "reset":
            assert isinstance(why, (ConnectionResetError, type(None)))
        else:
            assert why is None
        transport.write(b"nobody reads this")
        transport.abort()
        await asyncio.sleep(0)
        assert len(taker.lost) == 1


@pytest.mark.plain("what a reset is called over TLS is asyncio's matter")
async def test_a_reset_is_told_as_such() -> None:
    server = Server()
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire)
        reset(wire)
        assert isinstance(await taker.ended, ConnectionResetError)


async def test_close_sends_what_is_queued() -> None:
    server = Server()
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire)
        taker.transport.writelines([b"a" * MEGABYTE, bytearray(b"b"), memoryview(b"c")])
        taker.transport.close()
        assert await wire.read_to_end() == b"a" * MEGABYTE + b"bc"
        assert await taker.ended is None


async def test_nothing_is_told_while_reading_is_paused() -> None:
    server = Server()
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire)
        transport = taker.transport
        assert transport.is_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        await wire.send(b"x" * 1000)
        transport.write(b"a")
        await wire.read_exactly(1)
        for _ in range(5):
            await asyncio.sleep(0)
        assert taker.received == b""
        transport.resume_reading()
        assert transport.is_reading()
        assert await taker.told(1000) == b"x" * 1000


@quinde_only
async def test_pausing_holds_back_what_has_been_received() -> None:
    class Careful(Taker):
        def on_data(self, data: bytes) -> None:
            self.transport.pause_reading()

    server = Server(Careful)
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire, b"early")
        assert await taker.told(5) == b"early"
        await wire.send(b"more")
        taker.transport.write(b"a")
        await wire.read_exactly(1)
        assert taker.received == b"early"
        taker.transport.resume_reading()
        assert await taker.told(9) == b"earlymore"
        taker.transport.close()  # a peer with TLS would wait for an answer to its goodbye


async def test_writers_wait_between_the_marks() -> None:
    server = Server()
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire)
        transport = taker.transport
        transport.set_write_buffer_limits(high=100_000, low=1000)
        assert transport.get_write_buffer_limits() == (1000, 100_000)
        assert transport.get_write_buffer_size() == 0
        wire.reader._transport.pause_reading()  # type: ignore[attr-defined]
        sent = 0
        while "pause" not in taker.calls:
            transport.write(b"x" * 65_536)
            sent += 65_536
        assert transport.get_write_buffer_size() > 100_000
        transport.write(b"y" * 65_536)
        assert taker.calls == ["pause"]
        wire.reader._transport.resume_reading()  # type: ignore[attr-defined]
        assert await wire.read_exactly(sent) == b"x" * sent
        assert await wire.read_exactly(65_536) == b"y" * 65_536
        await taker.called("resume")
        assert taker.calls == ["pause", "resume"]
        assert transport.get_write_buffer_size() <= 1000


async def test_marks_are_checked() -> None:
    server = Server()
    async with server.serve() as served, open_wire(served) as wire:
        transport = (await server.take(wire)).transport
        for high, low, expected in ((None, None, (16384, 65536)), (None, 10, (10, 40)), (40, None, (10, 40))):
            transport.set_write_buffer_limits(high=high, low=low)
            assert transport.get_write_buffer_limits() == expected
        for high, low in ((1, 2), (1, -1)):
            with pytest.raises(ValueError, match="must be >="):
                transport.set_write_buffer_limits(high=high, low=low)
        with pytest.raises(TypeError):
            transport.write("text")


@pytest.mark.parametrize("size", [7, 300_000])
async def test_buffered_protocol(size: int) -> None:
    server = Server(lambda: Sipper(size))
    text = bytes(range(256)) * 1000
    async with server.serve() as served, open_wire(served) as wire:
        sipper = await server.take(wire)
        await wire.send(text)
        await wire.close()
        assert await sipper.ended is None
    assert sipper.received == text
    assert max(sipper.pieces) <= size


@quinde_only
async def test_buffered_protocol_pauses_between_two_buffers() -> None:
    class Careful(Sipper):
        transport: Any = None

        def buffer_updated(self, nbytes: int) -> None:
            super().buffer_updated(nbytes)
            self.transport.pause_reading()

    async def handler(asked: Any) -> Any:
        response = await prepare(asked, "upgrade")
        sipper = Careful(3)
        sipper.transport = asked.transport
        sipper.transport.set_protocol(sipper)
        for known in (b"", b"abc", b"abcdef", b"abcdefgh"):
            while len(sipper.received) < len(known):  # noqa: ASYNC110
                await asyncio.sleep(0)
            assert sipper.received == known
            sipper.transport.resume_reading()
        sipper.transport.write(b"!")
        return response

    async with serve(everything(handler)) as served, open_wire(served) as wire:
        await wire.send(OFFERS["upgrade"] + b"abcdefgh")
        await wire.read_head()
        assert await wire.read_exactly(1) == b"!"


def catch_reports() -> list[dict[str, Any]]:
    """Have the loop's exception handler keep what it gets."""
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reports.append(context))
    return reports


@pytest.mark.parametrize("method", ["data_received", "get_buffer", "buffer_updated"])
async def test_what_a_protocol_raises_ends_the_connection(method: str) -> None:
    mistake = ValueError("a mistake")

    class Faulty(Taker):
        def on_data(self, data: bytes) -> None:
            raise mistake

    class FaultySipper(Sipper):
        def get_buffer(self, sizehint: int) -> bytearray:
            if method == "get_buffer":
                raise mistake
            return super().get_buffer(sizehint)

        def buffer_updated(self, nbytes: int) -> None:
            raise mistake

    server = Server(Faulty if method == "data_received" else lambda: FaultySipper(10))
    reports = catch_reports()
    async with server.serve() as served, open_wire(served) as wire:
        protocol = await server.take(wire)
        await wire.send(b"a")
        assert await protocol.ended is mistake
        with suppress(ConnectionResetError):  # what was sent may be unread
            assert await wire.read_to_end() == b""
    (report,) = reports
    assert report["exception"] is mistake
    assert report["protocol"] is protocol
    assert report["message"].startswith("Fatal error: protocol.")


@pytest.mark.plain("asyncio's TLS does otherwise")
async def test_what_eof_received_raises_ends_the_connection() -> None:
    mistake = ValueError("a mistake")

    class Faulty(Taker):
        def eof_received(self) -> bool:
            raise mistake

    server = Server(Faulty)
    reports = catch_reports()
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire)
        await wire.send_eof()
        assert await taker.ended is mistake
        assert await wire.read_to_end() == b""
    assert [report["exception"] for report in reports] == [mistake]


async def test_what_the_other_callbacks_raise_is_reported() -> None:
    class Faulty(Taker):
        def pause_writing(self) -> None:
            raise ValueError("pause")

        def resume_writing(self) -> None:
            super().resume_writing()
            raise ValueError("resume")

        def connection_lost(self, exc: BaseException | None) -> None:
            super().connection_lost(exc)
            raise ValueError("lost")

    server = Server(Faulty)
    reports = catch_reports()
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire)
        size = 8 * MEGABYTE
        taker.transport.write(b"x" * size)
        assert len(await wire.read_exactly(size)) == size
        await taker.called("resume")
        taker.transport.close()
        await taker.ended
        await asyncio.sleep(0)
    assert [str(report["exception"]) for report in reports] == ["pause", "resume", "lost"]


@quinde_only
async def test_an_empty_buffer_is_refused() -> None:
    server = Server(lambda: Sipper(0))
    reports = catch_reports()
    async with server.serve() as served, open_wire(served) as wire:
        sipper = await server.take(wire)
        await wire.send(b"a")
        assert isinstance(await sipper.ended, RuntimeError)
    assert "empty buffer" in str(reports[0]["exception"])


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_closing_from_within_ends_reading(how: str) -> None:
    class Curt(Taker):
        def on_data(self, data: bytes) -> None:
            self.transport.write(b"bye")
            getattr(self.transport, how)()

    server = Server(Curt)
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire)
        await wire.send(b"x" * 3 * MEGABYTE)
        assert await taker.ended is None
        assert len(taker.received) < 3 * MEGABYTE


async def test_a_protocol_names_its_successor_from_within() -> None:
    second: list[Echo] = []

    class First(Taker):
        def on_data(self, data: bytes) -> None:
            second.append(Echo().take(self.transport))
            self.transport.write(b"next")

    server = Server(First)
    async with server.serve() as served, open_wire(served) as wire:
        first = await server.take(wire)
        await wire.send(b"one")
        assert await wire.read_exactly(4) == b"next"
        await wire.send(b"two")
        assert await wire.read_exactly(3) == b"TWO"
        assert first.transport.get_protocol() is second[0]
        await wire.close()
        assert await second[0].ended is None
    assert first.received == b"one"
    assert first.lost == []


async def test_http_s_deadlines_end() -> None:
    options: dict[str, Any] = {"keepalive_timeout": 0.4}
    if LIBRARY == "quinde":
        options["limits"] = web.Limits(head_timeout=0.4, keepalive_timeout=0.4, write_timeout=0.1)
        del options["keepalive_timeout"]
    server = Server(Echo)
    async with server.serve(**options) as served, open_wire(served) as wire:
        taker = await server.take(wire)
        wire.reader._transport.pause_reading()  # type: ignore[attr-defined]
        size = 16 * MEGABYTE
        taker.transport.write(b"x" * size)
        await asyncio.sleep(0.6)  # what each of them would not allow
        assert taker.lost == []
        wire.reader._transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await wire.read_exactly(size)) == size
        await wire.send(b"half a head")
        assert await wire.read_exactly(11) == b"HALF A HEAD"


async def test_the_server_s_end_is_told_before_and_closes() -> None:
    server = Server()
    goodbyes: list[Taker] = []

    async def say_goodbye(_app: Any) -> None:
        for taker in goodbyes:
            assert taker.lost == []
            taker.transport.write(b"goodbye")
        server.ends.set()

    app = everything(server.handler)
    app.on_shutdown.append(say_goodbye)
    async with serve(app, shutdown_timeout=5) as served, open_wire(served) as wire:
        goodbyes.append(await server.take(wire))
        await served.runner.cleanup()
        assert await wire.read_to_end() == b"goodbye"
        assert await goodbyes[0].ended is None


async def test_the_connection_stays_for_as_long_as_the_handler_may() -> None:
    server = Server(Echo)
    async with server.serve(shutdown_timeout=5) as served, open_wire(served) as wire:
        taker = await server.take(wire)
        stopping = asyncio.create_task(served.runner.cleanup())
        for _ in range(5):
            await asyncio.sleep(0)
        await wire.send(b"still")
        assert await wire.read_exactly(5) == b"STILL"
        server.ends.set()
        await stopping
        assert await wire.read_to_end() == b""
        assert await taker.ended is None


@quinde_only
async def test_a_peer_that_takes_nothing_does_not_hold_the_end_up() -> None:
    server = Server()
    async with server.serve(shutdown_timeout=0.05) as served, open_wire(served) as wire:
        taker = await server.take(wire)
        wire.reader._transport.pause_reading()  # type: ignore[attr-defined]
        taker.transport.write(b"x" * 32 * MEGABYTE)
        taker.transport.close()
        async with asyncio.timeout(5):
            await served.runner.cleanup()
            await taker.ended


@quinde_only
async def test_statistics() -> None:
    server = Server(Echo)
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire)
        known = served.runner.server
        before = known.statistics()
        assert before["connections_open"] == 1
        assert before["responses_1xx"] == 1
        assert before["requests_in_flight"] == 0
        assert before["handlers"] == 1
        assert len(known.connections) == 1
        await wire.send(b"x" * 1000)
        await wire.read_exactly(1000)
        after = known.statistics()
        for way in ("bytes_received", "bytes_sent"):
            assert after[way] - before[way] >= 1000
        server.ends.set()
        taker.transport.close()
        await taker.ended
        last = known.statistics()
        assert last["connections_open"] == 0
        assert last["responses_1xx"] == 1
        assert last["bytes_sent"] >= after["bytes_sent"]  # TLS has a goodbye to say
        assert known.connections == []


@quinde_only
@pytest.mark.plain("the handshake waits too")
async def test_it_counts_for_max_connections(mode: Mode) -> None:
    server = Server(Echo)
    async with server.serve(limits=web.Limits(max_connections=1)) as served:
        for _ in range(3):
            async with open_wire(served) as wire, open_wire(served) as beyond:
                taker = await server.take(wire)
                await beyond.send(OFFERS["upgrade"])
                if mode.backend == "transport":
                    with suppress(ConnectionResetError):  # what was sent may be unread
                        assert await beyond.read_to_end() == b""
                await wire.send(b"x")
                assert await wire.read_exactly(1) == b"X"
                assert len(served.runner.server.connections) == 1
                taker.transport.abort()
                await taker.ended
                if mode.backend == "reactor":
                    assert (await beyond.read_head()).status == 101
                    taker = await server.taken.get()
                    taker.transport.abort()
                    await taker.ended


@quinde_only
async def test_nothing_is_kept_after_the_end() -> None:
    server = Server()
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire)
        server.ends.set()
        references = [weakref.ref(taker), weakref.ref(taker.transport)]
        taker.transport.close()
        await taker.ended
        assert await wire.read_to_end() == b""
        del taker
        async with asyncio.timeout(5):  # a transport of the loop's may end later
            while any(reference() for reference in references):
                await asyncio.sleep(0)
                gc.collect()


async def test_debug_mode() -> None:
    asyncio.get_running_loop().set_debug(True)
    server = Server(Echo)
    async with server.serve() as served, open_wire(served) as wire:
        taker = await server.take(wire)
        await wire.send(b"x" * MEGABYTE)
        assert len(await wire.read_exactly(MEGABYTE)) == MEGABYTE
        await wire.close()
        assert await taker.ended is None


@quinde_only
@pytest.mark.plain("it begins plain")
async def test_start_tls_on_a_connection_that_was_taken_over(mode: Mode) -> None:
    if "uvloop" in str(mode):
        pytest.skip("uvloop's takes only transports of its own")
    from tests.support import certs

    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    async def handler(asked: Any) -> Any:
        response = await prepare(asked, "tunnel")
        echo = Echo()
        context = certs.new_server_context()
        echo.transport = await loop.start_tls(asked.transport, echo, context, server_side=True)
        echo.transport.write(b"secure")
        ended.set_result(await echo.ended)
        return response

    async with serve(everything(handler)) as served, open_wire(served) as wire:
        await wire.send(OFFERS["tunnel"])
        await wire.read_head()
        await wire.writer.start_tls(certs.new_client_context(), server_hostname="localhost")
        assert await wire.read_exactly(6) == b"secure"
        for size in (1, MEGABYTE):
            await wire.send(b"x" * size)
            assert await wire.read_exactly(size) == b"X" * size
        await wire.close()
        assert await ended is None
