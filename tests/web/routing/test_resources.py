"""Resources by themselves: their routes, what they match, the URLs they build."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from quinde.web.routing import DynamicResource, PlainResource, Resource, ResourceRoute

if TYPE_CHECKING:
    from collections.abc import Callable


async def handler(request: Any) -> Any:
    return request


def test_routes_are_kept_by_method() -> None:
    resource = PlainResource("/")
    get, put = resource.add_route("GET", handler), resource.add_route("put", handler)
    assert list(resource) == [get, put]
    assert len(resource) == 2
    assert resource.routes == {"GET": get, "PUT": put}


def test_route_that_would_never_be_reached_is_refused() -> None:
    resource = PlainResource("/x")
    resource.add_route("GET", handler)
    resource.add_route("*", handler)
    for method in ("GET", "*", "PUT"):
        with pytest.raises(RuntimeError, match=rf"{re.escape(method)} /x would never be reached"):
            resource.add_route(method, handler)


def test_registered_route_replaces_another() -> None:
    resource = PlainResource("/")
    resource.add_route("GET", handler)
    other = ResourceRoute("GET", handler, resource)
    resource.register_route(other)
    assert resource.routes == {"GET": other}
    with pytest.raises(TypeError, match="ResourceRoute"):
        resource.register_route("GET")  # type: ignore[arg-type]


async def test_resource_resolves_path_then_method(make_request: Callable[..., Any]) -> None:
    resource = DynamicResource("/{a}/{b:[0-9]+}")
    route = resource.add_route("GET", handler)
    match_info, methods = await resource.resolve(make_request("GET", "/x%2Fy/12"))
    assert match_info == {"a": "x/y", "b": "12"}
    assert match_info is not None
    assert match_info.route is route
    assert methods == {"GET"}
    assert await resource.resolve(make_request("PUT", "/x/12")) == (None, {"GET"})
    assert await resource.resolve(make_request("GET", "/x/y")) == (None, set())


async def test_any_method_is_taken_by_the_star_route(make_request: Callable[..., Any]) -> None:
    resource = PlainResource("/")
    get, star = resource.add_route("GET", handler), resource.add_route("*", handler)
    for method, wanted in (("GET", get), ("BREW", star)):
        match_info, _ = await resource.resolve(make_request(method, "/"))
        assert match_info is not None
        assert match_info.route is wanted


def test_plain_resource() -> None:
    resource = PlainResource("/a/b", name="ab")
    assert resource.canonical == "/a/b"
    assert resource.raw_match("/a/b")
    assert not resource.raw_match("/a")
    assert resource.get_info() == {"path": "/a/b"}
    assert str(resource.url_for()) == "/a/b"
    resource.add_prefix("/app")
    assert resource.canonical == "/app/a/b"
    assert repr(resource) == "<PlainResource 'ab' /app/a/b>"


def test_empty_path_means_the_root_once_frozen() -> None:
    resource = PlainResource("")
    assert resource.canonical == ""
    resource.freeze()
    assert resource.canonical == "/"


def test_dynamic_resource() -> None:
    resource = DynamicResource("/a/{b}/{c:x{2}}")
    assert resource.canonical == "/a/{b}/{c}"
    assert resource.raw_match("/a/{b}/{c:x{2}}")
    assert not resource.raw_match("/a/{b}/{c}")
    info = resource.get_info()
    assert info["formatter"] == "/a/{b}/{c}"
    assert info["pattern"].fullmatch("/a/1/xx")
    assert repr(resource) == "<DynamicResource /a/{b}/{c}>"


def test_urls_are_quoted() -> None:
    resource = DynamicResource("/é/{b}")
    assert str(resource.url_for(b="a b%/ü?")) == "/%C3%A9/a%20b%25/%C3%BC%3F"
    with pytest.raises(KeyError):
        resource.url_for()


@pytest.mark.parametrize("path", ["/{b}/x", "/{b:.+}/x"])
def test_prefix_moves_every_part_of_a_pattern(path: str) -> None:
    resource = DynamicResource("/a" + path)
    resource.add_prefix("/app")
    assert resource.canonical == "/app/a/{b}/x"
    assert resource.capture("/app/a/1/x") == ("1",)
    assert resource.capture("/a/1/x") is None
    assert resource.pattern.texts in {("/app/a/", "/x"), None}
    assert resource.pattern.affixes == ("/app/a/", "/x")


@pytest.mark.parametrize("prefix", ["", "/", "app", "/app/"])
@pytest.mark.parametrize("resource", [PlainResource("/a"), DynamicResource("/{a}")], ids=["plain", "dynamic"])
def test_prefix_starts_with_a_slash_and_does_not_end_with_it(resource: Resource, prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        resource.add_prefix(prefix)


@pytest.mark.parametrize("path", ["a", "a/b"])
def test_path_starts_with_a_slash(path: str) -> None:
    with pytest.raises(ValueError, match="must start with /"):
        PlainResource(path)


def test_groups_within_an_expression_are_names_too() -> None:
    resource = DynamicResource("/{a:(?P<inner>x)?(y)}")
    assert resource.names == ("a", "inner")
    assert resource.capture("/xy") == ("xy", "x")
    assert resource.capture("/y") == ("y", None)
