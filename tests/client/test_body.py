"""What becomes of `data` and `json`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from quinde.client.body import RequestBody, body_of, json_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def pieces() -> AsyncIterator[bytes]:
    yield b"a"
    yield b"b"


@pytest.mark.parametrize(
    ("data", "content", "content_type"),
    [
        (b"x", b"x", "application/octet-stream"),
        (bytearray(b"x"), b"x", "application/octet-stream"),
        (memoryview(b"xy")[:1], b"x", "application/octet-stream"),
        ("é", b"\xc3\xa9", "text/plain; charset=utf-8"),
    ],
)
async def test_whole_bodies(data: Any, content: bytes, content_type: str) -> None:
    body = body_of(data)
    assert body is not None
    assert (body.content, body.content_type, body.size) == (content, content_type, len(content))
    for _ in range(2):
        assert [piece async for piece in body.pieces()] == [content]
    assert not body.consumed


async def test_iterable_is_used_up_once_it_is_begun() -> None:
    body = body_of(pieces())
    assert body is not None
    assert body.size is None
    assert not body.consumed
    assert [piece async for piece in body.pieces()] == [b"a", b"b"]
    assert body.consumed


def test_body_stays_itself_and_nothing_stays_nothing() -> None:
    body = RequestBody(b"", "x/y")
    assert body_of(body) is body
    assert body_of(None) is None


@pytest.mark.parametrize("data", [{"a": 1}, [b"x"], 5, object(), (b"x" for _ in range(1))])
def test_what_cannot_be_sent_yet_is_named(data: Any) -> None:
    with pytest.raises(
        TypeError, match=f"data cannot be a {type(data).__name__} in this version: give bytes"
    ):
        body_of(data)


def test_json() -> None:
    body = json_body({"é": 1}, json.dumps, None)
    assert (body.content, body.content_type) == (b'{"\\u00e9": 1}', "application/json")
    assert json_body([1], json.dumps, lambda value: b"bytes").content == b"bytes"
