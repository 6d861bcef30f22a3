"""What may be a handler, and the default answer to `Expect`."""

from __future__ import annotations

import types
from functools import partial, wraps
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from multidict import CIMultiDict

from quinde.web.exceptions import HTTPExpectationFailed
from quinde.web.routing.handlers import check_expect_handler, check_handler, default_expect_handler
from quinde.web.routing.views import View

if TYPE_CHECKING:
    from collections.abc import Generator


async def coroutine_function(request: Any) -> Any:
    return request


def plain_function(request: Any) -> Any:
    return coroutine_function(request)


def bare_generator(request: Any) -> Generator[Any]:
    yield from ()


@types.coroutine
def generator_coroutine(request: Any) -> Generator[Any]:
    yield from ()


class AsyncCallable:
    async def __call__(self, request: Any) -> Any:
        return request

    async def method(self, request: Any) -> Any:
        return request


class SyncCallable:
    def __call__(self, request: Any) -> Any:
        return request


@wraps(coroutine_function)
async def decorated(request: Any) -> Any:
    return await coroutine_function(request)


@pytest.mark.parametrize(
    "handler",
    [
        coroutine_function,
        decorated,
        generator_coroutine,
        AsyncCallable(),
        AsyncCallable().method,
        partial(coroutine_function),
        partial(AsyncCallable()),
        partial(partial(coroutine_function), None),
        View,
    ],
)
def test_what_can_be_awaited_is_a_handler(handler: object) -> None:
    check_handler(handler, "GET /")


@pytest.mark.parametrize(
    "handler",
    [
        plain_function,
        bare_generator,
        SyncCallable(),
        partial(plain_function),
        AsyncCallable,
        len,
        lambda _: None,
    ],
)
def test_what_cannot_be_awaited_is_refused_with_a_remedy(handler: object) -> None:
    with pytest.raises(TypeError, match=r"handler .* of GET /x must be `async def`"):
        check_handler(handler, "GET /x")


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="not even callable"):
        check_handler("index", "GET /")


def test_expect_handler_must_be_a_coroutine_function() -> None:
    check_expect_handler(coroutine_function, "GET /")
    with pytest.raises(TypeError, match=r"expect_handler .* must be `async def`"):
        check_expect_handler(plain_function, "GET /")


class Sent:
    def __init__(self) -> None:
        self.heads: list[tuple[int, tuple[object, ...]]] = []

    def informational(self, status: int, items: tuple[object, ...]) -> None:
        self.heads.append((status, items))


def expecting(version: tuple[int, int], expect: str | None) -> Any:
    headers = CIMultiDict({} if expect is None else {"Expect": expect})
    return SimpleNamespace(version=version, headers=headers, _incoming=Sent())


@pytest.mark.parametrize("field", ["100-continue", "100-Continue"])
async def test_expectation_is_met_by_an_interim_response(field: str) -> None:
    """RFC 9110 §10.1.1: the value is compared without regard to case."""
    request = expecting((1, 1), field)
    await default_expect_handler(request)
    assert request._incoming.heads == [(100, ())]


async def test_unknown_expectation_fails() -> None:
    request = expecting((1, 1), "200-ok")
    with pytest.raises(HTTPExpectationFailed) as caught:
        await default_expect_handler(request)
    assert caught.value.text == "Unknown Expect: 200-ok"
    assert request._incoming.heads == []


async def test_expectation_of_http_1_0_is_ignored() -> None:
    request = expecting((1, 0), "100-continue")
    await default_expect_handler(request)
    assert request._incoming.heads == []
