"""A mistake in the core, peers that reset at every stage, finalisers that close things: one pays."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import struct

import pytest

import quinde
from quinde import _core, web
from tests.behaviour.library import application, request
from tests.support.servers import serve_quinde
from tests.support.wire import open_wire

UPLOAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"


async def ok(_request):
    return web.Response(text="ok")


async def until(condition):
    """Let the loop go on until something holds; the test's time limit ends it."""
    while not condition():  # noqa: ASYNC110  # the core's counters have no event
        await asyncio.sleep(0)


async def fetch(session, url):
    async with session.get(url) as response:
        return await response.text()


needs_mistake = pytest.mark.skipif(
    not hasattr(_core.Connection, "panic_when_driven"), reason="a release has no way to make a mistake"
)


@needs_mistake
async def test_a_panic_ends_one_connection_of_a_server(mode):
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["message"]))

    async def handler(request):
        if request.path == "/panic":
            request._incoming.connection.panic_when_driven()
        return web.Response(text="ok")

    async with serve_quinde(application(handler)) as served, open_wire(served) as other:
        await other.send(request())
        await other.read_answer()
        async with open_wire(served) as wire:
            await wire.send(request("GET", "/panic"))
            assert (await wire.read_answer()).body == b"ok"
            await wire.send(request())
            try:
                assert await wire.read_to_end() == b""
            except ConnectionError:
                pass  # a reset says so as well
        await other.send(request())
        assert (await other.read_answer()).body == b"ok"
        await until(lambda: len(served.runner.server.connections) == 1)
    assert told == ["quinde: internal error"]


@needs_mistake
async def test_a_panic_ends_one_request_of_a_client(mode):
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["message"]))
    go = asyncio.Event()

    async def handler(request):
        if request.path == "/wait":
            await go.wait()
        return web.Response(text="ok")

    connector = quinde.TCPConnector(limit=1)
    async with (
        serve_quinde(application(handler)) as served,
        quinde.ClientSession(connector=connector) as session,
    ):
        task = asyncio.create_task(fetch(session, served.url + "/wait"))
        await until(lambda: served.runner.server.service.tasks)
        (member,) = connector._pool._active
        member.connection.panic_when_driven()
        go.set()
        with pytest.raises(quinde.ClientError):
            await task
        connector._pool.assert_consistent()
        async with session.get(served.url) as response:
            assert await response.text() == "ok"
    assert told == ["quinde: internal error"]


STAGES = {
    "before the head": b"",
    "in the head": b"GET / HTT",
    "after the head": request("GET", "/wait"),
    "before the body": UPLOAD,
    "in the body": UPLOAD + b"x" * 500,
    "in the answer": request("GET", "/large"),
    "in the second of two answers": request("GET", "/") + request("GET", "/large"),
}


@pytest.mark.plain("a socket sends plain bytes")
@pytest.mark.parametrize("cancels", [False, True])
@pytest.mark.parametrize("stage", STAGES)
async def test_a_client_resets_at_every_stage(mode, stage, cancels, caplog):
    go = asyncio.Event()

    async def handler(request):
        if request.path == "/wait":
            await go.wait()
        if request.path == "/large":
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(200):
                await response.write(bytes(100_000))
            return response
        return web.Response(text=str(len(await request.read())))

    async with serve_quinde(application(handler), handler_cancellation=cancels) as served:
        server = served.runner.server
        plain = socket.create_connection((served.host, served.port))
        plain.sendall(STAGES[stage])
        await until(lambda: server.connections)
        if stage not in {"before the head", "in the head"}:
            await until(lambda: server.service.tasks)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        plain.close()  # a reset
        await until(lambda: not server.connections)
        go.set()
        await until(lambda: not server.service.tasks)
        async with open_wire(served) as wire:
            await wire.send(request())
            assert (await wire.read_answer()).status == 200
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_tiny_send_buffer_only_takes_longer(mode):
    async def large(_request):
        return web.Response(body=b"".join(b"%07d\n" % n for n in range(50_000)))

    async def echo(request):
        return web.Response(body=await request.read())

    def tiny(request):
        request.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)

    async def handler(request):
        tiny(request)
        return await (large(request) if request.method == "GET" else echo(request))

    async with serve_quinde(application(handler)) as served, quinde.ClientSession() as session:
        for _ in range(2):
            async with session.get(served.url) as response:
                body = await response.read()
            assert body == b"".join(b"%07d\n" % n for n in range(50_000))
            async with session.post(served.url, data=body) as response:
                assert await response.read() == body


async def test_a_finaliser_in_a_turn_closes_a_session(mode):
    class Owner:
        """Closes its session when it is collected, whenever that is."""

        def __init__(self, session):
            self.session, self.cycle = session, self

        def __del__(self):
            closings.append(asyncio.ensure_future(self.session.close()))

    owners, closings = [], []

    async def drop(_request):
        owners.clear()
        gc.collect()
        return web.Response(text="dropped")

    go = asyncio.Event()

    async def slow(_request):
        await go.wait()
        return web.Response(text="slow")

    app = application(slow, path="/slow")
    app.router.add_get("/drop", drop)
    async with serve_quinde(app) as served, open_wire(served) as wire:
        session = quinde.ClientSession()
        under_way = asyncio.create_task(fetch(session, served.url + "/slow"))
        await until(lambda: served.runner.server.service.tasks)
        owners.append(Owner(session))
        await wire.send(request("GET", "/drop"))
        assert (await wire.read_answer()).body == b"dropped"
        with pytest.raises(quinde.ClientError):
            await under_way
        go.set()
        await asyncio.gather(*closings)
        assert session.closed
        await wire.send(request("GET", "/drop"))
        assert (await wire.read_answer()).body == b"dropped"
