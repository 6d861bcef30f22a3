"""A program takes the connection of its response over: the pool does not see it again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from tests.behaviour.library import LIBRARY, quinde_only
from tests.behaviour.takeover import Echo, Sipper, Taker
from tests.support import certs
from tests.support.servers import serve_raw

if TYPE_CHECKING:
    from tests.support.wire import Wire

OFFER = {"Connection": "upgrade", "Upgrade": "x"}
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
MEGABYTE = 1 << 20


@pytest.fixture
def lib() -> Any:
    """The library under test: `QUINDE_TEST_LIBRARY=aiohttp` to compare."""
    if LIBRARY == "aiohttp":
        import aiohttp

        return aiohttp
    return quinde


def switching(behind: bytes = b"", head: bytes = SWITCH) -> Any:
    """Switch, say `behind` at once, then answer all that comes in capitals."""

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(head + behind)
        while data := await wire.reader.read(1 << 16):
            await wire.send(data.upper())

    return talk


@pytest.mark.parametrize(
    ("method", "head"),
    [("GET", SWITCH), ("CONNECT", b"HTTP/1.1 200 Connection established\r\n\r\n")],
)
async def test_bytes_go_both_ways(lib: Any, method: str, head: bytes) -> None:
    async with serve_raw(switching(head=head)) as served, lib.ClientSession() as client:
        async with client.request(method, served.url, headers=OFFER) as response:
            connection = response.connection
            taker = Taker().take(connection.transport)
            assert connection.transport.get_protocol() is taker
            for size in (1, MEGABYTE):
                taker.received.clear()
                taker.transport.write(b"x" * size)
                assert await taker.told(size) == b"X" * size
            taker.transport.close()
            assert await taker.ended is None
    assert taker.lost == [None]


@quinde_only
@pytest.mark.parametrize("piece", [1, 7, 100_000])
async def test_what_came_behind_the_head_is_not_lost(lib: Any, piece: int) -> None:
    text = bytes(range(256)) * 500

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(SWITCH + text[:piece])
        for at in range(piece, len(text), max(piece, 1000)):
            await wire.send(text[at : at + max(piece, 1000)])
        assert await wire.read_exactly(2) == b"ok"

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.get(served.url, headers=OFFER) as response:
            taker = Taker()
            await asyncio.sleep(0)
            assert taker.received == b""
            taker.take(response.connection.transport)
            assert taker.received == b""
            assert await taker.told(len(text)) == text
            taker.transport.write(b"ok")
            assert await taker.ended is None
            assert taker.calls == ["eof"]


@quinde_only
async def test_what_was_read_before_is_not_told_again(lib: Any) -> None:
    async with serve_raw(switching(b"hello, ")) as served, lib.ClientSession() as client:
        async with client.get(served.url, headers=OFFER) as response:
            assert await response.content.readexactly(5) == b"hello"
            taker = Taker().take(response.connection.transport)
            taker.transport.write(b"you")
            assert await taker.told(5) == b", YOU"
            with pytest.raises(quinde.ClientConnectionError):
                await response.content.read()


@quinde_only
async def test_the_rest_of_a_body_is_raw(lib: Any) -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        assert await wire.read_exactly(2) == b"go"
        await wire.send(b"3\r\ndef\r\n")

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert await response.content.readexactly(3) == b"abc"
            taker = Taker().take(response.connection.transport)
            taker.transport.write(b"go")
            assert await taker.told(8) == b"3\r\ndef\r\n"


@quinde_only
async def test_few_bytes_arrive_though_much_was_being_gathered(lib: Any) -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 10)
        assert await wire.read_exactly(2) == b"go"
        await wire.send(b"few")
        await wire.read_to_end()

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            reading = asyncio.ensure_future(response.content.read())
            for _ in range(3):
                await asyncio.sleep(0)
            taker = Taker().take(response.connection.transport)
            with pytest.raises(quinde.ClientConnectionError):
                await reading
            taker.transport.write(b"go")
            assert (await taker.told(3)).endswith(b"few")


async def test_buffered_protocol(lib: Any) -> None:
    async with serve_raw(switching()) as served, lib.ClientSession() as client:
        async with client.get(served.url, headers=OFFER) as response:
            sipper = Sipper(100_000)
            transport = response.connection.transport
            transport.set_protocol(sipper)
            transport.write(b"x" * 1000)
            while len(sipper.received) < 1000:  # noqa: ASYNC110  # bytes are the news
                await asyncio.sleep(0)
            assert sipper.received == b"X" * 1000


@pytest.mark.parametrize("how", ["context", "close", "release", "connection", "session", "abort"])
async def test_who_ends_it(lib: Any, how: str) -> None:
    """What ends an exchange ends this connection too, after the last words, and gives its slot back.

    (aiohttp's session waits without end for a connection that was taken over.)
    """
    said = asyncio.get_running_loop().create_future()

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(SWITCH)
        said.set_result(await wire.read_to_end())

    async with serve_raw(talk) as served:
        client = lib.ClientSession(connector=lib.TCPConnector(limit=1))
        response = await client.get(served.url, headers=OFFER)
        taker = Taker().take(response.connection.transport)
        taker.transport.write(b"goodbye")
        if how == "context":
            async with response:
                pass
        elif how == "session":
            await client.close()
        elif how == "connection":
            response.connection.close()
        elif how == "abort":
            taker.transport.abort()
        else:
            getattr(response, how)()
        assert await taker.ended is None
        assert len(taker.lost) == 1
        assert await said in ((b"goodbye", b"") if how == "abort" else (b"goodbye",))
        response.close()
        await client.close()


@quinde_only
async def test_it_takes_its_slot_until_it_is_gone_and_is_not_used_again(lib: Any) -> None:
    async with serve_raw(switching()) as served:
        async with lib.ClientSession(connector=lib.TCPConnector(limit=1)) as client:
            for _ in range(3):
                response = await client.get(served.url, headers=OFFER)
                taker = Taker().take(response.connection.transport)
                assert client.connector.statistics()["slots_in_use"] == 1
                assert not response.closed
                taker.transport.close()
                await taker.ended
                assert client.connector.statistics()["slots_in_use"] == 0
                assert client.connector.statistics()["connections_idle"] == 0
                assert response.closed
            assert client.connector.statistics()["connections"] == 3


async def test_the_request_s_timeouts_end(lib: Any) -> None:
    timeout = lib.ClientTimeout(total=0.5, sock_read=0.5)
    async with serve_raw(switching()) as served, lib.ClientSession(timeout=timeout) as client:
        async with client.get(served.url, headers=OFFER) as response:
            taker = Taker().take(response.connection.transport)
            await asyncio.sleep(0.6)  # what each of them would not allow
            assert taker.lost == []
            taker.transport.write(b"still")
            assert await taker.told(5) == b"STILL"


async def test_the_peer_s_end(lib: Any) -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(SWITCH)
        await wire.read_exactly(1)

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.get(served.url, headers=OFFER) as response:
            taker = Taker().take(response.connection.transport)
            taker.transport.write(b"a")
            assert await taker.ended is None
            assert taker.calls == ["eof"]
            taker.transport.write(b"nobody reads this")
            await asyncio.sleep(0)
        assert taker.lost == [None]


async def test_both_ends(lib: Any) -> None:
    from tests.behaviour.library import application, serve, web

    async def handler(asked: Any) -> Any:
        response = web.StreamResponse(status=101, headers=OFFER)
        await response.prepare(asked)
        await Echo().take(asked.transport).ended
        return response

    async with serve(application(handler)) as served, lib.ClientSession() as client:
        async with client.get(served.url, headers=OFFER) as response:
            assert response.status == 101
            taker = Taker().take(response.connection.transport)
            for size in (1, 3 * MEGABYTE):
                taker.received.clear()
                taker.transport.write(b"x" * size)
                assert await taker.told(size) == b"X" * size


async def test_end_is_noticed_behind_much_that_came_after_the_close(lib: Any) -> None:
    """While TLS's goodbye is waited for, the peer may say more than one drive reads."""
    closed = asyncio.Event()
    flooded = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(SWITCH)
            await closed.wait()
            for _ in range(32):
                writer.write(bytes(MEGABYTE))
                await writer.drain()
        except ConnectionError:  # it did not wait
            pass
        finally:
            flooded.set()
            writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=certs.server_context())
    connector = lib.TCPConnector(ssl=certs.client_context(), ssl_shutdown_timeout=10)
    async with server, lib.ClientSession(connector=connector) as client:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with client.get(url, headers=OFFER) as response:
            taker = Taker().take(response.connection.transport)
            taker.transport.close()
            closed.set()
            async with asyncio.timeout(5):
                await flooded.wait()
                await taker.ended
