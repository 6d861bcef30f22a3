"""Redirects: what is followed, how, with which body and credentials, and what is refused."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from tests.behaviour.test_client_requests import Received, read_request
from tests.support.servers import serve_raw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.servers import Served
    from tests.support.wire import Wire

SECRETS = {"Authorization": "a", "Cookie": "c=1", "Proxy-Authorization": "p", "X-Kept": "k"}


@pytest.fixture
def lib() -> Any:
    """The library under test."""
    return quinde


@asynccontextmanager
async def redirecting(
    answers: dict[str, tuple[int, str | None]],
) -> AsyncIterator[tuple[Served, list[Received]]]:
    """Answer a path with a redirect, any other with 200 and the method; keep what was asked."""
    requests: list[Received] = []

    async def talk(wire: Wire) -> None:
        while True:
            request = await read_request(wire)
            requests.append(request)
            method, path, _ = request.line.split(" ")
            status, location = answers.get(path, (200, None))
            extra = "" if location is None else f"Location: {location}\r\n"
            body = "" if method == "HEAD" else method
            head = f"HTTP/1.1 {status} X\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}"
            await wire.send(head.encode())

    async with serve_raw(talk) as served:
        yield served, requests


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_get_is_followed(lib: Any, status: int) -> None:
    async with redirecting({"/a": (status, "/b")}) as (served, requests), lib.ClientSession() as client:
        async with client.get(served.url + "/a") as response:
            assert response.status == 200
            assert response.url.path == "/b"
            assert [hop.status for hop in response.history] == [status]
            assert response.history[0].url.path == "/a"
            assert response.history[0].headers["Location"] == "/b"
    assert [request.line for request in requests] == ["GET /a HTTP/1.1", "GET /b HTTP/1.1"]


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "POST", "GET", b""),
        (302, "POST", "GET", b""),
        (303, "POST", "GET", b""),
        (307, "POST", "POST", b"data"),
        (308, "POST", "POST", b"data"),
        (301, "PUT", "PUT", b"data"),
        (302, "PUT", "PUT", b"data"),
        (303, "PUT", "GET", b""),
        (303, "DELETE", "GET", b""),
        (307, "PATCH", "PATCH", b"data"),
    ],
)
async def test_method_and_body(lib: Any, status: int, method: str, then: str, body: bytes) -> None:
    async with redirecting({"/a": (status, "/b")}) as (served, requests), lib.ClientSession() as client:
        async with client.request(method, served.url + "/a", data=b"data") as response:
            assert await response.text() == then
    assert requests[0].body == b"data"
    assert requests[1].body == body
    assert requests[1].line.startswith(then + " ")
    assert requests[1].all("Content-Length") == ([] if not body else ["4"])


async def test_head_stays_head(lib: Any) -> None:
    async with redirecting({"/a": (303, "/b")}) as (served, requests), lib.ClientSession() as client:
        async with client.head(served.url + "/a", allow_redirects=True) as response:
            assert response.status == 200
    assert requests[1].line == "HEAD /b HTTP/1.1"


async def test_head_is_not_followed_unless_asked(lib: Any) -> None:
    async with redirecting({"/a": (302, "/b")}) as (served, _), lib.ClientSession() as client:
        async with client.head(served.url + "/a") as response:
            assert response.status == 302


async def test_not_followed_if_not_wanted(lib: Any) -> None:
    async with redirecting({"/a": (302, "/b")}) as (served, requests), lib.ClientSession() as client:
        async with client.get(served.url + "/a", allow_redirects=False) as response:
            assert response.status == 302
            assert response.history == ()
    assert len(requests) == 1


async def test_without_location_the_redirect_is_the_answer(lib: Any) -> None:
    async with redirecting({"/a": (302, None)}) as (served, _), lib.ClientSession() as client:
        async with client.get(served.url + "/a") as response:
            assert response.status == 302
            assert await response.text() == "GET"


@pytest.mark.plain("the Location of the test is http")
@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("b", "/dir/b"),
        ("./c/../d", "/dir/d"),
        ("?x=1", "/dir/a"),
        ("../e", "/e"),
        ("http:/f", "/f"),
        ("/g#part", "/g"),
        ("/h%20i", "/h i"),
    ],
)
async def test_relative_locations(lib: Any, location: str, path: str) -> None:
    async with redirecting({"/dir/a": (302, location)}) as (served, _), lib.ClientSession() as client:
        async with client.get(served.url + "/dir/a") as response:
            assert response.url.path == path


async def test_protocol_relative_location(lib: Any) -> None:
    async with redirecting({}) as (other, _):
        async with redirecting({"/a": (302, f"//{other.host}:{other.port}/b")}) as (served, _):
            async with lib.ClientSession() as client, client.get(served.url + "/a") as response:
                assert str(response.url) == other.url + "/b"


async def test_params_are_not_repeated(lib: Any) -> None:
    async with redirecting({"/a?x=1": (302, "/b")}) as (served, requests), lib.ClientSession() as client:
        async with client.get(served.url + "/a", params={"x": "1"}) as response:
            assert response.status == 200
    assert [request.line.split()[1] for request in requests] == ["/a?x=1", "/b"]


async def test_too_many(lib: Any) -> None:
    async with redirecting({"/a": (302, "/a")}) as (served, requests), lib.ClientSession() as client:
        with pytest.raises(lib.TooManyRedirects) as caught:
            await client.get(served.url + "/a", max_redirects=3)
    assert len(caught.value.history) == 3
    assert caught.value.request_info.real_url.path == "/a"
    assert len(requests) == 3


async def test_ten_by_default(lib: Any) -> None:
    async with redirecting({"/a": (302, "/a")}) as (served, requests), lib.ClientSession() as client:
        with pytest.raises(lib.TooManyRedirects):
            await client.get(served.url + "/a")
    assert len(requests) == 10


async def test_credentials_stay_within_the_origin(lib: Any) -> None:
    async with redirecting({"/a": (302, "/b")}) as (served, requests), lib.ClientSession() as client:
        async with client.get(served.url + "/a", headers=SECRETS) as response:
            assert response.status == 200
    assert all(requests[1].all(name) == [value] for name, value in SECRETS.items())


@pytest.mark.parametrize("where", ["session", "call"])
async def test_credentials_never_leave_the_origin(lib: Any, where: str) -> None:
    fields = [(name, value) for name, value in SECRETS.items() for _ in range(2)]
    async with redirecting({}) as (other, there), redirecting({"/a": (302, other.url + "/b")}) as (served, _):
        session = {"headers": fields} if where == "session" else {}
        call = {"headers": fields} if where == "call" else {}
        async with lib.ClientSession(**session) as client, client.get(served.url + "/a", **call) as response:
            assert response.status == 200
    names = {name.lower() for name in there[0].names()}
    assert not names & {"authorization", "cookie", "proxy-authorization"}
    assert there[0].all("X-Kept") == ["k", "k"]


@pytest.mark.plain("the URLs of the test are http")
async def test_credentials_of_the_first_url_do_not_follow_to_another_origin(lib: Any) -> None:
    async with (
        redirecting({}) as (other, there),
        redirecting({"/a": (302, other.url + "/b")}) as (served, here),
    ):
        async with lib.ClientSession() as client:
            async with client.get(f"http://u:p@{served.host}:{served.port}/a") as response:
                assert response.status == 200
    assert here[0].all("Authorization") == ["Basic dTpw"]
    assert there[0].all("Authorization") == []


@pytest.mark.plain("the Location of the test is http")
async def test_credentials_in_the_location_are_used(lib: Any) -> None:
    async with redirecting({}) as (other, there):
        target = f"http://u:p@{other.host}:{other.port}/b"
        async with redirecting({"/a": (302, target)}) as (served, _), lib.ClientSession() as client:
            async with client.get(served.url + "/a") as response:
                assert response.url.user is None
    assert there[0].all("Authorization") == ["Basic dTpw"]


async def test_used_up_body_cannot_be_sent_again(lib: Any) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"once"

    async with redirecting({"/a": (307, "/b")}) as (served, requests), lib.ClientSession() as client:
        with pytest.raises(
            lib.ClientPayloadError, match="Cannot follow redirect with a consumed request body"
        ):
            await client.post(served.url + "/a", data=pieces())
    assert len(requests) == 1


@pytest.mark.parametrize("location", ["ftp://host/", "mailto:a@b", "javascript:0", "file:///etc/passwd"])
async def test_other_schemes_are_refused(lib: Any, location: str) -> None:
    async with redirecting({"/a": (302, location)}) as (served, _), lib.ClientSession() as client:
        with pytest.raises(lib.NonHttpUrlRedirectClientError) as caught:
            await client.get(served.url + "/a")
    assert isinstance(caught.value, lib.RedirectClientError)
    assert location in str(caught.value)


@pytest.mark.parametrize("location", ["http://[::1/", "http://a:99999/", "http://:80/"])
async def test_locations_that_are_no_urls_are_refused(lib: Any, location: str) -> None:
    async with redirecting({"/a": (302, location)}) as (served, _), lib.ClientSession() as client:
        with pytest.raises(lib.InvalidUrlRedirectClientError) as caught:
            await client.get(served.url + "/a")
    assert isinstance(caught.value, lib.InvalidURL)


async def test_redirects_use_the_connection_again() -> None:
    async with (
        redirecting({"/a": (302, "/b"), "/b": (302, "/c")}) as (served, _),
        quinde.ClientSession() as client,
    ):
        assert client.connector is not None
        async with client.get(served.url + "/a") as response:
            await response.read()
        assert client.connector.statistics()["connections_idle"] == 1


async def test_unread_redirect_body_closes_its_connection() -> None:
    async def talk(wire: Wire) -> None:
        request = await read_request(wire)
        if "/a" in request.line:
            await wire.send(b"HTTP/1.1 302 X\r\nLocation: /b\r\nContent-Length: 1000000\r\n\r\nbegin")
            await wire.read_to_end()
        else:
            await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with serve_raw(talk) as served, quinde.ClientSession() as client:
        assert client.connector is not None
        async with client.get(served.url + "/a") as response:
            assert response.status == 200
        assert client.connector.statistics()["slots_in_use"] == 0
