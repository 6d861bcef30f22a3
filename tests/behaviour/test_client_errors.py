"""Servers that refuse, vanish, lie or stall, and URLs that are none: aiohttp's classes, host and cause."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from tests.support.servers import answering, closed_port, serve_raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.wire import Wire


@pytest.fixture
def lib() -> Any:
    """The library under test."""
    return quinde


def reset(wire: Wire) -> None:
    """Close with a reset instead of a FIN."""
    sock = wire.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.writer.transport.abort()


async def test_refused(lib: Any) -> None:
    port = closed_port()
    async with lib.ClientSession() as client:
        with pytest.raises(lib.ClientConnectorError) as caught:
            await client.get(f"http://127.0.0.1:{port}/")
    error = caught.value
    assert (error.host, error.port, error.errno) == ("127.0.0.1", port, errno.ECONNREFUSED)
    assert isinstance(error.os_error, ConnectionRefusedError)
    assert isinstance(error.__cause__, ConnectionRefusedError)
    assert str(error).startswith(f"Cannot connect to host 127.0.0.1:{port} ssl:default [Connect call failed")


async def test_unknown_host(lib: Any) -> None:
    async with lib.ClientSession() as client:
        with pytest.raises(
            lib.ClientConnectorDNSError, match=r"Cannot connect to host no-such\.invalid:80 ssl:default \["
        ):
            await client.get("http://no-such.invalid/")


async def test_closed_before_an_answer(lib: Any) -> None:
    seen = 0

    async def talk(wire: Wire) -> None:
        nonlocal seen
        seen += 1
        await wire.read_until(b"\r\n\r\n")

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        with pytest.raises(lib.ServerDisconnectedError, match="Server disconnected"):
            await client.post(served.url)
        assert seen == 1


@pytest.mark.parametrize("end", ["fin", "reset"])
@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", b"?\r\n\r\n"]
)
async def test_every_failure_names_the_host(end: str, answer: bytes) -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(answer)
        if end == "reset":
            reset(wire)

    async with serve_raw(talk) as served, quinde.ClientSession() as client:
        with pytest.raises(quinde.ClientError, match=rf"127\.0\.0\.1:{served.port}") as caught:
            await (await client.post(served.url)).read()
    assert "os error" not in str(caught.value)


async def test_idempotent_request_is_tried_twice(lib: Any) -> None:
    seen = 0

    async def talk(wire: Wire) -> None:
        nonlocal seen
        seen += 1
        await wire.read_until(b"\r\n\r\n")

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        for calls, method in enumerate(("GET", "HEAD", "OPTIONS", "PUT", "DELETE"), 1):
            with pytest.raises(lib.ServerDisconnectedError):
                await client.request(method, served.url)
            assert seen == 2 * calls


async def test_kept_connection_that_the_server_closed_is_no_error(lib: Any) -> None:
    connections = 0

    async def talk(wire: Wire) -> None:
        nonlocal connections
        connections += 1
        head = await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        if b"/first" in head:
            await wire.read_until(b"\r\n\r\n")  # closes on the second request, without an answer

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.get(served.url + "/first") as response:
            assert await response.text() == "ok"
        async with client.get(served.url + "/second") as response:
            assert await response.text() == "ok"
        assert connections == 2


async def test_reset_before_an_answer(lib: Any) -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        reset(wire)

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        with pytest.raises(lib.ClientOSError) as caught:
            await client.post(served.url)
        assert caught.value.errno == errno.ECONNRESET
        assert str(caught.value).startswith(f"[Errno {errno.ECONNRESET}] Connection reset by peer")
        assert isinstance(caught.value.__cause__, ConnectionResetError)


TRUNCATED = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nshort",
]


@pytest.mark.parametrize("answer", TRUNCATED)
@pytest.mark.parametrize("way", ["read", "text", "content", "readany"])
async def test_truncated_body(lib: Any, answer: bytes, way: str) -> None:
    async with serve_raw(answering(answer)) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert response.status == 200
            with pytest.raises(lib.ClientPayloadError, match="Response payload is not completed"):
                if way == "content":
                    await response.content.read()
                elif way == "readany":
                    while await response.content.readany():
                        pass
                else:
                    await getattr(response, way)()


@pytest.mark.parametrize(
    ("answer", "cause"),
    list(zip(TRUNCATED, ["ContentLengthError", *["TransferEncodingError"] * 2], strict=True)),
)
async def test_truncated_body_names_its_cause(lib: Any, answer: bytes, cause: str) -> None:
    async with serve_raw(answering(answer)) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            with pytest.raises(lib.ClientPayloadError, match=f"<{cause}: 400, message=") as caught:
                await response.read()
    assert type(caught.value.__cause__).__name__ == cause


async def test_reset_amid_the_body(lib: Any) -> None:
    begun = asyncio.Event()

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
        await begun.wait()
        reset(wire)

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        response = await client.get(served.url)
        begun.set()
        with pytest.raises(lib.ClientError):
            await response.read()
        assert response.closed


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * 9000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 130 + b"\r\n",
    ],
)
async def test_malformed_head(lib: Any, answer: bytes) -> None:
    async with serve_raw(answering(answer)) as served, lib.ClientSession() as client:
        with pytest.raises(lib.ClientResponseError) as caught:
            await client.get(served.url + "/p")
    assert caught.value.status == 400
    assert caught.value.request_info.method == "GET"
    assert str(caught.value.request_info.real_url) == served.url + "/p"
    assert str(caught.value).startswith("400, message=")


@pytest.mark.parametrize("answer", [b"\x15\x03\x03\x00\x02\x02\x16", b"SSH-2.0-server", b"\0"])
async def test_other_protocols_are_not_waited_for(lib: Any, answer: bytes) -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(answer)
        await wire.read_to_end()

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        with pytest.raises(lib.ClientResponseError) as caught:
            await client.get(served.url)
    assert caught.value.status == 400
    if lib is quinde and answer[0] == 0x15:
        assert "https" in caught.value.message


async def test_cut_off_head(lib: Any) -> None:
    async with (
        serve_raw(answering(b"HTTP/1.1 200 OK\r\nContent-Le")) as served,
        lib.ClientSession() as client,
    ):
        with pytest.raises(lib.ServerDisconnectedError):
            await client.get(served.url)


async def test_malformed_chunk(lib: Any) -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nshort\r\n"
    async with serve_raw(answering(answer)) as served, lib.ClientSession() as client:
        with pytest.raises((lib.ClientPayloadError, lib.ClientResponseError)):
            async with client.get(served.url) as response:
                await response.read()


@pytest.mark.parametrize(
    "url", ["http://", "http:///path", "relative/path", "http://[::1", "http://host:port/", "//"]
)
async def test_urls_that_are_none(lib: Any, url: str) -> None:
    async with lib.ClientSession() as client:
        with pytest.raises(lib.InvalidUrlClientError) as caught:
            await client.get(url)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, lib.InvalidURL)
    assert str(caught.value.url) == url or str(caught.value.url).startswith(url.rstrip("/"))


@pytest.mark.parametrize("url", ["ftp://host/", "file:///etc/passwd", "unix:///sock"])
async def test_schemes_of_others(lib: Any, url: str) -> None:
    async with lib.ClientSession() as client:
        with pytest.raises(lib.NonHttpUrlClientError):
            await client.get(url)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0177.0.0.1"])
async def test_ipv4_in_disguise_is_refused(lib: Any, host: str) -> None:
    async with lib.ClientSession() as client:
        with pytest.raises(lib.InvalidURL):
            await client.get(f"http://{host}:1/")


# --- time


async def silent(wire: Wire) -> None:
    """Take a request and say nothing."""
    await wire.read_until(b"\r\n\r\n")
    await wire.reader.read()


async def stalling(wire: Wire) -> None:
    """Begin an answer and say no more."""
    await wire.read_until(b"\r\n\r\n")
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
    await wire.reader.read()


async def test_total_before_the_head(lib: Any) -> None:
    async with serve_raw(silent) as served, lib.ClientSession() as client:
        with pytest.raises(TimeoutError) as caught:
            await client.get(served.url, timeout=lib.ClientTimeout(total=0.05))
    assert not isinstance(caught.value, lib.ServerTimeoutError)
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_total_as_a_number(lib: Any) -> None:
    async with serve_raw(silent) as served, lib.ClientSession() as client:
        with pytest.raises(TimeoutError):
            await client.get(served.url, timeout=0.05)


async def test_total_of_the_session(lib: Any) -> None:
    async with serve_raw(silent) as served:
        async with lib.ClientSession(timeout=lib.ClientTimeout(total=0.05)) as client:
            for _ in range(2):
                with pytest.raises(TimeoutError):
                    await client.get(served.url)


async def test_total_covers_the_body(lib: Any) -> None:
    async with serve_raw(stalling) as served:
        async with lib.ClientSession(timeout=lib.ClientTimeout(total=0.1)) as client:
            async with client.get(served.url) as response:
                with pytest.raises(TimeoutError):
                    await response.read()
            async with client.get(served.url) as response:
                with pytest.raises(TimeoutError):
                    async for _ in response.content.iter_any():
                        pass


async def test_silence_between_receives(lib: Any) -> None:
    timeout = lib.ClientTimeout(sock_read=0.05)
    async with serve_raw(silent) as served, lib.ClientSession(timeout=timeout) as client:
        with pytest.raises(lib.SocketTimeoutError, match="Timeout on reading data from socket"):
            await client.get(served.url)
    async with serve_raw(stalling) as served, lib.ClientSession(timeout=timeout) as client:
        async with client.get(served.url) as response:
            with pytest.raises(lib.SocketTimeoutError):
                await response.read()


@pytest.mark.plain("the message has the URL")
async def test_waiting_for_a_place_counts_as_connecting(lib: Any) -> None:
    async with serve_raw(stalling) as served:
        async with lib.ClientSession(connector=lib.TCPConnector(limit=1)) as client:
            async with client.get(served.url):
                with pytest.raises(lib.ConnectionTimeoutError, match="Connection timeout to host http://127"):
                    await client.get(served.url, timeout=lib.ClientTimeout(connect=0.05))


async def test_total_covers_waiting_for_a_place(lib: Any) -> None:
    async with serve_raw(stalling) as served:
        async with lib.ClientSession(connector=lib.TCPConnector(limit=1)) as client:
            async with client.get(served.url):
                with pytest.raises(TimeoutError) as caught:
                    await client.get(served.url, timeout=lib.ClientTimeout(total=0.05))
                assert not isinstance(caught.value, lib.ConnectionTimeoutError)


async def test_connecting_takes_too_long(lib: Any) -> None:
    class Slow(lib.TCPConnector):  # type: ignore[misc, name-defined]
        async def _create_connection(self, *args: Any) -> Any:
            await asyncio.get_running_loop().create_future()

    for timeout, expected in (
        (lib.ClientTimeout(connect=0.05), lib.ConnectionTimeoutError),
        (lib.ClientTimeout(total=0.05), TimeoutError),
    ):
        async with lib.ClientSession(connector=Slow(limit=1)) as client:
            for _ in range(2):
                with pytest.raises(expected):
                    await client.get("http://127.0.0.1:1/", timeout=timeout)
        assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"total": 0.05}, "the whole request took longer than its total timeout"),
        ({"sock_read": 0.05}, "Timeout on reading data from socket"),
        ({"connect": 0.05}, r"\(no connection was free: limit=1, limit_per_host=0\)"),
        ({"total": 0.051}, r"total timeout \(no connection was free: limit=1, limit_per_host=0\)"),
    ],
)
async def test_timeouts_say_which_one_it_was(limits: dict[str, float], words: str) -> None:
    timeout = quinde.ClientTimeout(**limits)
    async with serve_raw(stalling if "free" in words else silent) as served:
        async with quinde.ClientSession(connector=quinde.TCPConnector(limit=1)) as client:
            kept = await client.get(served.url) if "free" in words else None
            with pytest.raises(TimeoutError, match=words):
                await client.get(served.url, timeout=timeout)
            del kept


async def test_a_middleware_that_was_told_of_the_end_may_clear_up(lib: Any) -> None:
    clear, told = asyncio.Event(), asyncio.Event()

    async def clears_up(asked: Any, handler: Any) -> Any:
        try:
            return await handler(asked)
        except TimeoutError:
            told.set()
            await clear.wait()
            raise LookupError("cleared up") from None

    async with serve_raw(silent) as served, lib.ClientSession(timeout=lib.ClientTimeout(total=0.1)) as client:
        task = asyncio.create_task(client.get(served.url, middlewares=[clears_up]))
        await told.wait()
        await asyncio.sleep(0.05)  # in which nobody ends it
        clear.set()
        with pytest.raises(LookupError, match="cleared up"):
            await task
        if lib is quinde:
            assert client.connector.statistics()["timeouts_total"] == 1


async def test_nothing_is_sent_when_its_time_is_over() -> None:
    """aiohttp sends what its server may act upon, and gives it up at once."""
    asked = 0

    async def talk(wire: Wire) -> None:
        nonlocal asked
        await wire.read_until(b"\r\n\r\n")
        asked += 1
        await wire.read_to_end()

    async def tries_again(request: Any, handler: Any) -> Any:
        for _ in range(3):
            try:
                return await handler(request)
            except TimeoutError:
                pass
        return await handler(request)

    timeout = quinde.ClientTimeout(total=0.2)
    async with serve_raw(talk) as served, quinde.ClientSession(timeout=timeout) as client:
        with pytest.raises(TimeoutError):
            await client.get(served.url, middlewares=[tries_again])
    assert asked == 1


async def test_a_limit_of_heads_is_named() -> None:
    for answer, option in (
        (b"HTTP/1.1 200 OK\r\nA: " + b"a" * 9000 + b"\r\n\r\n", "max_field_size"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 130 + b"\r\n", "max_headers"),
        (b"HTTP/1.1 200 " + b"a" * 9000 + b"\r\n\r\n", "max_line_size"),
    ):
        async with serve_raw(answering(answer)) as served, quinde.ClientSession() as client:
            with pytest.raises(quinde.ClientResponseError) as caught:
                await client.get(served.url)
        assert f"({option})" in caught.value.message
        assert "Unknown" not in caught.value.message


async def test_fields_of_another_type_are_named() -> None:
    async with serve_raw(silent) as served, quinde.ClientSession() as client:
        with pytest.raises(TypeError, match="the value of header 'X' is of type <class 'int'>, not str"):
            await client.get(served.url, headers={"X": 1})


async def test_body_that_fails_while_it_is_sent(lib: Any) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"begin"
        raise LookupError("no more")

    async with serve_raw(silent) as served, lib.ClientSession() as client:
        with pytest.raises(
            lib.ClientConnectionError, match=r"Failed to send bytes .*LookupError\('no more'\)"
        ) as caught:
            await client.post(served.url, data=pieces())
    assert isinstance(caught.value.__cause__, LookupError)


async def test_closed_session(lib: Any) -> None:
    client = lib.ClientSession()
    await client.close()
    with pytest.raises(RuntimeError, match="Session is closed"):
        await client.get("http://127.0.0.1/")
