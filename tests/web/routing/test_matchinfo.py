"""Matches: mappings of names, the applications they pass, and errors in a route's place."""

from __future__ import annotations

from typing import Any

import pytest

from quinde.web.exceptions import HTTPMethodNotAllowed, HTTPNotFound
from quinde.web.routing import (
    DynamicResource,
    MatchInfoError,
    PlainResource,
    ResourceRoute,
    SystemRoute,
    UrlMappingMatchInfo,
    build_match_info,
)


async def handler(request: Any) -> Any:
    return request


def make_match(**names: str) -> UrlMappingMatchInfo:
    return UrlMappingMatchInfo(names, ResourceRoute("GET", handler, PlainResource("/")))


def test_match_is_a_mapping_with_its_route() -> None:
    match_info = make_match(id="7")
    assert match_info == {"id": "7"}
    assert match_info.handler is handler
    assert match_info.expect_handler == match_info.route.handle_expect_header
    assert match_info.http_exception is None
    assert match_info.get_info() == {"path": "/"}
    assert repr(match_info).startswith("<MatchInfo {'id': '7'}: <ResourceRoute [GET]")


def test_applications_are_stacked_outermost_first() -> None:
    match_info = make_match()
    with pytest.raises(RuntimeError, match="no application yet"):
        _ = match_info.current_app
    match_info.add_app("inner")
    match_info.add_app("outer")
    assert match_info.apps == ("outer", "inner")
    assert match_info.current_app == "inner"
    match_info.current_app = "outer"
    assert match_info.current_app == "outer"
    with pytest.raises(RuntimeError, match="none of the applications"):
        match_info.current_app = "stranger"


def test_frozen_match_takes_no_application() -> None:
    match_info = make_match()
    match_info.freeze()
    with pytest.raises(RuntimeError, match="frozen"):
        match_info.add_app("late")


async def test_error_in_a_routes_place_is_raised_by_its_handler() -> None:
    error = HTTPNotFound()
    match_info = MatchInfoError(error)
    assert match_info == {}
    assert match_info.http_exception is error
    assert match_info.get_info() == {"http_exception": error}
    assert repr(match_info) == "<MatchInfoError 404: Not Found>"
    with pytest.raises(HTTPNotFound) as caught:
        await match_info.handler(None)
    assert caught.value is error


def test_system_route_has_no_resource() -> None:
    route = SystemRoute(HTTPMethodNotAllowed("PUT", {"GET"}))
    assert (route.status, route.reason, route.name, route.resource) == (405, "Method Not Allowed", None, None)
    assert route.method == "*"
    assert repr(route) == "<SystemRoute 405: Method Not Allowed>"
    with pytest.raises(RuntimeError, match="no URL"):
        route.url_for()


def test_match_is_built_of_route_and_values() -> None:
    route = DynamicResource("/{a}/{b:(?P<c>x)?y}").add_route("GET", handler)
    assert build_match_info(route, ("1", "y", None)) == {"a": "1", "b": "y"}
    assert build_match_info(route, None) == {}
    assert build_match_info(route, ("1", "y", None)).route is route


def test_match_of_an_error_keeps_route_and_error() -> None:
    route = SystemRoute(HTTPNotFound())
    match_info = build_match_info(route, None)
    assert isinstance(match_info, MatchInfoError)
    assert match_info.route is route
    assert match_info.http_exception is route.http_exception
