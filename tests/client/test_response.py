"""The response alone, over a body that the test feeds; and made by hand, as mocking libraries make it."""

from __future__ import annotations

import asyncio
import gzip
import warnings
from typing import Any, cast
from unittest import mock

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from quinde._core import Body
from quinde.client.request import ClientRequest, RequestInfo
from quinde.client.response import ClientResponse, ResponseSettings, utf8
from quinde.errors import ClientConnectionError, ClientPayloadError, ClientResponseError
from quinde.http.streams import EMPTY_PAYLOAD, StreamReader
from tests.client.fakes import Handler, Head

URL_ = URL("http://host/p")


def response_over(body: Body | None, *, debug: bool = False, **fields: str) -> tuple[ClientResponse, Handler]:
    """A response whose body is this, and its connection."""
    loop = asyncio.get_running_loop()
    handler = Handler()
    response = ClientResponse.__new__(ClientResponse)
    settings = ResponseSettings(loop, None, debug=debug, max_decompressed_size=1000)
    request = ClientRequest("GET", URL_)
    response._attach(
        cast(Any, Head(body=body, **fields)), cast(Any, handler), handler.serial, request, settings
    )
    return response, handler


def fed(*pieces: bytes, eof: bool = True) -> Body:
    """A body that has these pieces."""
    body = Body(asyncio.get_running_loop())
    for piece in pieces:
        body.feed_data(piece)
    if eof:
        body.feed_eof()
    return body


async def test_body_that_is_there_is_read_without_waiting() -> None:
    response, _ = response_over(fed(b"one", b"two"))
    coroutine = response.read()
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    assert ended.value.value == b"onetwo"


async def test_body_that_is_to_come() -> None:
    body = fed(b"one", eof=False)
    response, _ = response_over(body)
    reading = asyncio.create_task(response.read())
    await asyncio.sleep(0)
    body.feed_data(b"two")
    body.feed_eof()
    assert await reading == b"onetwo"


async def test_small_body_never_becomes_a_stream() -> None:
    response, _ = response_over(fed(b"x"))
    await response.read()
    assert response._stream is None


async def test_no_body() -> None:
    response, _ = response_over(None)
    assert await response.read() == b""
    assert response.content is EMPTY_PAYLOAD


async def test_failing_body_closes_the_connection() -> None:
    body = fed(eof=False)
    response, handler = response_over(body)
    body.set_exception(ClientPayloadError("cut"))
    with pytest.raises(ClientPayloadError):
        await response.read()
    assert handler.aborted == 1
    assert response.closed


async def test_cancelled_read_closes_the_connection() -> None:
    response, handler = response_over(fed(eof=False))
    reading = asyncio.create_task(response.read())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert handler.aborted == 1


async def test_release_closes_what_is_not_over_and_leaves_the_rest_alone() -> None:
    response, handler = response_over(fed(eof=False))
    response.release()
    response.close()
    assert handler.aborted == 1
    response, handler = response_over(fed(b"x"))
    handler.serial += 1  # the core has found the exchange to be over
    assert response.closed
    assert response.connection is None
    response.release()
    assert handler.aborted == 0


async def test_reading_after_release() -> None:
    response, _ = response_over(fed(b"x"))
    response.release()
    with pytest.raises(ClientConnectionError, match="Connection closed"):
        await response.read()
    with pytest.raises(ClientConnectionError, match="Connection closed"):
        await response.content.read()


async def test_stream_that_was_open_is_closed_by_release() -> None:
    response, _ = response_over(fed(b"x"))
    stream = response.content
    response.release()
    with pytest.raises(ClientConnectionError):
        await stream.read()


async def test_connection_is_shown_while_it_lasts() -> None:
    response, handler = response_over(fed(eof=False))
    connection = response.connection
    assert connection is not None
    assert connection is response.connection
    assert connection.protocol is cast(Any, handler)
    connection.close()
    assert response.closed


async def test_decoding_stops_at_the_cap_and_at_nonsense() -> None:
    response, _ = response_over(fed(gzip.compress(bytes(1000))), Content_Encoding="gzip")
    assert len(await response.read()) == 1000
    for data, words in ((gzip.compress(bytes(1001)), "max_decompressed_size"), (b"nonsense", "gzip")):
        response, handler = response_over(fed(data), Content_Encoding="gzip")
        with pytest.raises(ClientPayloadError, match=words):
            await response.read()
        assert handler.aborted == 1


async def test_raise_for_status() -> None:
    response, handler = response_over(fed(eof=False), A="b")
    response.raise_for_status()
    response.status = 500
    with pytest.raises(ClientResponseError) as caught:
        response.raise_for_status()
    assert (caught.value.status, caught.value.message, handler.aborted) == (500, "OK", 1)
    assert caught.value.headers == {"A": "b"}


async def test_forgotten_response_closes_its_connection() -> None:
    response, handler = response_over(fed(eof=False))
    del response
    assert handler.aborted == 1


async def test_forgotten_response_is_told_of_in_debug_mode() -> None:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["message"]))
    response, handler = response_over(fed(eof=False), debug=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del response
    assert [str(entry.message).split(" <")[0] for entry in caught] == ["Unclosed response"]
    assert told == ["Unclosed response"]
    assert handler.aborted == 1


async def test_writer_ends_with_the_response() -> None:
    response, _ = response_over(fed(b"x"))
    writer = asyncio.create_task(asyncio.sleep(100))
    response._writer = cast(Any, writer)
    async with response:
        pass
    assert writer.cancelled()


async def test_read_waits_until_the_request_is_sent() -> None:
    response, _ = response_over(fed(b"x"))
    sent = asyncio.Event()
    response._writer = cast(Any, asyncio.create_task(sent.wait()))
    response._is_watched = True
    reading = asyncio.create_task(response.read())
    await asyncio.sleep(0)
    assert not reading.done()
    sent.set()
    assert await reading == b"x"


async def test_made_by_hand_as_mocking_libraries_do() -> None:
    """The constructor takes every keyword of aiohttp's, of any 3.x, and what is assigned counts."""
    loop = mock.Mock()
    loop.get_debug.return_value = True
    info = RequestInfo(URL_, "GET", CIMultiDictProxy(CIMultiDict()), URL_)
    response = ClientResponse(
        "get",
        URL("http://host/p#f"),
        writer=mock.Mock(done=lambda: True),
        continue100=None,
        timer=mock.Mock(),
        request_info=info,
        traces=[],
        loop=loop,
        session=mock.Mock(_resolve_charset=lambda response, body: "latin-1"),
        stream_writer=mock.Mock(),
        something_new=1,
    )
    response._writer = None
    response.status = 201
    cast(Any, response).reason = "Created"
    cast(Any, response)._headers = CIMultiDictProxy(CIMultiDict({"Content-Type": "text/plain"}))
    cast(Any, response)._raw_headers = ((b"Content-Type", b"text/plain"),)
    response.content = StreamReader(mock.Mock(), limit=2**16, loop=asyncio.get_running_loop())
    response.content.feed_data(b"caf\xe9")
    response.content.feed_eof()
    assert await response.text() == "café"
    assert (response.method, response.status, response.reason) == ("get", 201, "Created")
    assert (str(response.url), str(response.real_url)) == ("http://host/p", "http://host/p#f")
    assert response.request_info is info
    assert response.closed
    assert response.connection is None
    assert "[201 Created]" in repr(response)
    async with response as entered:
        assert entered is response


async def test_made_by_hand_with_nothing() -> None:
    response = ClientResponse("GET", URL_)
    assert response.content is None
    assert response.history == ()
    assert utf8(response, b"") == "utf-8"
    response.anything = "is allowed"  # type: ignore[attr-defined]
    assert await response.start(cast(Any, None)) is response
