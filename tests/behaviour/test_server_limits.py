"""What a client may cost a server: each option of `web.Limits` on the wire, by server, site and request."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from quinde import web
from tests.behaviour.library import application, request
from tests.support.servers import HOST, Served, listening_socket, serve_quinde
from tests.support.wire import open_wire

# Long enough for a busy machine to do what comes first, short enough to wait for.
SOON = 0.15
UPLOAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(pieces) + end


async def echo(request):
    return web.Response(body=await request.read())


async def until(condition):
    """Let the loop go on until something holds; the test's time limit ends it."""
    while not condition():  # noqa: ASYNC110  # the core's counters have no event
        await asyncio.sleep(0)


@asynccontextmanager
async def two_sites(handler, server_limits, site_limits, **options):
    """A server at two addresses, the second with limits of its own; gives both."""
    runner = web.AppRunner(application(handler, **options), access_log=None, limits=server_limits)
    await runner.setup()
    try:
        for limits in (None, site_limits):
            await web.TCPSite(runner, HOST, 0, limits=limits).start()
        yield [Served(HOST, address[1], runner=runner) for address in runner.addresses]
    finally:
        await runner.cleanup()


async def status_of(served, sent):
    async with open_wire(served) as wire:
        await wire.send(sent)
        return (await wire.read_answer()).status


# --- sizes and counts: at the limit and one beyond --------------------------------------------------------

FIELD = b"X: " + b"a" * 17 + b"\r\n"  # 18 bytes of name and value

SIZES = [
    # The target, a field, fields, the head: `request("GET", …)` has Host as its only field.
    ("max_line_size", 20, lambda n: request("GET", "/" + "a" * (n - 1)), 414),
    ("max_field_size", 20, lambda n: request("GET", "/", "X: " + "a" * (n - 1)), 431),
    ("max_headers", 5, lambda n: request("GET", "/", *["X: y"] * (n - 1)), 431),
    (
        "max_head_size",
        100,
        lambda n: request("GET", "/", "X: " + "a" * (n - len(request("GET", "/")) - 5)),
        431,
    ),
    ("max_trailers", 2, lambda n: chunked(end=b"0\r\n" + b"X: y\r\n" * n + b"\r\n"), 400),
    ("max_trailers_size", 50, lambda n: chunked(end=b"0\r\nX: " + b"y" * (n - 7) + b"\r\n\r\n"), 400),
    ("max_chunk_extensions", 9, lambda n: chunked(b"1;" + b"e" * (n - 1) + b"\r\nx\r\n"), 400),
    ("client_max_size", 9, lambda n: UPLOAD % n + b"x" * n, 413),
]


@pytest.mark.parametrize(("name", "limit", "make", "status"), SIZES, ids=[case[0] for case in SIZES])
async def test_sizes(mode, name, limit, make, status):
    async with serve_quinde(application(echo), limits=web.Limits(**{name: limit})) as served:
        assert [await status_of(served, make(n)) for n in (limit - 1, limit, limit + 1)] == [200, 200, status]
        refused = sum(v for k, v in served.runner.server.statistics().items() if k.startswith("refused_"))
        assert refused == 1


@pytest.mark.parametrize("n", [9, 10, 11])
async def test_unread_bodies_are_discarded_up_to_a_limit(mode, n):
    async def early(request):
        return web.Response(text="early")

    async with serve_quinde(application(early), limits=web.Limits(max_discard=10)) as served:
        async with open_wire(served) as wire:
            await wire.send(UPLOAD % n)
            await wire.read_answer()
            await wire.send(b"x" * n)
            if n <= 10:
                await wire.send(request())
                assert (await wire.read_answer()).body == b"early"
            else:
                assert await wire.read_to_end() == b""


@pytest.mark.parametrize("chunked", [False, True])
async def test_who_sends_first_and_reads_then_gets_the_answer(mode, chunked):
    """An answer before the end of an upload breaks no connection, whatever the client minds first."""
    limits = web.Limits(client_max_size=1000)
    length = 3_000_000
    piece = b"x" * 50_000
    async with serve_quinde(application(echo), limits=limits) as served, open_wire(served) as wire:
        for _ in range(2):
            if chunked:
                await wire.send(request("POST", "/", "Transfer-Encoding: chunked"))
            else:
                await wire.send(UPLOAD % length)
            for _ in range(length // len(piece)):
                await wire.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                await wire.send(b"0\r\n\r\n")
            assert (await wire.read_answer()).status == 413


# --- a server, its sites, its requests --------------------------------------------------------------------


@pytest.mark.plain("the sites of the test are plain")
async def test_a_site_s_limits_lie_over_the_server_s(mode):
    server, site = web.Limits(max_headers=3, client_max_size=5), web.Limits(client_max_size=7)
    async with two_sites(echo, server, site) as (usual, own):
        assert await status_of(usual, UPLOAD % 6 + b"x" * 6) == 413
        assert await status_of(own, UPLOAD % 7 + b"x" * 7) == 200
        assert await status_of(own, UPLOAD % 8 + b"x" * 8) == 413
        assert await status_of(own, request("GET", "/", "X: y", "X: y", "X: y")) == 431


@pytest.mark.plain("the sites of the test are plain")
@pytest.mark.parametrize("kind", ["unix", "sock"])
async def test_sites_of_every_kind_take_them(mode, kind, tmp_path):
    runner = web.AppRunner(application(echo), access_log=None)
    await runner.setup()
    try:
        limits = web.Limits(client_max_size=3)
        if kind == "unix":
            served = Served("", 0, str(tmp_path / "socket"), runner=runner)
            await web.UnixSite(runner, served.path, limits=limits).start()
        else:
            listener = listening_socket()
            served = Served(HOST, listener.getsockname()[1], runner=runner)
            await web.SockSite(runner, listener, limits=limits).start()
        assert await status_of(served, UPLOAD % 3 + b"x" * 3) == 200
        assert await status_of(served, UPLOAD % 4 + b"x" * 4) == 413
    finally:
        await runner.cleanup()


@pytest.mark.plain("the sites of the test are plain")
async def test_requests_tell_what_holds(mode):
    async def tell(request):
        limits = request.limits
        values = [limits.client_max_size, limits.read_bufsize, limits.keepalive_timeout]
        return web.json_response([*values, request.client_max_size, request.protocol.keepalive_timeout])

    server, site = web.Limits(read_bufsize=1000), web.Limits(keepalive_timeout=8)
    async with two_sites(tell, server, site, client_max_size=6) as (usual, own):
        for served, timeout in ((usual, b"3630"), (own, b"8")):
            async with open_wire(served) as wire:
                await wire.send(request())
                body = (await wire.read_answer()).body
                assert body == b"[6, 1000, %s, 6, %s]" % (timeout, timeout)


async def test_aiohttp_s_names_fill_them(mode):
    async with serve_quinde(application(echo), max_headers=3, lingering_time=1, read_bufsize=100) as served:
        limits = served.runner.server.limits
        assert (limits.max_headers, limits.lingering_time, limits.read_bufsize) == (3, 1, 100)
        assert await status_of(served, request("GET", "/", "X: y", "X: y", "X: y")) == 431


async def test_a_request_has_other_limits_than_its_neighbours(mode):
    async def generous(request):
        if request.path == "/large":
            request.change_limits(client_max_size=20)
        return web.Response(text=f"{len(await request.read())} of {request.client_max_size}")

    async with serve_quinde(application(generous), limits=web.Limits(client_max_size=5)) as served:
        large = (UPLOAD % 20).replace(b" / ", b" /large ") + b"x" * 20
        async with open_wire(served) as wire:
            await wire.send(large)
            assert (await wire.read_answer()).body == b"20 of 20"
            await wire.send(UPLOAD % 5 + b"x" * 5)
            assert (await wire.read_answer()).body == b"5 of 5"
            await wire.send(UPLOAD % 6 + b"x" * 6)
            assert (await wire.read_answer()).status == 413


async def test_what_a_request_cannot_change_is_said(mode):
    told = []

    async def handler(request):
        for changes in (
            {"max_headers": 5},
            {"keepalive_timeout": 5, "body_timeout": 1},
            {"body_timeout": -1},
        ):
            with pytest.raises(ValueError) as caught:
                request.change_limits(**changes)
            told.append(str(caught.value))
        with pytest.raises(TypeError, match="there is no limit 'timeout'"):
            request.change_limits(timeout=5)
        assert request.limits is request.limits
        await request.read()
        with pytest.raises(RuntimeError, match="the body has been read"):
            request.change_limits(client_max_size=5)
        request.change_limits(write_timeout=5)
        return web.Response()

    async with serve_quinde(application(handler)) as served:
        assert await status_of(served, UPLOAD % 1 + b"x") == 200
    assert told[0].startswith("max_headers cannot be changed any more when a handler runs")
    assert told[0].endswith(
        "a request can change body_timeout, client_max_size, min_body_rate, write_timeout"
    )
    assert told[1].startswith("keepalive_timeout cannot")
    assert told[2].startswith("body_timeout must be 0 or more")


# --- times ------------------------------------------------------------------------------------------------


async def test_a_head_may_not_trickle(mode):
    async with serve_quinde(application(echo), limits=web.Limits(head_timeout=SOON)) as served:
        async with open_wire(served) as wire:
            answer = asyncio.create_task(wire.read_answer())
            sent = 0
            while not answer.done():
                sent += 1
                wire.writer.write(b"GET /" if sent == 1 else b"a")
                await asyncio.sleep(SOON / 20)
            assert answer.result().status == 408
            assert await wire.read_to_end() == b""
        assert served.runner.server.statistics()["refused_head_timeout"] == 1


@pytest.mark.parametrize("sent", [b"", b"\r\n", request()])
async def test_an_idle_connection_is_closed(mode, sent):
    async with serve_quinde(application(echo), limits=web.Limits(keepalive_timeout=SOON)) as served:
        async with open_wire(served) as wire:
            await wire.send(sent)
            if sent == request():
                await wire.read_answer()
            try:
                assert await wire.read_to_end() == b""
            except ConnectionResetError:
                assert mode.tls, "only its goodbye may come when nobody reads any more"


async def test_no_keep_alive_is_no_hurry_for_the_first_request(mode):
    """A client that takes a moment from connecting to asking is not idle, as in aiohttp."""
    async with serve_quinde(application(echo), keepalive_timeout=0) as served, open_wire(served) as slow:
        for _ in range(10):
            async with open_wire(served) as wire:
                await wire.send(request())
                assert (await wire.read_answer()).status == 200
                assert await wire.read_to_end() == b""
        await slow.send(request())
        assert (await slow.read_answer()).status == 200
        assert await slow.read_to_end() == b""


async def test_a_body_that_stops_is_refused(mode):
    async with serve_quinde(application(echo), limits=web.Limits(body_timeout=SOON)) as served:
        async with open_wire(served) as wire:
            await wire.send(UPLOAD % 5 + b"x")
            assert (await wire.read_answer()).status == 408
            assert await wire.read_to_end() == b""


async def test_a_handler_that_does_not_read_presses_nobody(mode):
    async def slow(request):
        await asyncio.sleep(3 * SOON)
        return web.Response(body=await request.read())

    async with serve_quinde(application(slow), limits=web.Limits(body_timeout=SOON)) as served:
        async with open_wire(served) as wire:
            await wire.send(UPLOAD % 2 + b"x")
            asyncio.get_running_loop().call_later(3 * SOON, wire.writer.write, b"y")
            assert (await wire.read_answer()).body == b"xy"


async def test_a_request_may_wait_longer(mode):
    async def patient(request):
        request.change_limits(body_timeout=0)
        return web.Response(body=await request.read())

    async with serve_quinde(application(patient), limits=web.Limits(body_timeout=SOON)) as served:
        async with open_wire(served) as wire:
            await wire.send(UPLOAD % 2 + b"x")
            asyncio.get_running_loop().call_later(3 * SOON, wire.writer.write, b"y")
            assert (await wire.read_answer()).body == b"xy"


async def test_the_rest_of_an_unread_body_has_its_time(mode):
    async def early(request):
        return web.Response(text="early")

    async with serve_quinde(application(early), limits=web.Limits(body_timeout=SOON)) as served:
        async with open_wire(served) as wire:
            await wire.send(UPLOAD % 1000)
            assert (await wire.read_answer()).body == b"early"
            end = asyncio.create_task(wire.read_to_end())
            while not end.done():
                wire.writer.write(b"x")
                await asyncio.sleep(SOON / 20)
            assert end.result() == b""


# --- a client that does not take its answer ---------------------------------------------------------------


async def large(request):
    return web.Response(body=bytes(32 * 1024 * 1024))


async def streamed(request):
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(bytes(100_000))


@pytest.mark.parametrize("handler", [large, streamed])
async def test_a_client_that_takes_nothing_is_reset(mode, handler, caplog):
    async with serve_quinde(application(handler), limits=web.Limits(write_timeout=SOON)) as served:
        server = served.runner.server
        async with open_wire(served) as wire:
            wire.writer.transport.pause_reading()
            await wire.send(request())
            await until(lambda: server.connections)
            await until(lambda: not server.connections and not server.service.tasks)
            assert server.statistics()["refused_write_timeout"] == 1
            wire.writer.transport.abort()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.plain("it counts bytes of the socket")
async def test_a_client_that_takes_a_little_now_and_then_is_served(mode):
    loop = asyncio.get_running_loop()
    async with serve_quinde(application(large), limits=web.Limits(write_timeout=2 * SOON)) as served:
        with socket.socket() as slow:
            slow.setblocking(False)
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            await loop.sock_connect(slow, (served.host, served.port))
            await loop.sock_sendall(slow, request())
            ends = loop.time() + 8 * SOON
            while loop.time() < ends:
                # Far less than what makes the kernel call the server's socket writable.
                assert len(await loop.sock_recv(slow, 20_000)) > 0
                await asyncio.sleep(SOON / 4)
            assert served.runner.server.connections
            await until(lambda: not served.runner.server.connections)  # and nothing more
        assert served.runner.server.statistics()["refused_write_timeout"] == 1


@pytest.mark.plain("TLS's close is another thing than TCP's")
async def test_a_stalled_connection_ends_by_a_reset(mode):
    """Else the kernel keeps what it has for it, and who reads up to the end takes that for all."""
    loop = asyncio.get_running_loop()
    async with serve_quinde(application(large), limits=web.Limits(write_timeout=SOON)) as served:
        server = served.runner.server
        with socket.socket() as slow:
            slow.setblocking(False)
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            await loop.sock_connect(slow, (served.host, served.port))
            await loop.sock_sendall(slow, request())
            await until(lambda: server.connections)
            await until(lambda: not server.connections)
            with pytest.raises(ConnectionResetError):
                while True:
                    assert await loop.sock_recv(slow, 1 << 20) != b"", "a FIN"


async def test_a_closing_connection_does_not_wait_for_ever(mode):
    async with serve_quinde(application(large), limits=web.Limits(write_timeout=SOON)) as served:
        server = served.runner.server
        async with open_wire(served) as wire:
            wire.writer.transport.pause_reading()
            await wire.send(request("GET", "/", "Connection: close"))
            await until(lambda: server.requests_count)
            await until(lambda: not server.connections)
            wire.writer.transport.resume_reading()
            with pytest.raises(ConnectionError):
                raise await lost(wire)


async def lost(wire):
    """The error by which a connection ends; None for a FIN."""
    try:
        while await wire.reader.read(1 << 20):
            pass
    except ConnectionError as error:
        return error
    return ConnectionError("cut off")  # a transport that is aborted may end with a FIN


async def test_a_request_may_have_a_patient_client(mode):
    async def patient(request):
        request.change_limits(write_timeout=0)
        return await large(request)

    async with serve_quinde(application(patient), limits=web.Limits(write_timeout=SOON / 3)) as served:
        async with open_wire(served) as wire:
            wire.writer.transport.pause_reading()
            await wire.send(request())
            await asyncio.sleep(SOON)
            wire.writer.transport.resume_reading()
            assert len((await wire.read_answer()).body) == 32 * 1024 * 1024


# --- how many ---------------------------------------------------------------------------------------------


@pytest.mark.plain("the handshake waits too")
async def test_connections_beyond_the_limit_wait_until_one_is_closed(mode, caplog):
    async with serve_quinde(application(echo), limits=web.Limits(max_connections=2)) as served:
        server = served.runner.server
        async with AsyncExitStack() as stack:
            first, second = [await stack.enter_async_context(open_wire(served)) for _ in range(2)]
            for wire in (first, second):
                await wire.send(request())
                await wire.read_answer()
            third = await stack.enter_async_context(open_wire(served))
            await third.send(request())
            await first.send(request())  # goes on beside it
            await first.read_answer()
            if mode.backend == "transport":
                assert await third.read_to_end() == b""
                async with open_wire(served) as fourth:
                    assert await fourth.read_to_end() == b""
                assert server.statistics()["refused_too_many_connections"] == 2
            else:
                assert len(server.connections) == 2
                await second.close()
                assert (await third.read_answer()).status == 200
    messages = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(messages) == 1
    assert ("new ones are closed" if mode.backend == "transport" else "new ones wait") in messages[0]


@pytest.mark.plain("the sites of the test are plain")
async def test_a_site_counts_its_own_connections(mode):
    async with two_sites(echo, web.Limits(max_connections=1), web.Limits(max_connections=2)) as (usual, own):
        async with open_wire(own) as one, open_wire(own) as two, open_wire(usual) as three:
            for wire in (one, two, three):
                await wire.send(request())
                assert (await wire.read_answer()).status == 200
