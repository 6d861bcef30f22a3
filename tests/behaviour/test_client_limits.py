"""What a server may cost a client: each limit of a session and of a call, below it, at it and beyond."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from tests.support.servers import answering, serve_raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.wire import Wire


def answer(*fields: bytes, reason: bytes = b"OK", body: bytes = b"") -> bytes:
    """Write a response; Content-Length is its first field."""
    lines = [b"HTTP/1.1 200 " + reason, b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join([*lines, b"", body])


LIMITS: dict[str, tuple[int, Callable[[int], bytes], type[Exception]]] = {
    "max_line_size": (30, lambda n: answer(reason=b"a" * n), quinde.ClientResponseError),
    "max_field_size": (30, lambda n: answer(b"X: " + b"a" * (n - 1)), quinde.ClientResponseError),
    "max_headers": (5, lambda n: answer(*[b"X: y"] * (n - 1)), quinde.ClientResponseError),
    "max_decompressed_size": (
        5000,
        lambda n: answer(b"Content-Encoding: gzip", body=gzip.compress(bytes(n))),
        quinde.ClientPayloadError,
    ),
}


@pytest.mark.parametrize("where", ["session", "call"])
@pytest.mark.parametrize("name", LIMITS)
async def test_limits_of_responses(name: str, where: str) -> None:
    limit, make, error = LIMITS[name]
    options: dict[str, Any] = {name: limit}
    of_session, of_call = (options, {}) if where == "session" else ({}, options)
    async with quinde.ClientSession(**of_session) as client:
        for n in (limit - 1, limit):
            async with serve_raw(answering(make(n))) as served, client.get(served.url, **of_call) as response:
                await response.read()
        async with serve_raw(answering(make(limit + 1))) as served:
            with pytest.raises(error) as caught:
                async with client.get(served.url, **of_call) as response:
                    await response.read()
            assert name in str(caught.value)


@pytest.mark.parametrize("followed", [2, 3, 4])
async def test_limit_of_redirects(followed: int) -> None:
    """As aiohttp counts: the response that reaches the limit is one too many."""

    async def talk(wire: Wire) -> None:
        for n in range(followed):
            await wire.read_until(b"\r\n\r\n")
            await wire.send(b"HTTP/1.1 302 Found\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n" % n)
        await wire.read_until(b"\r\n\r\n")
        await wire.send(answer())

    async with serve_raw(talk) as served, quinde.ClientSession() as client:
        if followed < 3:
            async with client.get(served.url, max_redirects=3) as response:
                assert len(response.history) == followed
        else:
            with pytest.raises(quinde.TooManyRedirects) as caught:
                await client.get(served.url, max_redirects=3)
            assert len(caught.value.history) == 3
