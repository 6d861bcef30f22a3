"""The server over TLS: sites, strangers, handshakes, goodbyes, other TLS programs, other threads."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import socket
import ssl
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from quinde import web
from tests.support import certs
from tests.support.servers import HOST, Served, closed_port
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from tests.support.modes import Mode

pytestmark = pytest.mark.plain("each test says itself who speaks TLS")

GET = b"GET / HTTP/1.1\r\nHost: quinde.test\r\n\r\n"


async def hello(request: web.Request) -> web.Response:
    return web.Response(text=f"{request.scheme} {request.secure} {request.url}")


@asynccontextmanager
async def serve(
    handler: Callable[[Any], Awaitable[Any]] = hello,
    context: ssl.SSLContext | None = None,
    **options: Any,
) -> AsyncIterator[Served]:
    """Serve over TLS on a free port."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, access_log=None, **options)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0, ssl_context=context or certs.server_context())
    try:
        await site.start()
        assert site.name == f"https://{HOST}:{site.port}"
        yield Served(HOST, site.port, runner=runner, tls=True)
    finally:
        await runner.cleanup()


async def answers(served: Served) -> bool:
    """Whether the service is there for an honest client."""
    async with open_wire(served) as wire:
        await wire.send(GET)
        return (await wire.read_answer()).status == 200


async def test_requests_know_that_they_are_secure() -> None:
    async with serve() as served, open_wire(served) as wire:
        await wire.send(GET + GET)
        for _ in range(2):
            answer = await wire.read_answer()
            assert answer.body == b"https True https://quinde.test/"


async def test_plain_and_secure_sites_of_one_runner() -> None:
    async with serve() as served:
        plain = web.TCPSite(served.runner, HOST, 0)
        await plain.start()
        async with open_wire(Served(HOST, plain.port, tls=False)) as wire:
            await wire.send(GET)
            assert (await wire.read_answer()).body == b"http False http://quinde.test/"
        assert await answers(served)


async def test_protocol_knows_its_context() -> None:
    contexts: list[Any] = []

    async def look(request: web.Request) -> web.Response:
        contexts.append(request.protocol.ssl_context)
        return web.Response()

    async with serve(look) as served:
        assert await answers(served)
    assert contexts == [certs.server_context()]


async def test_unix_site(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    async with serve() as served:
        site = web.UnixSite(served.runner, path, ssl_context=certs.server_context())
        await site.start()
        assert site.name == f"https://unix:{path}:"
        assert await answers(Served("localhost", 0, path, tls=True))


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\xff\xff" + b"\x01" * 70000,
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        b"\0" * 100,
        b"\x15\x03\x01\x00\x02\x02\x28",
    ],
)
async def test_strangers_get_a_close_and_no_noise(sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with serve() as served:
            async with open_wire(Served(HOST, served.port, tls=False)) as wire:
                try:
                    await wire.send(sent)
                    got = await wire.read_to_end()
                except ConnectionError:
                    got = b""  # not all was read: a reset
                assert not got.startswith(b"HTTP/")
            assert await answers(served)
    assert caplog.records == []


async def test_clients_that_leave_are_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever their request was doing: who closes says goodbye first."""
    begun = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        begun.set()
        await asyncio.Event().wait()
        return web.Response()

    with caplog.at_level(logging.INFO, "quinde"), caplog.at_level(logging.WARNING, "asyncio"):
        async with serve(slow, handler_cancellation=True) as served:
            async with open_wire(served) as wire:
                await wire.send(GET)
                await begun.wait()
            async with asyncio.timeout(5):
                while served.runner.server.service.tasks:  # noqa: ASYNC110  # counters have no event
                    await asyncio.sleep(0)
    assert caplog.records == []


async def test_contexts_that_cannot_serve_are_told_at_once() -> None:
    runner = web.AppRunner(web.Application())
    await runner.setup()
    for site in (
        lambda **options: web.TCPSite(runner, HOST, 0, **options),
        lambda **options: web.UnixSite(runner, "/nonexistent/socket", **options),
    ):
        with pytest.raises(ValueError, match="for clients"):
            site(ssl_context=ssl.create_default_context())
        with pytest.raises(TypeError, match="None, not True"):
            site(ssl_context=True)
    await runner.cleanup()


async def test_a_missing_certificate_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    trusting = certs.client_context()
    with caplog.at_level(logging.INFO):
        async with serve(context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) as served:
            for _ in range(3):
                with pytest.raises(OSError):  # TLS's or the socket's
                    await asyncio.open_connection(HOST, served.port, ssl=trusting)
            statistics = served.runner.server.statistics
            while statistics()["handshakes_failed"] < 3:  # noqa: ASYNC110  # counters have no event
                await asyncio.sleep(0)
    (record,) = [record for record in caplog.records if record.name == "quinde.server"]
    assert record.levelno == logging.WARNING
    assert "certificate" in record.getMessage()


async def test_a_context_that_offers_too_much_is_said_once(
    mode: Mode, caplog: pytest.LogCaptureFixture
) -> None:
    if mode.backend == "transport":
        pytest.skip("asyncio does not tell before the connection is made")
    offered, asked = certs.new_server_context(), certs.new_client_context()
    offered.set_alpn_protocols(["h2", "http/1.1"])
    asked.set_alpn_protocols(["h2", "http/1.1"])
    with caplog.at_level(logging.INFO):
        async with serve(context=offered) as served:
            for _ in range(2):
                with pytest.raises(OSError):  # TLS's or the socket's
                    _, writer = await asyncio.open_connection(HOST, served.port, ssl=asked)
                    writer.write(GET)
                    await writer.wait_closed()
                    raise ConnectionError
    (record,) = [record for record in caplog.records if record.name == "quinde.server"]
    assert record.levelno == logging.WARNING
    assert 'ALPN chose "h2"' in record.getMessage()
    assert "set_alpn_protocols" in record.getMessage()


async def test_handshake_that_fails_is_a_line_for_who_looks(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with serve() as served, open_wire(Served(HOST, served.port, tls=False)) as wire:
            await wire.send(GET)
            await wire.read_to_end()
    lines = [record.getMessage() for record in caplog.records if "TLS" in record.getMessage()]
    assert len(lines) == 1
    assert lines[0].startswith(f"TLS handshake with ('{HOST}', ")
    assert "http request" in lines[0].lower().replace("_", " ")


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01"])
async def test_silent_clients_are_left(sent: bytes) -> None:
    async with serve(limits=web.Limits(handshake_timeout=0.05)) as served:
        async with open_wire(Served(HOST, served.port, tls=False)) as wire:
            await wire.send(sent)
            assert await wire.read_to_end() == b""
        assert await answers(served)


@pytest.mark.parametrize("way", ["nonsense", "nothing", "gone", "late"])
async def test_handshakes_that_fail_are_counted(way: str) -> None:
    patience = 0.05 if way == "late" else 10
    async with serve(limits=web.Limits(handshake_timeout=patience)) as served:
        statistics = served.runner.server.statistics
        async with open_wire(Served(HOST, served.port, tls=False)) as wire:
            await wire.send({"nonsense": GET, "gone": b"\x16\x03\x01"}.get(way, b""))
            if way in ("nothing", "gone"):
                await wire.close()
            else:
                await wire.read_to_end()
        assert await answers(served)
        async with asyncio.timeout(5):
            while not statistics()["handshakes_failed"]:  # noqa: ASYNC110  # counters have no event
                await asyncio.sleep(0)
        counted = statistics()
        assert (counted["handshakes_failed"], counted["timeouts_handshake"]) == (1, int(way == "late"))
        assert counted["handshakes"] == 1


async def test_a_server_that_stops_has_no_failed_handshake(mode: Mode) -> None:
    if mode.backend == "transport":
        pytest.skip("asyncio keeps a handshake for its whole time")
    async with serve() as served:
        statistics = served.runner.server.statistics
        async with open_wire(Served(HOST, served.port, tls=False)) as wire:
            assert await answers(served)  # so that the other has been accepted too
            await served.runner.cleanup()
            assert await wire.read_to_end() == b""
        assert (statistics()["handshakes"], statistics()["handshakes_failed"]) == (1, 0)


async def test_handshake_byte_by_byte() -> None:
    """A ClientHello and all that follows in pieces of one byte, as the worst network would cut it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = certs.client_context().wrap_bio(incoming, outgoing, server_hostname=HOST)

    async with serve() as served, open_wire(Served(HOST, served.port, tls=False)) as wire:

        async def step(call: Callable[[], Any]) -> Any:
            while True:
                try:
                    result = call()
                except ssl.SSLWantReadError:
                    await wire.send_bytewise(outgoing.read())
                    incoming.write(await wire.reader.read(65536))
                else:
                    await wire.send_bytewise(outgoing.read())
                    return result

        await step(client.do_handshake)
        await step(lambda: client.write(GET))
        assert (await step(lambda: client.read(65536))).startswith(b"HTTP/1.1 200 OK")


async def test_goodbye_is_said() -> None:
    """An answer that the end of the connection ends is complete only with close_notify."""

    async def old(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x" * 100_000)
        return response

    def fetch(port: int) -> tuple[bytes, bool]:
        with socket.create_connection((HOST, port)) as plain:
            with certs.client_context().wrap_socket(
                plain, server_hostname=HOST, suppress_ragged_eofs=False
            ) as secure:
                secure.sendall(b"GET / HTTP/1.0\r\n\r\n")
                received = b""
                while piece := secure.recv(65536):  # raises where the goodbye is missing
                    received += piece
        return received, True

    async with serve(old) as served:
        received, complete = await asyncio.to_thread(fetch, served.port)
    assert complete
    assert received.endswith(b"x" * 100_000)


async def test_peer_that_says_goodbye_gets_its_answer(mode: Mode) -> None:
    """close_notify ends one direction (RFC 8446 section 6.1), as FIN does."""
    if mode.backend == "transport":
        pytest.skip("asyncio's TLS ends both directions at once")
    started, go = asyncio.Event(), asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        started.set()
        await go.wait()
        return web.Response(text="late")

    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = certs.client_context().wrap_bio(incoming, outgoing, server_hostname=HOST)
    async with serve(slow) as served, open_wire(Served(HOST, served.port, tls=False)) as wire:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                await wire.send(outgoing.read())
                incoming.write(await wire.reader.read(65536))
        client.write(GET)
        with pytest.raises(ssl.SSLWantReadError):
            client.unwrap()
        await wire.send(outgoing.read())
        await started.wait()
        go.set()
        incoming.write(await wire.read_to_end())
        received = b""
        with pytest.raises(ssl.SSLZeroReturnError):  # both have said goodbye
            while piece := client.read(65536):
                received += piece
    assert received.endswith(b"late")


async def test_refused_requests_get_their_answer() -> None:
    async with serve() as served, open_wire(served) as wire:
        await wire.send(b"GET / HTTP/1.1\r\n\r\n" + b"x" * 10_000)
        answer = await wire.read_answer()
        assert answer.status == 400
        assert await wire.read_to_end() == b""


async def test_slow_reader_is_waited_for(mode: Mode) -> None:
    """A large answer waits as plaintext: what is encrypted ahead of the peer is bounded."""
    if mode.backend == "transport":
        pytest.skip("asyncio's marks are asyncio's")
    size = 32 << 20
    sizes: list[int] = []

    async def large(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = size
        await response.prepare(request)
        for _ in range(size >> 18):
            await response.write(bytes(1 << 18))
            assert request.transport is not None
            sizes.append(request.transport.get_write_buffer_size())
        return response

    async with serve(large) as served, open_wire(served) as wire:
        await wire.send(GET)
        await wire.read_until(b"\r\n\r\n")
        left = size
        while left:
            left -= len(await wire.reader.read(1 << 16))
    assert max(sizes) <= (64 << 10) + (1 << 18) + (1 << 17)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl program is not installed")
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_openssl_s_client(version: str) -> None:
    async with serve() as served:
        process = await asyncio.create_subprocess_exec(
            *("openssl", "s_client", "-quiet", "-no_ign_eof", version, "-connect", f"{HOST}:{served.port}"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        output = await process.stdout.read()
        process.stdin.close()
        await process.wait()
    assert output.startswith(b"HTTP/1.1 200 OK\r\n")
    assert output.endswith(b"https True https://quinde.test/")


async def test_tls_1_2_with_renewed_keys_and_resumption() -> None:
    context = certs.new_client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    reused: list[bool] = []

    def fetch(port: int) -> None:
        session = None
        for _ in range(2):
            with (
                socket.create_connection((HOST, port)) as plain,
                context.wrap_socket(plain, server_hostname=HOST, session=session) as secure,
            ):
                secure.sendall(GET)
                assert secure.recv(65536).startswith(b"HTTP/1.1 200 OK")
                session = secure.session
                reused.append(bool(secure.session_reused))

    async with serve() as served:
        await asyncio.to_thread(fetch, served.port)
    assert reused == [False, True]


async def test_beside_a_busy_thread() -> None:
    """`ssl` lets other threads run within each of its calls; one that computes must not upset anything."""
    over = threading.Event()

    def compute() -> None:
        while not over.is_set():
            sum(range(1000))

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    body = os.urandom(200_000)
    thread = threading.Thread(target=compute)
    thread.start()
    try:
        connector = quinde.TCPConnector(ssl=certs.client_context())
        async with serve(echo) as served, quinde.ClientSession(connector=connector) as client:

            async def fetch() -> bool:
                async with client.post(served.url, data=body) as response:
                    return await response.read() == body

            assert all(await asyncio.gather(*(fetch() for _ in range(10))))
    finally:
        over.set()
        thread.join()


async def test_callbacks_may_close_the_connection(mode: Mode) -> None:
    """User code runs within the handshake: it may do anything to the connection that it is about."""
    if mode.backend == "transport":
        pytest.skip("asyncio makes the connection after the handshake")
    context = certs.new_server_context()
    served_by: list[Any] = []

    def close_all(*_: Any) -> None:
        for protocol in served_by[0].server.connections:
            if protocol.transport is not None:
                protocol.transport.abort()

    context.sni_callback = close_all
    async with serve(context=context) as served:
        served_by.append(served.runner)
        connector = quinde.TCPConnector(ssl=certs.client_context())
        async with quinde.ClientSession(connector=connector) as client:
            with pytest.raises(quinde.ClientConnectionError):
                await client.get(served.url, server_hostname="quinde.test")
        context.sni_callback = None  # type: ignore[assignment]
        assert await answers(served)


async def test_stopping_with_a_handshake_under_way() -> None:
    async with serve(shutdown_timeout=0.1) as served:
        reader, writer = await asyncio.open_connection(HOST, served.port)
        writer.write(b"\x16\x03\x01\x02\x00")
        await writer.drain()
        assert await answers(served)
    assert await reader.read() == b""
    writer.close()


def test_run_app(mode: Mode) -> None:
    app = web.Application()
    app.router.add_get("/", hello)
    port = closed_port()
    said: list[str] = []
    bodies: list[str] = []

    async def fetch(_app: web.Application) -> AsyncIterator[None]:
        async def later() -> None:
            connector = quinde.TCPConnector(ssl=certs.client_context())
            async with quinde.ClientSession(connector=connector) as client:
                async with client.get(f"https://{HOST}:{port}/") as response:
                    bodies.append(await response.text())
            os.kill(os.getpid(), signal.SIGTERM)

        loop = asyncio.get_running_loop()
        task = loop.call_later(0.1, lambda: tasks.append(loop.create_task(later())))
        tasks: list[asyncio.Task[None]] = []
        yield
        task.cancel()

    app.cleanup_ctx.append(fetch)
    web.run_app(
        app,
        host=HOST,
        port=port,
        ssl_context=certs.server_context(),
        access_log=None,
        print=said.append,
        loop=mode.new_loop(),
    )
    assert said[0].startswith(f"======== Running on https://{HOST}:{port} ")
    assert bodies == [f"https True https://{HOST}:{port}/"]
