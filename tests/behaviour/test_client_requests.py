"""What the client puts on the wire. The library is `lib`: tests/parity runs this on aiohttp too."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from tests.support.servers import serve_raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.servers import Served
    from tests.support.wire import Wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def lib() -> Any:
    """The library under test."""
    return quinde


class Received:
    """One request as the server got it."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self.line, *fields = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        self.fields = [tuple(field.split(": ", 1)) for field in fields]
        self.body = body

    def names(self) -> list[str]:
        return [name for name, _ in self.fields]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]


async def read_request(wire: Wire) -> Received:
    """Read one request with its body."""
    head = await wire.read_until(b"\r\n\r\n")
    request = Received(head, b"")
    if request.all("Transfer-Encoding") == ["chunked"]:
        while size := int(await wire.read_until(b"\r\n"), 16):
            request.body += (await wire.read_exactly(size + 2))[:-2]
        await wire.read_exactly(2)
    elif length := request.all("Content-Length"):
        request.body = await wire.read_exactly(int(length[0]))
    return request


@asynccontextmanager
async def recording() -> AsyncIterator[tuple[Served, list[Received]]]:
    """Serve `ok`, and keep what was asked."""
    requests: list[Received] = []

    async def talk(wire: Wire) -> None:
        while True:
            requests.append(await read_request(wire))
            await wire.send(OK[:-2] if requests[-1].line.startswith("HEAD") else OK)

    async with serve_raw(talk) as served:
        yield served, requests


async def sent(
    lib: Any, method: str, path: str, *, session: dict[str, Any] | None = None, **options: Any
) -> Received:
    """Make one request, and give what the server got."""
    async with recording() as (served, requests), lib.ClientSession(**(session or {})) as client:
        async with client.request(method, served.url + path, **options) as response:
            assert await response.read() == (b"" if method == "HEAD" else b"ok")
        return requests[0]


async def test_plain_get(lib: Any) -> None:
    request = await sent(lib, "GET", "/a/b?x=1#fragment")
    assert request.line == "GET /a/b?x=1 HTTP/1.1"
    assert request.names() == ["Host", "Accept", "Accept-Encoding", "User-Agent"]
    assert request.all("Host")[0].startswith("127.0.0.1:")
    assert request.all("Accept") == ["*/*"]
    assert request.all("Accept-Encoding")[0].startswith("gzip, deflate")
    assert request.body == b""


async def test_second_get_is_like_the_first(lib: Any) -> None:
    async with recording() as (served, requests), lib.ClientSession(headers={"A": "1"}) as client:
        for _ in range(3):
            async with client.get(served.url + "/x") as response:
                await response.read()
        client.headers["B"] = "2"
        async with client.get(served.url + "/x") as response:
            await response.read()
    assert requests[0].fields == requests[1].fields == requests[2].fields
    assert requests[3].all("B") == ["2"]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE"])
async def test_method_without_body_says_no_length(lib: Any, method: str) -> None:
    request = await sent(lib, method, "/")
    assert request.line == f"{method} / HTTP/1.1"
    assert "Content-Length" not in request.names()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
async def test_method_with_body_says_zero_without_one(lib: Any, method: str) -> None:
    request = await sent(lib, method, "/")
    assert request.all("Content-Length") == ["0"]
    typed = method in {"POST", "PUT", "PATCH"}
    assert request.all("Content-Type") == (["application/octet-stream"] if typed else [])


async def test_method_becomes_upper_case(lib: Any) -> None:
    assert (await sent(lib, "get", "/")).line == "GET / HTTP/1.1"


@pytest.mark.parametrize(
    ("data", "body", "content_type"),
    [
        (b"bytes", b"bytes", "application/octet-stream"),
        (bytearray(b"array"), b"array", "application/octet-stream"),
        (memoryview(b"view"), b"view", "application/octet-stream"),
        ("tëxt", "tëxt".encode(), "text/plain; charset=utf-8"),
        (b"", b"", "application/octet-stream"),
    ],
)
async def test_data(lib: Any, data: Any, body: bytes, content_type: str) -> None:
    request = await sent(lib, "POST", "/", data=data)
    assert request.body == body
    assert request.all("Content-Length") == [str(len(body))]
    assert request.all("Content-Type") == [content_type]
    assert request.all("Transfer-Encoding") == []


async def test_large_data_arrives_whole(lib: Any) -> None:
    body = bytes(range(256)) * 2048
    assert (await sent(lib, "PUT", "/", data=body)).body == body


async def test_json(lib: Any) -> None:
    request = await sent(lib, "POST", "/", json={"a": [1, None, "é"]})
    assert request.body == b'{"a": [1, null, "\\u00e9"]}'
    assert request.all("Content-Type") == ["application/json"]


async def test_json_by_the_session_s_encoder(lib: Any) -> None:
    request = await sent(lib, "POST", "/", session={"json_serialize": lambda value: f"<{value}>"}, json=1)
    assert request.body == b"<1>"


async def test_json_none_is_no_body(lib: Any) -> None:
    assert (await sent(lib, "POST", "/", json=None)).all("Content-Length") == ["0"]


async def test_async_iterable_goes_in_chunks(lib: Any) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b""
        yield b"two" * 50_000

    request = await sent(lib, "POST", "/", data=pieces())
    assert request.body == b"one" + b"two" * 50_000
    assert request.all("Transfer-Encoding") == ["chunked"]
    assert request.all("Content-Length") == []


async def test_async_iterable_with_a_length_goes_as_it_is(lib: Any) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"def"

    request = await sent(lib, "POST", "/", data=pieces(), headers={"Content-Length": "6"})
    assert request.body == b"abcdef"
    assert request.all("Transfer-Encoding") == []


async def test_chunked_on_demand(lib: Any) -> None:
    request = await sent(lib, "POST", "/", data=b"known", chunked=True)
    assert request.body == b"known"
    assert request.all("Transfer-Encoding") == ["chunked"]
    assert request.all("Content-Length") == []


async def test_chunked_against_a_length_is_refused(lib: Any) -> None:
    with pytest.raises(ValueError, match="chunked can not be set"):
        await sent(lib, "POST", "/", data=b"x", chunked=True, headers={"Content-Length": "1"})


async def test_data_and_json_together_are_refused(lib: Any) -> None:
    with pytest.raises(ValueError, match="data and json parameters can not be used at the same time"):
        await sent(lib, "POST", "/", data=b"x", json=1)


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({"a": "1", "b": "x y"}, "a=1&b=x+y"),
        ([("a", "1"), ("a", "2")], "a=1&a=2"),
        ({"a": ["1", "2"]}, "a=1&a=2"),
        ({"n": 5}, "n=5"),
        ("raw=1", "raw=1"),
        ({}, ""),
        (None, ""),
    ],
)
async def test_params(lib: Any, params: Any, query: str) -> None:
    request = await sent(lib, "GET", "/p", params=params)
    assert request.line == f"GET /p{'?' if query else ''}{query} HTTP/1.1"


async def test_params_are_added_to_the_query(lib: Any) -> None:
    assert (await sent(lib, "GET", "/p?z=0", params={"a": "1"})).line == "GET /p?z=0&a=1 HTTP/1.1"


async def test_request_headers_replace_the_session_s(lib: Any) -> None:
    request = await sent(
        lib,
        "GET",
        "/",
        session={"headers": [("A", "session"), ("A", "again"), ("B", "session")]},
        headers=[("a", "1"), ("C", "1"), ("C", "2")],
    )
    assert sorted(request.all("A")) == ["1"]
    assert request.all("B") == ["session"]
    assert request.all("C") == ["1", "2"]


async def test_automatic_headers_give_way(lib: Any) -> None:
    request = await sent(
        lib, "GET", "/", headers={"user-agent": "me", "ACCEPT": "text/plain", "Host": "other"}
    )
    assert request.all("User-Agent") == ["me"]
    assert request.all("Accept") == ["text/plain"]
    assert request.all("Host") == ["other"]


async def test_automatic_headers_can_be_left_out(lib: Any) -> None:
    request = await sent(
        lib,
        "POST",
        "/",
        session={"skip_auto_headers": ["User-Agent"]},
        skip_auto_headers=["Accept-Encoding", "content-type"],
        data=b"x",
    )
    assert request.names() == ["Host", "Accept", "Content-Length"]


@pytest.mark.plain("the URL of the test is http")
async def test_credentials_in_the_url_become_authorization(lib: Any) -> None:
    async with recording() as (served, requests), lib.ClientSession() as client:
        async with client.get(f"http://user:p%40ss@{served.host}:{served.port}/") as response:
            assert response.url.user is None
        with pytest.raises(ValueError, match="Cannot combine AUTHORIZATION header"):
            await client.get(f"http://u:p@{served.host}:{served.port}/", headers={"Authorization": "x"})
    assert requests[0].all("Authorization") == ["Basic dXNlcjpwQHNz"]


async def test_base_url(lib: Any) -> None:
    async with recording() as (served, requests), lib.ClientSession(served.url + "/api/v1/") as client:
        for path in ("users", "/root", "?q=1", served.url + "/absolute"):
            async with client.get(path) as response:
                await response.read()
    assert [request.line.split()[1] for request in requests] == [
        "/api/v1/users",
        "/root",
        "/api/v1/?q=1",
        "/absolute",
    ]


async def test_base_url_needs_a_slash_at_its_end(lib: Any) -> None:
    with pytest.raises(ValueError, match="base_url must have a trailing '/'"):
        lib.ClientSession("http://example.org/api")


async def test_expect_continue_waits_before_the_body(lib: Any) -> None:
    said: list[bytes] = []

    async def talk(wire: Wire) -> None:
        head = await wire.read_until(b"\r\n\r\n")
        said.append(head)
        await wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        said.append(await wire.read_exactly(4))
        await wire.send(OK)

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.post(served.url, data=b"body", expect100=True) as response:
            assert response.status == 200
    assert b"\r\nExpect: 100-continue\r\n" in said[0]
    assert said[1] == b"body"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nothing_is_expected_without_a_body(lib: Any, method: str) -> None:
    said: list[bytes] = []

    async def talk(wire: Wire) -> None:
        said.append(await wire.read_until(b"\r\n\r\n"))
        await wire.send(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
        said.append(await wire.read_to_end())

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.request(method, served.url, expect100=True) as response:
            assert response.status == 200
            await response.read()
    assert b"Transfer-Encoding" not in said[0]
    assert said[1] == b""


async def test_refused_expectation_gives_the_refusal(lib: Any) -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.post(served.url, data=b"body", expect100=True) as response:
            assert response.status == 417


async def test_other_informational_answers_are_passed_over(lib: Any) -> None:
    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK)

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.get(served.url) as response:
            assert response.status == 200
            assert await response.text() == "ok"
            assert "Link" not in response.headers


INJECTED = ["a\r\nX: 1", "a\nX: 1", "a\rX: 1", "a\0b"]


@pytest.mark.parametrize("value", INJECTED)
async def test_line_breaks_in_header_values_are_refused(lib: Any, value: str) -> None:
    async with recording() as (served, requests), lib.ClientSession() as client:
        with pytest.raises(ValueError):
            await client.get(served.url, headers={"X-Evil": value})
        async with client.get(served.url) as response:
            assert response.status == 200
    assert len(requests) == 1


@pytest.mark.parametrize("name", ["a\r\nX", "a b", "a:", "", "é"])
async def test_header_names_must_be_tokens(name: str) -> None:
    async with recording() as (served, requests), quinde.ClientSession() as client:
        with pytest.raises(ValueError):
            await client.get(served.url, headers={name: "value"})
    assert requests == []


@pytest.mark.parametrize("method", ["GET\r\nX: 1", "G ET", "GET\0", "GÉT"])
async def test_methods_must_be_tokens(lib: Any, method: str) -> None:
    async with recording() as (served, requests), lib.ClientSession() as client:
        with pytest.raises(ValueError, match="Method cannot contain non-token characters"):
            await client.request(method, served.url)
    assert requests == []


async def test_line_breaks_in_urls_do_not_reach_the_wire(lib: Any) -> None:
    request = await sent(lib, "GET", "/a\r\nX-Evil: 1")
    assert "X-Evil" not in request.names()


async def test_session_headers_are_checked_at_each_call() -> None:
    async with recording() as (served, requests), quinde.ClientSession(headers={"A": "a\r\nb"}) as client:
        for _ in range(2):
            with pytest.raises(ValueError):
                await client.get(served.url)
    assert requests == []


async def test_wrong_length_is_refused_before_anything_is_sent() -> None:
    async with recording() as (served, requests), quinde.ClientSession() as client:
        for length in ("5", "-1", "x", "\uff11"):
            with pytest.raises(ValueError):
                await client.post(served.url, data=b"four", headers={"Content-Length": length})
        async with client.get(served.url) as response:
            assert response.status == 200
    assert len(requests) == 1


@pytest.mark.parametrize("data", [{"a": "b"}, [("a", "b")], object(), 5])
async def test_data_that_cannot_be_sent_yet_is_refused_by_name(data: Any) -> None:
    async with quinde.ClientSession() as client:
        with pytest.raises(TypeError, match="bytes, bytearray, memoryview, str or an async iterable"):
            await client.post("http://127.0.0.1:1/", data=data)
