"""Definitions of routes and tables of them."""

from __future__ import annotations

from typing import Any

import pytest

from quinde.web import routing
from quinde.web.routing import RouteDef, RouteTableDef, UrlDispatcher, View


async def handler(request: Any) -> Any:
    return request


VERBS = ("head", "options", "get", "post", "put", "patch", "delete")


@pytest.mark.parametrize("verb", VERBS)
def test_verb_defines_its_method(verb: str) -> None:
    definition = getattr(routing, verb)("/a", handler, name="a")
    assert (definition.method, definition.path, definition.handler) == (verb.upper(), "/a", handler)
    (route,) = definition.register(UrlDispatcher())
    assert (route.method, route.name) == (verb.upper(), "a")


def test_get_brings_head_unless_refused() -> None:
    router = UrlDispatcher()
    routing.get("/a", handler).register(router)
    routing.get("/b", handler, allow_head=False).register(router)
    assert [route.method for route in router.routes()] == ["HEAD", "GET", "GET"]


@pytest.mark.parametrize("method", ["BREW", "TRACE", "CONNECT", "*"])
def test_other_methods_are_added_by_add_route(method: str) -> None:
    (route,) = routing.route(method, "/a", handler).register(UrlDispatcher())
    assert route.method == method


def test_method_of_the_router_for_the_verb_is_used() -> None:
    class Noting(UrlDispatcher):
        def add_post(self, path: str, handler: Any, **kwargs: Any) -> Any:
            return super().add_post("/noted" + path, handler, **kwargs)

    (route,) = routing.post("/a", handler).register(Noting())
    assert route.resource is not None
    assert route.resource.canonical == "/noted/a"


def test_view_takes_all_methods() -> None:
    (route,) = routing.view("/a", View).register(UrlDispatcher())
    assert route.method == "*"


def test_definition_is_a_frozen_value() -> None:
    definition = routing.post("/a", handler, name="x")
    assert definition == RouteDef("POST", "/a", handler, {"name": "x"})
    assert repr(definition) == "<RouteDef POST /a -> 'handler', name='x'>"
    with pytest.raises(AttributeError):
        definition.path = "/b"  # type: ignore[misc]


def test_table_is_filled_by_decorators() -> None:
    table = RouteTableDef()
    for verb in VERBS:
        assert getattr(table, verb)(f"/{verb}", name=verb)(handler) is handler
    table.route("BREW", "/pot")(handler)

    @table.view("/view")
    class Mine(View):
        pass

    assert len(table) == len(VERBS) + 2
    assert [item.method for item in table if isinstance(item, RouteDef)] == [
        *map(str.upper, VERBS),
        "BREW",
        "*",
    ]
    first = table[0]
    assert isinstance(first, RouteDef)
    assert first.kwargs == {"name": "head"}
    assert table[-1:] == [RouteDef("*", "/view", Mine, {})]
    assert first in table
    assert repr(table) == f"<RouteTableDef count={len(VERBS) + 2}>"
    assert len(UrlDispatcher().add_routes(table)) == len(table)


def test_handlers_are_checked_at_registration_not_before() -> None:
    definition = routing.get("/a", print)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"of HEAD /a must be `async def`"):
        definition.register(UrlDispatcher())
