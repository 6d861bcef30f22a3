"""One connection as the pool sees it, over a transport of the test's: whom it tells what."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref
from typing import TYPE_CHECKING, Any, cast

import pytest

from quinde import _core
from quinde.client.pool import Pool
from quinde.client.protocol import DEFAULT_WIRE_LIMITS, ResponseHandler, WireLimits
from quinde.net.transport import CarriedTransport
from tests.client.fakes import Transport

if TYPE_CHECKING:
    from tests.support.modes import Mode

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def new_pool() -> Pool:
    """A pool without limits."""
    return Pool(
        limit=0,
        limit_per_host=0,
        keepalive_timeout=None,
        force_close=False,
        start_timer=lambda *_: pytest.fail("no timer is needed"),
    )


async def connected(pool: Pool) -> tuple[ResponseHandler, Transport]:
    """A connection that is in use."""
    host, _ = await pool.acquire("key")
    handler = ResponseHandler(asyncio.get_running_loop())
    transport = Transport(handler)
    handler.connection_made(transport)
    handler.join(pool, "key")
    pool.adopt(host, handler)
    return handler, transport


def ask(handler: ResponseHandler) -> asyncio.Future[Any]:
    """Send a request."""
    assert handler.connection is not None
    return handler.connection.request("GET", "/", _core.Fields([("Host", "a")]), None, None, 0, 0, 0)


async def turns() -> None:
    """Let what is scheduled happen."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_idle_connection_goes_back_to_the_pool() -> None:
    pool = new_pool()
    handler, transport = await connected(pool)
    serial = handler.serial
    answer = ask(handler)
    assert bytes(transport.sent) == b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert not handler.is_usable()
    handler.data_received(OK)
    assert (await answer).status == 200
    await turns()
    assert handler.serial > serial
    assert handler.is_usable()
    assert list(pool.idle_members()) == [handler]
    pool.assert_consistent()


async def test_lost_connection_leaves_the_pool() -> None:
    pool = new_pool()
    handler, _ = await connected(pool)
    answer = ask(handler)
    closed = handler.closed
    handler.connection_lost(ConnectionResetError(104, "reset"))
    with pytest.raises(OSError, match=r"reset|104"):
        await answer
    await turns()
    assert pool.statistics()["slots_in_use"] == 0
    assert not handler.is_connected()
    assert handler.is_closing()
    assert handler.should_close
    assert closed is not None
    assert closed.done()
    assert handler.closed is None
    assert handler.transport is None
    assert "lost" in repr(handler)


@pytest.mark.parametrize("end", ["close", "abort"])
async def test_closing_gives_the_slot_back_before_the_connection_is_gone(end: str) -> None:
    pool = new_pool()
    handler, transport = await connected(pool)
    getattr(handler, end)()
    assert pool.statistics()["slots_in_use"] == 0
    await turns()
    assert transport.closing
    assert pool.closing == set()


async def test_exchange_that_is_over_cannot_be_aborted() -> None:
    pool = new_pool()
    handler, transport = await connected(pool)
    serial = handler.serial
    answer = ask(handler)
    handler.data_received(OK)
    await answer
    await turns()
    handler.abort_exchange(serial)
    assert not transport.closing
    handler.abort_exchange(handler.serial)
    await turns()
    assert transport.closing


async def test_connection_without_a_pool_closes_when_it_is_free() -> None:
    pool = new_pool()
    handler, transport = await connected(pool)
    answer = ask(handler)
    reference = weakref.ref(pool)
    del pool
    handler.host = None
    gc.collect()
    assert reference() is None
    handler.data_received(OK)
    await answer
    await turns()
    assert transport.closing


async def test_handler_before_its_connection() -> None:
    handler = ResponseHandler(loop=asyncio.get_running_loop())
    assert not handler.is_connected()
    assert not handler.is_usable()
    assert handler.closed is None
    assert handler.transport is None
    handler.data_received(b"x")
    handler.pause_writing()
    handler.resume_writing()
    handler.connection_lost(None)
    assert handler.eof_received() is False
    handler.close()
    handler.abort()


async def test_transport_is_shown() -> None:
    handler, transport = await connected(new_pool())
    shown = handler.transport
    assert isinstance(shown, CarriedTransport)
    assert handler.transport is shown
    assert shown.get_protocol() is handler
    shown.write(b"raw")
    assert bytes(transport.sent) == b"raw"
    assert "open" in repr(handler)
    handler.pause_writing()
    handler.resume_writing()
    handler.abort()


async def test_unasked_data_makes_the_connection_useless() -> None:
    pool = new_pool()
    handler, _ = await connected(pool)
    answer = ask(handler)
    handler.data_received(OK)
    await answer
    await turns()
    handler.data_received(b"HTTP/1.1 200 OK\r\n")
    await turns()
    assert not handler.is_usable()
    assert list(pool.idle_members()) == []


async def test_limits_reach_the_core() -> None:
    handler = ResponseHandler(asyncio.get_running_loop(), limits=WireLimits(max_headers=2))
    handler.connection_made(Transport(handler))
    answer = ask(handler)
    handler.data_received(b"HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n")
    with pytest.raises(Exception, match=r"field|header"):
        await answer
    assert WireLimits(8190, 8190, 128, 262144) == DEFAULT_WIRE_LIMITS


def test_whole_head_grows_with_its_parts() -> None:
    assert DEFAULT_WIRE_LIMITS.max_head_size == 65_536
    assert WireLimits(max_line_size=100, max_field_size=100, max_headers=5).max_head_size == 65_536
    assert WireLimits(max_line_size=100_000).max_head_size == 100_000 + 7 * 8190
    assert WireLimits(max_field_size=10_000).max_head_size == 8190 + 70_000
    assert WireLimits(max_headers=1_000).max_head_size == 512_000


async def test_socket_is_given_to_the_core(mode: Mode) -> None:
    if mode.backend != "reactor":
        return
    here, there = socket.socketpair()
    with there:
        here.setblocking(False)
        pool = new_pool()
        host, _ = await pool.acquire("key")
        handler = ResponseHandler(asyncio.get_running_loop())
        handler.attach(here)
        handler.join(pool, "key")
        pool.adopt(host, handler)
        assert here.fileno() == -1
        answer = ask(handler)
        assert there.recv(100) == b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        there.send(OK)
        response = await answer
        assert response.status == 200
        assert handler.transport is handler.transport
        assert cast(Any, handler.transport).get_protocol() is handler
        handler.close()
        closed = handler.closed
        if closed is not None:
            await closed
        assert there.recv(100) == b""
