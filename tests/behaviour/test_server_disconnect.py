"""Clients that go before their answer has come."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import struct
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from tests.behaviour.library import application, quinde_only, request, serve, web
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from tests.support.wire import Wire


def reset(wire: Wire) -> None:
    """Close with a reset."""
    sock = wire.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.writer.transport.abort()


async def test_writing_to_a_client_that_is_gone() -> None:
    failures: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    gone = asyncio.Event()

    async def handler(asked: Any) -> Any:
        response = web.StreamResponse()
        await response.prepare(asked)
        await gone.wait()
        try:
            while True:
                await response.write(bytes(65536))
                await asyncio.sleep(0)
        except BaseException as exc:
            failures.set_result(exc)
            raise

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request())
        await wire.read_head()
        reset(wire)
        gone.set()
        async with asyncio.timeout(5):
            failure = await failures
    assert isinstance(failure, ConnectionResetError)
    assert str(failure) == "Cannot write to closing transport"


async def test_a_disconnect_is_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ended = asyncio.Event()

    async def handler(asked: Any) -> Any:
        response = web.StreamResponse()
        try:
            await response.prepare(asked)
            while True:
                await response.write(bytes(65536))
                await asyncio.sleep(0)
        except ConnectionResetError:
            ended.set()
        return response

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request())
        await wire.read_head()
        reset(wire)
        async with asyncio.timeout(5):
            await ended.wait()
    assert caplog.text == ""


@quinde_only  # aiohttp logs a traceback when a handler lets the error through
async def test_nor_when_the_handler_lets_it_through(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    tasks: list[asyncio.Task[Any]] = []

    async def handler(asked: Any) -> Any:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        response = web.StreamResponse()
        await response.prepare(asked)
        while True:
            await response.write(bytes(65536))
            await asyncio.sleep(0)

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request())
        await wire.read_head()
        reset(wire)
        async with asyncio.timeout(5):
            await asyncio.wait(tasks)
    assert caplog.text == ""


async def test_upload_that_is_cut_off() -> None:
    failures: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    reading = asyncio.Event()

    async def handler(asked: Any) -> Any:
        reading.set()
        try:
            await asked.read()
        except BaseException as exc:
            failures.set_result(exc)
            raise

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request("POST", "/", "Content-Length: 10") + b"half")
        await reading.wait()
        reset(wire)
        async with asyncio.timeout(5):
            assert isinstance(await failures, OSError)


async def test_handler_runs_on_unless_told_otherwise() -> None:
    go = asyncio.Event()
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def handler(asked: Any) -> Any:
        while asked.transport is not None:  # noqa: ASYNC110  # there is nothing else that tells
            await asyncio.sleep(0)
        go.set()
        ended.set_result("to the end")
        return web.Response()

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request())
        reset(wire)
        async with asyncio.timeout(5):
            await go.wait()
            assert await ended == "to the end"


async def test_handler_cancellation() -> None:
    started = asyncio.Event()
    cancelled = asyncio.Event()

    async def handler(_request: Any) -> Any:
        started.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with serve(application(handler), handler_cancellation=True) as served, open_wire(served) as wire:
        await wire.send(request())
        await started.wait()
        reset(wire)
        async with asyncio.timeout(5):
            await cancelled.wait()


@quinde_only  # on aiohttp a FIN is the loss of the connection
@pytest.mark.plain("asyncio's TLS cannot close one half")
async def test_handler_is_cancelled_once() -> None:
    started, half, over = asyncio.Event(), asyncio.Event(), asyncio.Event()
    transports: list[Any] = []
    counts: list[int] = []

    async def handler(asked: Any) -> Any:
        transports.append(asked.transport)
        started.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            half.set()
            await over.wait()
            counts.append(asyncio.current_task().cancelling())  # type: ignore[union-attr]
            raise

    async with serve(application(handler), handler_cancellation=True) as served, open_wire(served) as wire:
        await wire.send(request())
        await started.wait()
        await wire.send_eof()
        async with asyncio.timeout(5):
            await half.wait()
            transports[0].abort()  # FIN first, and now the connection is lost
            while served.runner.server.connections:  # noqa: ASYNC110  # there is nothing else that tells
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        over.set()
    assert counts == [1]


@pytest.mark.plain("asyncio's TLS cannot close one half")
async def test_half_closed_client_still_gets_its_answer() -> None:
    go = asyncio.Event()

    async def handler(_request: Any) -> Any:
        await go.wait()
        return web.Response(text="late")

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request())
        await wire.send_eof()
        go.set()
        assert (await wire.read_answer()).body == b"late"


async def test_connection_is_forgotten() -> None:
    async def handler(_request: Any) -> Any:
        return web.Response()

    async with serve(application(handler)) as served:
        async with open_wire(served) as wire:
            await wire.send(request())
            await wire.read_answer()
            assert len(served.runner.server.connections) == 1
        async with asyncio.timeout(5):
            while served.runner.server.connections:  # noqa: ASYNC110  # there is nothing else that tells
                await asyncio.sleep(0)


@quinde_only  # aiohttp's protocols cannot be referred to weakly
async def test_nothing_is_kept_of_a_connection_that_is_gone() -> None:
    kept: list[weakref.ref[Any]] = []

    async def handler(asked: Any) -> Any:
        assert asked.transport is not None
        kept.extend([weakref.ref(asked.protocol), weakref.ref(asked)])
        return web.Response()

    async with serve(application(handler)) as served:
        async with open_wire(served) as wire:
            await wire.send(request())
            await wire.read_answer()
        async with asyncio.timeout(5):
            while any(reference() is not None for reference in kept):
                await asyncio.sleep(0)
                gc.collect()
    assert len(kept) == 2
