"""Marking and nesting middlewares."""

from __future__ import annotations

from typing import Any

import pytest

from quinde.web.middlewares import check_middleware, middleware, wrap_handler
from quinde.web.response import Response
from tests.web.incoming import fake_request


async def handler(_request: Any) -> Response:
    return Response(text="core")


def layer(name: str) -> Any:
    @middleware
    async def around(request: Any, inner: Any) -> Response:
        response: Response = await inner(request)
        response.text = f"{name}({response.text})"
        return response

    async def with_aiohttps_keyword(request: Any, handler: Any) -> Response:
        answer: Response = await around(request, handler)
        return answer

    return middleware(with_aiohttps_keyword)


async def test_the_first_is_outermost() -> None:
    wrapped = wrap_handler(handler, [layer("a"), layer("b")])
    assert (await wrapped(fake_request())).text == "a(b(core))"  # type: ignore[attr-defined]
    assert wrapped.__name__ == "handler"


async def test_none_leaves_the_handler_alone() -> None:
    assert wrap_handler(handler, []) is handler


def test_marks() -> None:
    marked = layer("a")
    assert check_middleware(marked) is marked
    with pytest.raises(TypeError, match=r"@web\.middleware"):
        check_middleware(handler)
