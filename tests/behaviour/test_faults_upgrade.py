"""After a 101 (Switching Protocols) bytes go both ways, and whoever reads them learns of every end."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from quinde import web
from tests.behaviour.library import application
from tests.support.servers import serve_quinde
from tests.support.wire import open_wire

OFFER = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"


async def switch(incoming):
    incoming.start(101, None, [("Upgrade", "x"), ("Connection", "upgrade")], None, False, False)
    incoming.flush()
    for _ in range(5):
        if incoming.upgraded is not None:
            return incoming.upgraded
        await asyncio.sleep(0)
    raise AssertionError("there is nothing to read the new protocol from")


async def echo(incoming, body):
    """Answer each piece in capitals until the end; give what the end was."""
    while True:
        waiter = body.wait()
        if waiter is not None:
            await waiter
        if body.buffered:
            incoming.connection.write(body.take().upper())
        elif body.eof or body.exception is not None:
            return "end" if body.eof else type(body.exception).__name__


@pytest.mark.plain("asyncio's TLS cannot close one half")
@pytest.mark.parametrize("suspended", [False, True])
@pytest.mark.parametrize("end", ["fin", "reset", "abort"])
async def test_raw_bytes_both_ways_and_every_end(mode, suspended, end):
    ended = asyncio.get_running_loop().create_future()
    connections = []

    async def handler(request):
        if suspended:
            await asyncio.sleep(0)
        incoming = request._incoming
        connections.append(incoming.connection)
        try:
            body = await switch(incoming)
            ended.set_result(await echo(incoming, body))
        except ConnectionResetError as error:  # what a reader that waits gets
            ended.set_result(type(error).__name__)
        finally:
            incoming.done()
        return web.Response()

    async with serve_quinde(application(handler), shutdown_timeout=1) as served, open_wire(served) as wire:
        await wire.send(OFFER + b"early")
        assert (await wire.read_head()).status == 101
        assert await wire.read_exactly(5) == b"EARLY"
        await wire.send(b"more")
        assert await wire.read_exactly(4) == b"MORE"
        if end == "fin":
            await wire.send_eof()
        elif end == "reset":
            plain = wire.writer.get_extra_info("socket")
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.writer.transport.abort()
        else:
            connections[0].abort()
        async with asyncio.timeout(5):
            assert await ended == ("end" if end == "fin" else "ConnectionResetError")
