"""What ends badly is forgotten as well as what ends well; a slow reader costs a bounded amount."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

import quinde
from quinde import web
from tests.behaviour.library import application, request
from tests.support.servers import answering, serve_quinde, serve_raw
from tests.support.wire import open_wire

ROUNDS = 20


async def until(condition):
    """Let the loop go on until something holds; the test's time limit ends it."""
    while not condition():  # noqa: ASYNC110  # the core's counters have no event
        await asyncio.sleep(0)


def alive(*names):
    gc.collect()
    return sum(type(thing).__name__ in names for thing in gc.get_objects())


@pytest.mark.parametrize("read", ["whole", "pieces"])
async def test_abandoned_uploads_are_forgotten(mode, read):
    async def handler(request):
        if read == "whole":
            await request.read()
        else:
            async for _ in request.content.iter_chunked(10):
                pass
        return web.Response()

    async with serve_quinde(application(handler)) as served:
        server = served.runner.server
        before = alive("Request", "ConnectionResetError")
        for _ in range(ROUNDS):
            async with open_wire(served) as wire:
                await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
                await until(lambda: server.service.tasks)
        await until(lambda: not server.service.tasks and not server.connections)
        assert alive("Request", "ConnectionResetError") - before < ROUNDS / 2


@pytest.mark.parametrize("read", ["whole", "pieces"])
async def test_truncated_responses_are_forgotten(mode, read):
    truncated = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")
    async with serve_raw(truncated) as served, quinde.ClientSession() as session:
        before = alive("ClientResponse", "ClientPayloadError")
        for _ in range(ROUNDS):
            with pytest.raises(quinde.ClientPayloadError):
                async with session.get(served.url) as response:
                    if read == "whole":
                        await response.read()
                    else:
                        async for _ in response.content.iter_chunked(10):
                            pass
        del response
        assert alive("ClientResponse", "ClientPayloadError") - before < ROUNDS / 2


async def test_reader_that_does_not_read_stops_the_writer(mode):
    written = 0
    stuck = asyncio.Event()

    async def handler(request):
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            asyncio.get_running_loop().call_soon(check, written)
            await response.write(bytes(65536))
            written += 1
            await asyncio.sleep(0)

    def check(before, again=20):
        # Twenty turns of the loop without progress: the writer waits.
        if written == before and again == 0:
            stuck.set()
        elif written == before:
            asyncio.get_running_loop().call_soon(check, before, again - 1)

    async with serve_quinde(application(handler)) as served, open_wire(served) as wire:
        wire.writer.transport.pause_reading()
        await wire.send(request())
        await stuck.wait()
        assert written < 1000
        wire.writer.transport.abort()
        await until(lambda: not served.runner.server.service.tasks)


async def test_client_that_asks_and_does_not_read_is_not_answered_without_end(mode):
    count, size = 2000, 10_000

    async def handler(request):
        return web.Response(body=bytes(size) if request.path == "/" else b"")

    async with serve_quinde(application(handler)) as served, open_wire(served) as wire:
        wire.writer.transport.pause_reading()
        wire.writer.write(request() * count)
        service = served.runner.server.service
        highest = before = 0
        while before != service.requests_count - 1:  # until nothing but the request of this wire is answered
            before = service.requests_count
            async with open_wire(served) as other:
                await other.send(request("GET", "/other"))
                await other.read_answer()
            highest = max(highest, *(each.write_buffer_size for each in service.connections))
        assert service.requests_count < count
        assert highest < 500_000
        wire.writer.transport.resume_reading()
        for _ in range(count):
            assert len((await wire.read_answer()).body) == size


def test_what_has_served_is_forgotten(mode):
    async def handler(_request):
        return web.Response()

    async def main():
        app = application(handler)
        async with serve_quinde(app) as served, quinde.ClientSession() as session:
            async with session.get(served.url) as response:
                await response.read()
            things = app, served.runner.server, served.runner.server.service, session.connector
        return [weakref.ref(thing) for thing in things]

    with asyncio.Runner(loop_factory=mode.new_loop) as runner:
        references = runner.run(main())
    gc.collect()
    assert [reference() for reference in references] == [None] * 4
