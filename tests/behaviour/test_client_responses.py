"""What the client makes of responses: the head, reading the body whole, and the three steps of its life."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from tests.support.servers import answering, serve_raw

if TYPE_CHECKING:
    from tests.support.wire import Wire


@pytest.fixture
def lib() -> Any:
    """The library under test."""
    return quinde


def plain(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    """One answer with its length."""
    head = "".join(
        f"{field}\r\n" for field in (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields)
    )
    return head.encode() + b"\r\n" + body


async def test_head(lib: Any) -> None:
    answer = b"HTTP/1.1 201 Made It\r\nServer: raw\r\nX-A: 1\r\nx-a:  2 \r\nContent-Length: 0\r\n\r\n"
    async with serve_raw(answering(answer)) as served, lib.ClientSession() as client:
        async with client.get(served.url + "/p?q#f") as response:
            assert response.status == 201
            assert response.reason == "Made It"
            assert response.version == (1, 1)
            assert response.ok
            assert response.method == "GET"
            assert str(response.url) == served.url + "/p?q" or str(response.url) == served.url + "/p?q="
            assert str(response.real_url).endswith("#f")
            assert response.host == "127.0.0.1"
            assert response.headers.getall("X-A") == ["1", "2"]
            assert response.headers["server"] == "raw"
            assert response.raw_headers == (
                (b"Server", b"raw"),
                (b"X-A", b"1"),
                (b"x-a", b"2"),
                (b"Content-Length", b"0"),
            )
            assert response.request_info.method == "GET"
            assert response.request_info.headers["Accept"] == "*/*"
            assert response.history == ()
            assert await response.read() == b""


async def test_http_10_is_read_to_its_end(lib: Any) -> None:
    async with (
        serve_raw(answering(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")) as served,
        lib.ClientSession() as client,
    ):
        async with client.get(served.url) as response:
            assert response.version == (1, 0)
            assert await response.text() == "until the end"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_status_without_body(lib: Any, status: str) -> None:
    async with (
        serve_raw(answering(f"HTTP/1.1 {status}\r\n\r\n".encode())) as served,
        lib.ClientSession() as client,
    ):
        async with client.get(served.url) as response:
            assert await response.read() == b""
            assert response.content.at_eof()


async def test_head_request_has_no_body_whatever_it_announces(lib: Any) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    async with serve_raw(answering(answer)) as served, lib.ClientSession() as client:
        async with client.head(served.url) as response:
            assert response.headers["Content-Length"] == "1000"
            assert await response.read() == b""


async def test_header_bytes_that_are_no_utf8_survive(lib: Any) -> None:
    answer = plain(b"", "X-Utf: é").replace(b"\r\n\r\n", b"\r\nX-Raw: \xe9\xff\r\n\r\n")
    async with serve_raw(answering(answer)) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert response.headers["X-Utf"] == "é"
            assert response.headers["X-Raw"].encode("utf-8", "surrogateescape") == b"\xe9\xff"


async def test_read_keeps_the_body(lib: Any) -> None:
    async with serve_raw(answering(plain(b'{"a": 1}', "Content-Type: application/json"))) as served:
        async with lib.ClientSession() as client, client.get(served.url) as response:
            assert await response.read() is await response.read()
            assert await response.text() == '{"a": 1}'
            assert await response.json() == {"a": 1}
            assert await response.json(loads=lambda text: text.upper()) == '{"A": 1}'


async def test_body_that_was_read_can_be_decoded_after_the_block(lib: Any) -> None:
    async with serve_raw(answering(plain(b"[1]", "Content-Type: application/json"))) as served:
        async with lib.ClientSession() as client:
            async with client.get(served.url) as response:
                await response.read()
            assert await response.text() == "[1]"
            assert await response.json() == [1]
            with pytest.raises(lib.ClientConnectionError, match="Connection closed"):
                await response.read()


async def test_body_that_was_not_read_is_gone_after_the_block(lib: Any) -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive.")
        assert await wire.read_to_end() == b""  # the client closes: nobody will read the rest

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert not response.closed
            assert response.connection is not None
        assert response.closed
        assert response.connection is None
        with pytest.raises(lib.ClientConnectionError, match="Connection closed"):
            await response.read()
        with pytest.raises(lib.ClientConnectionError, match="Connection closed"):
            await response.content.read()


async def test_awaited_response_is_open_until_it_is_read(lib: Any) -> None:
    async with serve_raw(answering(plain(b"text"))) as served, lib.ClientSession() as client:
        response = await client.get(served.url)
        assert response.status == 200
        assert await response.text() == "text"
        assert response.closed
        assert response.connection is None


async def test_head_comes_before_the_body(lib: Any) -> None:
    go_on = asyncio.Event()

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        await go_on.wait()
        await wire.send(b"body")

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert response.status == 200
            reading = asyncio.create_task(response.read())
            await asyncio.sleep(0)
            assert not reading.done()
            go_on.set()
            assert await reading == b"body"


async def test_release_may_be_awaited_or_not(lib: Any) -> None:
    for wait in (True, False):
        async with serve_raw(answering(plain(b"text"))) as served, lib.ClientSession() as client:
            response = await client.get(served.url)
            released = response.release()
            if wait:
                await released
            response.close()
            assert response.closed


@pytest.mark.parametrize(
    ("content_type", "body", "text", "encoding"),
    [
        ("text/plain; charset=latin-1", b"\xe9", "é", "iso8859-1"),
        ("text/plain; charset=utf-8", "é".encode(), "é", "utf-8"),
        ('text/html; charset="koi8-r"', "я".encode("koi8-r"), "я", "koi8-r"),
        ("text/plain; charset=no-such", "é".encode(), "é", "utf-8"),
        ("text/plain", "é".encode(), "é", "utf-8"),
        ("application/json", "é".encode(), "é", "utf-8"),
    ],
)
async def test_text_is_decoded_by_its_charset(
    lib: Any, content_type: str, body: bytes, text: str, encoding: str
) -> None:
    async with serve_raw(answering(plain(body, f"Content-Type: {content_type}"))) as served:
        async with lib.ClientSession() as client, client.get(served.url) as response:
            assert await response.text() == text
            assert response.get_encoding() == encoding
            assert await response.text(encoding="latin-1") == body.decode("latin-1")


async def test_text_with_errors(lib: Any) -> None:
    async with serve_raw(answering(plain(b"a\xff", "Content-Type: text/plain; charset=utf-8"))) as served:
        async with lib.ClientSession() as client, client.get(served.url) as response:
            with pytest.raises(UnicodeDecodeError):
                await response.text()
            assert await response.text(errors="replace") == "a\ufffd"


async def test_charset_is_guessed_as_the_session_says(lib: Any) -> None:
    async with serve_raw(answering(plain(b"\xe9", "Content-Type: text/plain"))) as served:
        async with lib.ClientSession(fallback_charset_resolver=lambda response, body: "latin-1") as client:
            async with client.get(served.url) as response:
                with pytest.raises(RuntimeError, match="not yet read body"):
                    response.get_encoding()
                assert await response.text() == "é"


async def test_content_type_and_charset(lib: Any) -> None:
    async with serve_raw(answering(plain(b"", "Content-Type: Text/HTML; Charset=UTF-8; a=b"))) as served:
        async with lib.ClientSession() as client, client.get(served.url) as response:
            assert response.content_type == "text/html"
            assert response.charset == "UTF-8"
            assert response.content_length == 0
    async with serve_raw(answering(plain(b""))) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert response.content_type == "application/octet-stream"
            assert response.charset is None


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "application/problem+json"]
)
async def test_json_takes_json(lib: Any, content_type: str) -> None:
    async with serve_raw(answering(plain(b" [1] ", f"Content-Type: {content_type}"))) as served:
        async with lib.ClientSession() as client, client.get(served.url) as response:
            assert await response.json() == [1]


@pytest.mark.parametrize("fields", [["Content-Type: text/plain"], []])
async def test_json_refuses_another_type(lib: Any, fields: list[str]) -> None:
    async with serve_raw(answering(plain(b"[1]", *fields))) as served:
        async with lib.ClientSession() as client, client.get(served.url) as response:
            with pytest.raises(lib.ContentTypeError) as caught:
                await response.json()
            assert caught.value.status == 200
            assert "unexpected mimetype" in caught.value.message
            assert str(caught.value.request_info.real_url) == str(response.url)
            assert await response.json(content_type=None) == [1]


async def test_json_of_nothing_is_none(lib: Any) -> None:
    async with serve_raw(answering(plain(b"  ", "Content-Type: application/json"))) as served:
        async with lib.ClientSession() as client, client.get(served.url) as response:
            assert await response.json() is None


async def test_json_of_nonsense_raises(lib: Any) -> None:
    async with serve_raw(answering(plain(b"{", "Content-Type: application/json"))) as served:
        async with lib.ClientSession() as client, client.get(served.url) as response:
            with pytest.raises(json.JSONDecodeError):
                await response.json()


@pytest.mark.plain("the message has the URL")
async def test_raise_for_status(lib: Any) -> None:
    async with (
        serve_raw(answering(plain(b"no", status="404 Not Here"))) as served,
        lib.ClientSession() as client,
    ):
        async with client.get(served.url) as response:
            assert not response.ok
            with pytest.raises(lib.ClientResponseError) as caught:
                response.raise_for_status()
            assert await response.text() == "no"  # within the block the body can still be read
    error = caught.value
    assert (error.status, error.message) == (404, "Not Here")
    assert error.headers["Content-Length"] == "2"
    assert error.history == ()
    assert str(error).startswith("404, message='Not Here', url='http://127.0.0.1:")


async def test_raise_for_status_outside_a_block_releases(lib: Any) -> None:
    async with (
        serve_raw(answering(plain(b"no", status="500 Broken"))) as served,
        lib.ClientSession() as client,
    ):
        response = await client.get(served.url)
        with pytest.raises(lib.ClientResponseError):
            response.raise_for_status()
        assert response.closed


@pytest.mark.parametrize(
    ("session", "call", "raises"), [(True, None, True), (True, False, False), (False, True, True)]
)
async def test_raise_for_status_as_an_option(
    lib: Any, session: bool, call: bool | None, raises: bool
) -> None:
    async with serve_raw(answering(plain(b"", status="418 Teapot"))) as served:
        async with lib.ClientSession(raise_for_status=session) as client:
            if raises:
                with pytest.raises(lib.ClientResponseError):
                    await client.get(served.url, raise_for_status=call)
            else:
                assert (await client.get(served.url, raise_for_status=call)).status == 418


async def test_raise_for_status_as_a_coroutine_function(lib: Any) -> None:
    async def never(response: Any) -> None:
        raise LookupError(response.status)

    async with serve_raw(answering(plain(b""))) as served:
        async with lib.ClientSession(raise_for_status=never) as client:
            with pytest.raises(LookupError):
                await client.get(served.url)


async def test_links(lib: Any) -> None:
    field = 'Link: </next?a,b>; rel="next"; title=x, <http://other/>; rel=prev, <plain>'
    async with serve_raw(answering(plain(b"", field))) as served, lib.ClientSession() as client:
        async with client.get(served.url + "/base/") as response:
            links = response.links
            assert set(links) == {"next", "prev", "plain"}
            assert str(links["next"]["url"]) in {served.url + "/next?a,b", served.url + "/next?a,b="}
            assert links["next"]["title"] == "x"
            assert str(links["prev"]["url"]) == "http://other/"
            assert str(links["plain"]["url"]) == served.url + "/base/plain"


async def test_response_is_shown_with_its_fields(lib: Any) -> None:
    async with (
        serve_raw(answering(plain(b"", "A: b", status="200 Très"))) as served,
        lib.ClientSession() as client,
    ):
        async with client.get(served.url + "/") as response:
            shown = repr(response)
            assert shown.startswith(f"<ClientResponse({served.url}/) [200 Tr")
            assert "'A': 'b'" in shown


async def test_unread_response_that_is_dropped_closes_its_connection() -> None:
    asyncio.get_running_loop().set_debug(False)  # which warns of it: tests/client/test_response.py
    closed = asyncio.Event()

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive.")
        await wire.read_to_end()
        closed.set()

    async with serve_raw(talk) as served, quinde.ClientSession() as client:
        response = await client.get(served.url)
        assert response.status == 200
        del response
        await closed.wait()
        assert client.connector is not None
        assert client.connector.statistics()["slots_in_use"] == 0


@pytest.mark.parametrize(
    ("fields", "limits"),
    [
        (["A: " + "b" * 99_000], {"max_field_size": 100_000}),
        ([f"A{number}: {'b' * 90}" for number in range(999)], {"max_headers": 1_000}),
    ],
)
async def test_a_larger_head_is_taken_where_its_parts_may_be_larger(
    lib: Any, fields: list[str], limits: dict[str, int]
) -> None:
    async with serve_raw(answering(plain(b"", *fields))) as served:
        async with lib.ClientSession(**limits) as client, client.get(served.url) as response:
            assert len(response.raw_headers) == len(fields) + 1
        async with lib.ClientSession() as client:
            with pytest.raises(lib.ClientResponseError):
                await client.get(served.url)


async def begin_a_body(wire: Wire) -> None:
    """Send half of what is announced, and wait for the client to close."""
    await wire.read_until(b"\r\n\r\n")
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive.")
    await wire.read_to_end()


async def close(owner: str, client: Any, response: Any) -> None:
    """Close the connection of a response by one of those who hold it."""
    if owner == "response.connection":
        response.connection.close()
    else:
        await {"session": client, "connector": client.connector}[owner].close()


OWNERS = ["session", "connector", "response.connection"]


@pytest.mark.parametrize("owner", OWNERS)
async def test_a_body_is_not_read_after_its_connection_was_closed(lib: Any, owner: str) -> None:
    async with serve_raw(begin_a_body) as served, lib.ClientSession() as client:
        response = await client.get(served.url)
        assert await response.content.readexactly(5) == b"five."
        await close(owner, client, response)
        with pytest.raises(RuntimeError, match=r"^Connection closed\.$"):
            await response.content.read()
        response.close()


@pytest.mark.parametrize("owner", OWNERS)
async def test_who_waits_for_a_body_learns_that_its_connection_is_closed(owner: str) -> None:
    """With aiohttp he waits for ever."""
    async with serve_raw(begin_a_body) as served, quinde.ClientSession() as client:
        response = await client.get(served.url)
        reading = asyncio.create_task(response.read())
        await asyncio.sleep(0)
        await close(owner, client, response)
        with pytest.raises(quinde.ClientConnectionError, match="Connection closed"):
            await reading


@pytest.mark.parametrize("deed", ["close", "abort"])
async def test_a_transport_that_is_closed_by_hand_cuts_the_body_off(lib: Any, deed: str) -> None:
    async with serve_raw(begin_a_body) as served, lib.ClientSession() as client:
        response = await client.get(served.url)
        assert await response.content.readexactly(5) == b"five."
        reading = asyncio.create_task(response.read())
        await asyncio.sleep(0)
        getattr(response.connection.transport, deed)()
        with pytest.raises(lib.ClientPayloadError, match="Response payload is not completed"):
            await reading
