"""Routes: methods, names, expect handlers."""

from __future__ import annotations

from typing import Any

import pytest

from quinde.web.routing import PlainResource, ResourceRoute


async def handler(request: Any) -> Any:
    return request


def test_method_is_kept_in_capitals() -> None:
    assert ResourceRoute("get", handler, PlainResource("/")).method == "GET"


@pytest.mark.parametrize("method", ["", "GE T", "GET\n", "GÉT", "GET/", "(GET)"])
def test_method_that_is_no_token_is_refused(method: str) -> None:
    with pytest.raises(ValueError, match="no HTTP method"):
        ResourceRoute(method, handler, PlainResource("/"))


def test_refusal_names_method_and_path() -> None:
    with pytest.raises(TypeError, match=r"of POST /users/here must be `async def`"):
        ResourceRoute("post", lambda _: None, PlainResource("/users/here"))  # type: ignore[arg-type,return-value]


def test_route_speaks_for_its_resource() -> None:
    resource = PlainResource("/path", name="here")
    route = ResourceRoute("GET", handler, resource)
    assert route.resource is resource
    assert route.name == "here"
    assert route.handler is handler
    assert str(route.url_for()) == "/path"
    assert route.get_info() == {"path": "/path"}
    assert repr(route).startswith("<ResourceRoute [GET] <PlainResource 'here' /path> -> <function handler")


async def test_expect_handler_of_its_own() -> None:
    async def expect(request: Any) -> Any:
        return ["answer", request]

    route = ResourceRoute("GET", handler, PlainResource("/"), expect_handler=expect)
    assert await route.handle_expect_header("request") == ["answer", "request"]  # type: ignore[arg-type]


def test_expect_handler_that_is_no_coroutine_function_is_refused() -> None:
    with pytest.raises(TypeError, match=r"expect_handler .* of GET /"):
        ResourceRoute("GET", handler, PlainResource("/"), expect_handler=print)  # type: ignore[arg-type]
