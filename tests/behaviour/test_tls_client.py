"""The client over TLS: who is trusted, what is told of a failure, sessions, ends of connections."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from quinde import web
from tests.support import certs
from tests.support.servers import HOST, Served, answering, listening_socket, serve_raw
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import trustme

    from tests.support.modes import Mode
    from tests.support.wire import Wire

pytestmark = pytest.mark.plain("each test says itself who speaks TLS")


async def hello(request: web.Request) -> web.Response:
    return web.Response(text=f"hello over {request.scheme}")


@asynccontextmanager
async def serve(
    context: ssl.SSLContext | None = None, handler: Callable[[Any], Awaitable[Any]] = hello
) -> AsyncIterator[Served]:
    """Serve an application over TLS, with the certificate of `certs` unless another context is given."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = listening_socket()
    port = listener.getsockname()[1]
    try:
        await web.SockSite(runner, listener, ssl_context=context or certs.server_context()).start()
        yield Served(HOST, port, runner=runner, tls=True)
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serve_raw_tls(talk: Callable[[Wire], Awaitable[None]]) -> AsyncIterator[Served]:
    """As `serve_raw`, over TLS."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(certs, "_secured", True)
        async with serve_raw(talk) as served:
            yield served


def trusting(**options: Any) -> quinde.ClientSession:
    """A session that trusts the authority of `certs`."""
    return quinde.ClientSession(connector=quinde.TCPConnector(ssl=certs.client_context(), **options))


def certificate_of(context: trustme.LeafCert) -> bytes:
    return ssl.PEM_cert_to_DER_cert(context.cert_chain_pems[0].bytes().decode())


async def test_what_a_connection_tells() -> None:
    seen = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        await seen.wait()
        return response

    async with serve(handler=slow) as served, trusting() as client, client.get(served.url) as response:
        assert response.connection is not None
        transport: Any = response.connection.transport
        assert transport.get_extra_info("sslcontext") is certs.client_context()
        assert transport.get_extra_info("ssl_object").version() == "TLSv1.3"
        assert transport.get_extra_info("ssl_object").selected_alpn_protocol() is None
        assert ("IP Address", HOST) in transport.get_extra_info("peercert")["subjectAltName"]
        assert transport.get_extra_info("cipher")[1] == "TLSv1.3"
        assert transport.get_extra_info("compression") is None
        assert transport.get_extra_info("peername") == (HOST, served.port)
        seen.set()


async def test_nobody_is_trusted_unasked() -> None:
    """Self-signed, as far as the system's store knows."""
    async with serve() as served, quinde.ClientSession() as client:
        with pytest.raises(
            quinde.ClientConnectorCertificateError, match="certificate verify failed"
        ) as caught:
            await client.get(served.url)
        assert (caught.value.host, caught.value.port) == (HOST, served.port)
        assert isinstance(caught.value, ssl.CertificateError)
        assert isinstance(caught.value.certificate_error, ssl.SSLCertVerificationError)
        assert client.connector.statistics()["slots_in_use"] == 0  # type: ignore[union-attr]


async def test_verification_can_be_switched_off_for_one_call() -> None:
    async with serve() as served, quinde.ClientSession() as client:
        async with client.get(served.url, ssl=False) as response:
            assert await response.text() == "hello over https"
        # The connection that nobody verified is in the pool, and is not for others.
        with pytest.raises(quinde.ClientConnectorCertificateError):
            await client.get(served.url)
        async with client.get(served.url, ssl=certs.client_context()) as response:
            assert response.status == 200
        with pytest.warns(DeprecationWarning, match="verify_ssl"):
            async with client.get(served.url, verify_ssl=False) as response:
                assert response.status == 200


@pytest.mark.parametrize("kind", ["expired", "wrong-host"])
async def test_certificates_that_are_not_accepted(kind: str) -> None:
    import datetime

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if kind == "expired":
        yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
        leaf = certs.authority().issue_cert(HOST, not_after=yesterday)
        words = "certificate has expired"
    else:
        leaf = certs.authority().issue_cert("other.test")
        words = "IP address mismatch"
    leaf.configure_cert(context)
    async with serve(context) as served, trusting() as client:
        with pytest.raises(quinde.ClientConnectorCertificateError, match=words):
            await client.get(served.url)


async def test_another_name_may_be_asked_for() -> None:
    asked: list[str | None] = []
    context = certs.new_server_context()
    context.sni_callback = lambda _object, name, _context: asked.append(name)
    async with serve(context) as served, trusting() as client:
        async with client.get(served.url, server_hostname="www.quinde.test") as response:
            assert response.status == 200
        with pytest.raises(quinde.ClientConnectorCertificateError, match="Hostname mismatch"):
            await client.get(served.url, server_hostname="else.test")
    assert asked == ["www.quinde.test", "else.test"]


@pytest.mark.parametrize("old", [False, True])
async def test_fingerprints(old: bool) -> None:
    digest = hashlib.sha256(certificate_of(certs.certificate())).digest()
    other = bytes(32)
    async with serve() as served, quinde.ClientSession() as client:
        if old:
            with pytest.warns(DeprecationWarning, match="fingerprint"):
                response = await client.get(served.url, fingerprint=digest)
        else:
            response = await client.get(served.url, ssl=quinde.Fingerprint(digest))
        assert await response.text() == "hello over https"
        with pytest.raises(quinde.ServerFingerprintMismatch) as caught:
            await client.get(served.url, ssl=quinde.Fingerprint(other))
        assert (caught.value.expected, caught.value.got) == (other, digest)
        assert (caught.value.host, caught.value.port) == (HOST, served.port)
        assert client.connector.statistics()["slots_in_use"] == 0  # type: ignore[union-attr]
    async with serve() as served:
        async with quinde.ClientSession(
            connector=quinde.TCPConnector(ssl=quinde.Fingerprint(other))
        ) as client:
            with pytest.raises(quinde.ServerFingerprintMismatch):
                await client.get(served.url)


async def test_client_certificates(mode: Mode) -> None:
    context = certs.new_server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    certs.authority().configure_trust(context)

    async def whoami(request: web.Request) -> web.Response:
        assert request.transport is not None
        certificate = request.transport.get_extra_info("peercert")
        return web.json_response(certificate["subjectAltName"])

    mine = certs.new_client_context()
    certs.authority().issue_cert("me@quinde.test").configure_cert(mine)
    async with serve(context, whoami) as served, trusting() as client:
        async with client.get(served.url, ssl=mine) as response:
            assert await response.json() == [["email", "me@quinde.test"]]
        # TLS 1.3: the server's refusal comes after the client has finished its part of the handshake.
        with pytest.raises((quinde.ClientOSError, quinde.ServerDisconnectedError)) as caught:
            await client.post(served.url)
        if mode.backend == "reactor":
            assert "certificate required" in str(caught.value)


async def test_sessions_are_resumed(mode: Mode) -> None:
    if mode.backend == "transport":
        pytest.skip("asyncio's transports take no session")
    resumed: list[bool] = []

    async def note(request: web.Request) -> web.Response:
        assert request.transport is not None
        resumed.append(request.transport.get_extra_info("ssl_object").session_reused)
        return web.Response(headers={"Connection": "close"})

    async with serve(handler=note) as served, trusting() as client:
        for options in ({}, {}, {"server_hostname": "localhost"}, {}):
            async with client.get(served.url, **options):
                pass
    assert resumed == [False, True, False, True]


async def test_connections_are_used_again() -> None:
    ports: list[int] = []

    async def note(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.append(request.transport.get_extra_info("peername")[1])
        return web.Response()

    async with serve(handler=note) as served, trusting() as client:
        for _ in range(3):
            async with client.get(served.url):
                pass
    assert len(set(ports)) == 1


def handshakes(client: quinde.ClientSession) -> dict[str, int]:
    """What has been counted of them."""
    assert client.connector is not None
    return {
        name: count for name, count in client.connector.statistics().items() if "handshake" in name and count
    }


async def test_plain_server_on_the_port() -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_exactly(5)
        await wire.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with serve_raw(talk) as served, trusting() as client:
        with pytest.raises(
            quinde.ClientConnectorSSLError, match=r"(?i)wrong.version.number|record.layer"
        ) as caught:
            await client.get(f"https://{HOST}:{served.port}/")
        assert isinstance(caught.value, ssl.SSLError)
        assert handshakes(client) == {"handshakes_failed": 1}
        assert client.connector.statistics()["slots_in_use"] == 0  # type: ignore[union-attr]


async def test_peer_that_goes_during_the_handshake() -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_exactly(5)

    async with serve_raw(talk) as served, trusting() as client:
        with pytest.raises(quinde.ClientConnectorError, match=f"Cannot connect to host {HOST}") as caught:
            await client.get(f"https://{HOST}:{served.port}/")
        assert isinstance(caught.value.os_error, ConnectionResetError)
        assert "closed the connection during the TLS handshake" in str(caught.value)
        assert handshakes(client) == {"handshakes_failed": 1}


async def silent(wire: Wire) -> None:
    """Take a ClientHello and say nothing."""
    await wire.reader.read()


async def test_silent_server_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quinde.client.tls.HANDSHAKE_TIMEOUT", 0.05)
    async with serve_raw(silent) as served, trusting() as client:
        with pytest.raises(quinde.ClientConnectorError, match="Cannot connect to host") as caught:
            await client.get(f"https://{HOST}:{served.port}/")
        assert isinstance(caught.value.os_error, ConnectionAbortedError)
        assert handshakes(client) == {"handshakes_failed": 1, "timeouts_handshake": 1}


async def test_handshake_counts_as_connecting() -> None:
    async with serve_raw(silent) as served, trusting() as client:
        with pytest.raises(quinde.ConnectionTimeoutError):
            await client.get(
                f"https://{HOST}:{served.port}/", timeout=quinde.ClientTimeout(sock_connect=0.05)
            )
        assert client.connector.statistics()["slots_in_use"] == 0  # type: ignore[union-attr]
        assert handshakes(client) == {}  # but a timeout of the socket


async def test_cancelled_handshake_leaves_nothing() -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def talk(wire: Wire) -> None:
        await wire.read_exactly(5)
        begun.set()
        await wire.read_to_end()
        gone.set()

    async with serve_raw(talk) as served, trusting() as client:
        task = asyncio.ensure_future(client._request("GET", f"https://{HOST}:{served.port}/"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert client.connector.statistics()["slots_in_use"] == 0  # type: ignore[union-attr]
        await gone.wait()


async def test_other_protocols_are_refused(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    if mode.backend == "transport":
        pytest.skip("asyncio does not tell before the connection is made")
    ours, theirs = certs.new_client_context(), certs.new_server_context()
    ours.set_alpn_protocols(["h2"])
    theirs.set_alpn_protocols(["h2"])
    monkeypatch.setattr(certs, "server_context", lambda: theirs)
    async with serve_raw_tls(silent) as served, trusting() as client:
        with pytest.raises(quinde.ClientConnectorSSLError, match='ALPN chose "h2"'):
            await client.get(served.url, ssl=ours)


async def test_body_up_to_the_end_needs_a_goodbye(mode: Mode) -> None:
    """RFC 9112 section 9.8: else somebody in between may have cut it off. (asyncio does not tell.)"""
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"

    async def rude(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(head + b"half of it")
        await asyncio.sleep(0)
        wire.writer.transport.abort()

    async with serve_raw_tls(answering(head + b"all of it")) as served, trusting() as client:
        async with client.get(served.url) as response:
            assert await response.read() == b"all of it"
    if mode.backend == "transport":
        return
    async with serve_raw_tls(rude) as served, trusting() as client:
        with pytest.raises(quinde.ClientPayloadError, match="not completed"):
            async with client.get(served.url) as response:
                await response.read()


@pytest.mark.parametrize("patience", [0, 1.0])
async def test_goodbye_at_the_end_where_it_is_wanted(patience: float) -> None:
    ends: list[bytes | str] = []

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        try:
            ends.append(await wire.reader.read())
        except ConnectionError as error:
            ends.append(type(error).__name__)

    async with serve_raw_tls(talk) as served:
        async with trusting(ssl_shutdown_timeout=patience) as client, client.get(served.url) as response:
            assert response.status == 200
        while not ends:  # noqa: ASYNC110 -- the server's end is in this process
            await asyncio.sleep(0)
    assert ends == [b""] or (patience == 0 and ends == ["ConnectionResetError"])


@pytest.mark.parametrize("end", ["client", "server"])
async def test_forked_child_says_no_goodbye(mode: Mode, end: str) -> None:
    """Its record would take the place of the parent's next one."""
    if mode.backend == "transport":
        pytest.skip("those connections are asyncio's to close")
    ports: set[int] = set()

    async def note(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.Response(text="hello")

    async with serve(handler=note) as served, trusting(ssl_shutdown_timeout=1) as client:
        async with client.get(served.url) as response:
            await response.read()
        child = os.fork()
        if child == 0:
            try:
                if end == "client":
                    client.connector.close()  # type: ignore[union-attr]
                else:
                    served.runner.server.pre_shutdown()
            finally:
                os._exit(0)
        await asyncio.to_thread(os.waitpid, child, 0)
        async with client.get(served.url) as response:
            assert await response.text() == "hello"
    assert len(ports) == 1


async def test_goodbye_is_not_waited_for_longer_than_told() -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        transport: Any = wire.writer.transport
        transport.pause_reading()
        await asyncio.get_running_loop().create_future()

    async with serve_raw_tls(talk) as served:
        async with trusting(ssl_shutdown_timeout=0.05) as client, client.get(served.url) as response:
            assert response.status == 200


async def test_large_bodies_both_ways() -> None:
    body = bytes(range(256)) * 16384  # 4 MiB

    async def echo(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        async for piece in request.content.iter_any():
            await response.write(piece)
        return response

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000]

    async with serve(handler=echo) as served, trusting() as client:
        async with client.post(served.url, data=pieces()) as response:
            received = b"".join([piece async for piece in response.content.iter_any()])
        assert received == body
        async with client.post(served.url, data=body) as response:
            assert await response.read() == body


@pytest.mark.parametrize("way", ["whole", "pieces", "lines"])
async def test_large_sized_bodies_both_ways(way: str) -> None:
    """A body of known length may be decrypted straight to where it is wanted; a reader may come late."""
    body = b"".join(b"%05d\n" % number for number in range(150_000))  # 1 MB, no two records alike

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async with serve(None, echo) as served, trusting() as client:
        async with client.post(served.url, data=body) as response:
            assert response.content_length == len(body)
            if way == "whole":
                received = await response.read()
            elif way == "lines":
                received = b"".join([line async for line in response.content])
            else:
                received = await response.content.readexactly(10)
                async for piece in response.content.iter_chunked(40_000):
                    received += piece
                    await asyncio.sleep(0)
            assert received == body


@asynccontextmanager
async def in_pieces(served: Served, sizes: tuple[int, ...], garbage: bytes = b"") -> AsyncIterator[str]:
    """A way to a server: bytes come in pieces of these sizes, by turns; at last garbage, if there is some."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, last: bytes) -> None:
        try:
            for size in itertools.cycle(sizes):
                if not (piece := await reader.read(size)):
                    break
                writer.write(piece)
                await writer.drain()
            writer.write(last)
        except ConnectionError:
            pass  # the other one has gone
        writer.close()

    async def meet(wire: Wire) -> None:
        async with open_wire(Served(served.host, served.port)) as beyond:
            await asyncio.gather(
                pass_on(wire.reader, beyond.writer, b""), pass_on(beyond.reader, wire.writer, garbage)
            )

    async with serve_raw(meet) as relay:
        yield f"https://{relay.host}:{relay.port}/"


@pytest.mark.parametrize("sizes", [(1, 4, 5, 6, 100), (16_389, 3), (70_001,)])
async def test_records_may_come_in_any_pieces(sizes: tuple[int, ...]) -> None:
    body = bytes(range(256)) * 200

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async with serve(None, echo) as served, in_pieces(served, sizes) as url, trusting() as client:
        for _ in range(2):
            async with client.post(url, data=body) as response:
                assert await response.read() == body


async def test_what_is_no_record_ends_the_connection() -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")
        wire.writer.transport.abort()

    async with serve_raw_tls(talk) as served, in_pieces(served, (4096,), garbage=b"HTTP/1.1 ") as url:
        async with trusting() as client:
            with pytest.raises(quinde.ClientError):
                async with client.get(url) as response:
                    await response.read()


class Watcher:
    """An `SSLObject` of somebody's own, who keeps a view of whatever he is given to fill."""

    def __init__(self, wrapped: ssl.SSLObject, views: list[memoryview]) -> None:
        self._wrapped = wrapped
        self._views = views

    def __getattr__(self, name: str) -> Any:
        if name == "_sslobj":
            raise AttributeError(name)
        return getattr(self._wrapped, name)

    def read(self, length: int, buffer: Any = None) -> int | bytes:
        if buffer is None:
            return self._wrapped.read(length)
        self._views.append(memoryview(buffer))
        return self._wrapped.read(length, self._views[-1])


async def test_views_outlive_what_they_show(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    views: list[memoryview] = []
    body = bytes(range(256)) * 1024
    context = certs.new_client_context()

    class Watched(type(context)):  # type: ignore[misc]
        def wrap_bio(self, *args: Any, **options: Any) -> Any:
            return Watcher(super().wrap_bio(*args, **options), views)

    context.__class__ = Watched

    async def send(_request: web.Request) -> web.Response:
        return web.Response(body=body)

    async with serve(None, send) as served, quinde.ClientSession() as client:
        for _ in range(2):
            async with client.get(served.url, ssl=context) as response:
                assert await response.read() == body
    if mode.backend == "reactor":
        assert views
        assert all(bytes(view) in body for view in views)


async def test_unix_sockets_can_be_secured(tmp_path: Any) -> None:
    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    path = str(tmp_path / "socket")
    await web.UnixSite(runner, path, ssl_context=certs.server_context()).start()
    try:
        async with quinde.ClientSession(connector=quinde.UnixConnector(path)) as client:
            async with client.get("https://localhost/", ssl=certs.client_context()) as response:
                assert await response.text() == "hello over https"
            with pytest.raises(quinde.ClientConnectorCertificateError):
                await client.get("https://localhost/")
    finally:
        await runner.cleanup()
