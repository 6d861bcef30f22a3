"""The router: registration, look-up by either way, and what makes it ask Python."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from quinde.web.exceptions import HTTPMethodNotAllowed, HTTPNotFound
from quinde.web.routing import (
    AbstractResource,
    AbstractRoute,
    PlainResource,
    SystemRoute,
    UrlDispatcher,
    UrlMappingMatchInfo,
    build_match_info,
    get,
    post,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from yarl import URL

    Find: TypeAlias = Callable[[str, str], UrlMappingMatchInfo]


async def handler(request: Any) -> Any:
    return request


async def other(request: Any) -> Any:
    return request


@pytest.fixture
def router() -> UrlDispatcher:
    return UrlDispatcher()


@pytest.fixture
def find(
    router: UrlDispatcher, make_request: Callable[..., Any]
) -> Callable[[str, str], UrlMappingMatchInfo]:
    """Look up by the core, and by `finder()` the same."""

    def look_up(method: str, raw_path: str) -> UrlMappingMatchInfo:
        request = make_request(method, raw_path)
        with pytest.raises(StopIteration) as ended:
            router.resolve(request).send(None)
        resolved: UrlMappingMatchInfo = ended.value.value
        found = router.finder()(request)
        if type(found) is tuple:
            assert build_match_info(*found) == resolved
            assert found[0] is resolved.route
        else:
            assert resolved.http_exception is not None
        return resolved

    return look_up


class Foreign(AbstractResource):
    """A resource with a way of its own to resolve: takes what it is told to take."""

    def __init__(self, canonical: str, route: AbstractRoute | None, methods: set[str] | None = None) -> None:
        super().__init__()
        self._canonical = canonical
        self._route = route
        self._methods = methods or set()

    @property
    def canonical(self) -> str:
        return self._canonical

    def url_for(self, **parts: str) -> URL:
        raise NotImplementedError

    async def resolve(self, request: Any) -> tuple[UrlMappingMatchInfo | None, set[str]]:
        return (UrlMappingMatchInfo({}, self._route) if self._route else None), self._methods

    def add_prefix(self, prefix: str) -> None:
        raise NotImplementedError

    def get_info(self) -> dict[str, Any]:
        return {}

    def raw_match(self, path: str) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[AbstractRoute]:
        return iter(())


def test_fixed_path_and_names(router: UrlDispatcher, find: Find) -> None:
    fixed = router.add_get("/user/me", handler)
    named = router.add_get("/user/{id}", handler)
    assert find("GET", "/user/me").route is fixed
    match_info = find("GET", "/user/a%20b%2Fc")
    assert match_info.route is named
    assert match_info == {"id": "a b/c"}


def test_head_comes_with_get_unless_refused(router: UrlDispatcher, find: Find) -> None:
    router.add_get("/a", handler)
    router.add_get("/b", handler, allow_head=False)
    assert find("HEAD", "/a").route.method == "HEAD"
    assert isinstance(find("HEAD", "/b").http_exception, HTTPMethodNotAllowed)


def test_miss_is_a_system_route(router: UrlDispatcher, find: Find) -> None:
    router.add_post("/a", handler)
    router.add_put("/{x}", handler)
    found = find("GET", "/nowhere/at/all")
    assert isinstance(found.route, SystemRoute)
    assert not found
    assert isinstance(found.http_exception, HTTPNotFound)
    error = find("GET", "/a").http_exception
    assert isinstance(error, HTTPMethodNotAllowed)
    assert error.allowed_methods == {"POST", "PUT"}
    assert error.method == "GET"


def test_errors_are_not_shared_by_requests(router: UrlDispatcher, find: Find) -> None:
    assert find("GET", "/").http_exception is not find("GET", "/").http_exception


def test_later_pattern_takes_the_method_that_an_earlier_lacks(router: UrlDispatcher, find: Find) -> None:
    router.add_get("/a", handler)
    late = router.add_delete("/{x}", handler)
    assert find("DELETE", "/a").route is late


def test_expression_is_tested_by_python_in_its_turn(router: UrlDispatcher, find: Find) -> None:
    digits = router.add_get(r"/{id:\d+}", handler)
    word = router.add_get("/{word}", handler)
    look = router.add_get("/x/{w:(?!b)[^/]+}/end", handler)
    double = router.add_get("/x/{w:(.)(?P<same>.)(?P=same)}/end", handler)
    assert find("GET", "/12").route is digits
    assert find("GET", "/1a").route is word
    assert find("GET", "/x/abb/end").route is look
    match_info = find("GET", "/x/baa/end")
    assert match_info.route is double
    assert match_info == {"w": "baa", "same": "a"}


def test_expression_sees_the_decoded_path(router: UrlDispatcher, find: Find) -> None:
    router.add_get("/{w:[é/]+|a%2Fb}", handler)
    assert find("GET", "/%C3%A9/%c3%a9") == {"w": "é/é"}
    assert find("GET", "/a%2fb") == {"w": "a/b"}


def test_fixed_text_matches_however_it_is_written(router: UrlDispatcher, find: Find) -> None:
    plain = router.add_get("/café", handler)
    named = router.add_get("/café au lait/{size}", handler)
    assert find("GET", "/caf%C3%A9").route is plain
    assert find("GET", "/caf%c3%a9%20au%20lait/s").route is named
    assert find("GET", str(named.url_for(size="m"))).route is named


async def test_resolve_gives_what_match_gives(
    router: UrlDispatcher, make_request: Callable[..., Any]
) -> None:
    router.add_get("/{a}", handler)
    match_info = await router.resolve(make_request("GET", "/x"))
    assert isinstance(match_info, UrlMappingMatchInfo)
    assert match_info == {"a": "x"}
    assert (await router.resolve(make_request("PUT", "/x"))).http_exception is not None


def test_is_native_until_resolve_is_overridden(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(UrlDispatcher):
        async def resolve(self, request: Any) -> Any:
            return await super().resolve(request)

    patched = UrlDispatcher()
    assert patched.is_native
    assert not Own().is_native
    monkeypatch.setattr(patched, "resolve", handler)
    assert not patched.is_native
    monkeypatch.setattr(UrlDispatcher, "resolve", Own.resolve)
    assert not UrlDispatcher().is_native


async def test_foreign_resource_is_asked_in_its_turn(
    router: UrlDispatcher, make_request: Callable[..., Any]
) -> None:
    first = router.add_get("/a/{x}", handler)
    route = PlainResource("/elsewhere").add_route("GET", handler)
    router.register_resource(Foreign("/a", route))
    under_root = router.add_get("/{x}/{y}/{z}", handler)
    # Before it: answered at once.
    assert router.finder()(make_request("GET", "/a/b"))[0] is first
    # Its own, and what comes after it: only `resolve` can tell.
    for path in ("/a", "/a/b/c"):
        assert type(router.finder()(make_request("GET", path))) is not tuple
        assert (await router.resolve(make_request("GET", path))).handler is route.handler
    # Beside it.
    assert router.finder()(make_request("GET", "/ab/b/c"))[0] is under_root


async def test_foreign_resource_that_declines_adds_its_methods(
    router: UrlDispatcher, make_request: Callable[..., Any]
) -> None:
    router.register_resource(Foreign("/", None, {"BREW"}))
    router.add_put("/a", handler)
    taken = await router.resolve(make_request("PUT", "/a"))
    assert taken.http_exception is None
    refused = (await router.resolve(make_request("GET", "/a"))).http_exception
    assert isinstance(refused, HTTPMethodNotAllowed)
    assert refused.allowed_methods == {"BREW", "PUT"}


@pytest.mark.parametrize("way", ["subclass", "instance", "class"])
async def test_overridden_way_of_a_resource_is_used(
    way: str, router: UrlDispatcher, make_request: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def decline(*_: Any) -> tuple[None, set[str]]:
        return None, set()

    class Declining(PlainResource):
        resolve = decline  # type: ignore[assignment]  # anything goes in a subclass of somebody's

    if way == "class":
        monkeypatch.setattr(PlainResource, "resolve", decline)
    resource = (Declining if way == "subclass" else PlainResource)("/a")
    resource.add_route("GET", handler)
    if way == "instance":
        monkeypatch.setattr(resource, "resolve", decline)
    router.register_resource(resource)
    assert type(router.finder()(make_request("GET", "/a"))) is not tuple
    assert isinstance((await router.resolve(make_request("GET", "/a"))).http_exception, HTTPNotFound)


async def test_walk_does_not_hash_every_prefix_of_a_flood(router: UrlDispatcher) -> None:
    router.register_resource(Foreign("/a/b", None))
    assert list(router._keys("/" * 8000)) == ["////", "///", "//", "/"]
    assert list(router._keys("/a/b/c")) == ["/a/b", "/a", "/"]
    assert list(router._keys("/")) == ["/"]
    assert list(router._keys("*")) == ["*", "/"]
    assert list(router._keys("")) == []


def test_resource_is_shared_by_neighbours_of_one_pattern(router: UrlDispatcher) -> None:
    first = router.add_resource("/a")
    assert router.add_resource("/a") is first
    assert router.add_resource("/a", name="named") is not first
    router.add_resource("/b")
    assert router.add_resource("/a") is not first


def test_route_added_to_a_resource_later_is_found(router: UrlDispatcher, find: Find) -> None:
    resource = router.add_resource("/a")
    router.freeze()
    assert isinstance(find("GET", "/a").http_exception, HTTPNotFound | HTTPMethodNotAllowed)
    route = resource.add_route("GET", handler)
    assert find("GET", "/a").route is route


def test_resource_added_after_a_look_up_is_found(router: UrlDispatcher, find: Find) -> None:
    assert find("GET", "/a").http_exception is not None
    route = router.add_get("/a", handler)
    assert find("GET", "/a").route is route


def test_moved_resource_is_found_at_its_new_place(router: UrlDispatcher, find: Find) -> None:
    route = router.add_get("/{a}", handler)
    resource = route.resource
    assert resource is not None
    assert find("GET", "/x").route is route
    router.unindex_resource(resource)
    resource.add_prefix("/app")
    router.index_resource(resource)
    assert find("GET", "/x").http_exception is not None
    assert find("GET", "/app/x").route is route


def test_empty_path_is_the_root_once_frozen(router: UrlDispatcher, find: Find) -> None:
    route = router.add_get("", handler)
    assert find("GET", "/").http_exception is not None
    router.freeze()
    assert find("GET", "/").route is route


def test_frozen_router_takes_no_resource(router: UrlDispatcher) -> None:
    router.freeze()
    assert router.frozen
    with pytest.raises(RuntimeError, match="frozen"):
        router.add_get("/a", handler)


def test_named_resources_are_a_mapping(router: UrlDispatcher) -> None:
    route = router.add_get("/user/{id}", handler, name="user.one")
    router.add_get("/", handler)
    assert list(router) == ["user.one"]
    assert len(router) == 1
    assert "user.one" in router
    assert router["user.one"] is route.resource
    assert dict(router.named_resources()) == dict(router)
    assert str(router["user.one"].url_for(id="7")) == "/user/7"
    with pytest.raises(KeyError):
        router["nobody"]


@pytest.mark.parametrize("name", ["class", "a.class", "1a", "a b", "", "a..b", "ünd-is"])
def test_name_must_be_made_of_identifiers(router: UrlDispatcher, name: str) -> None:
    with pytest.raises(ValueError, match="Incorrect route name"):
        router.add_get("/a", handler, name=name)
    assert len(router.resources()) == 0


def test_name_is_taken_once(router: UrlDispatcher) -> None:
    router.add_get("/a", handler, name="a:b-c")
    with pytest.raises(ValueError, match="Duplicate"):
        router.add_get("/b", handler, name="a:b-c")


def test_views_of_resources_and_routes(router: UrlDispatcher) -> None:
    route = router.add_put("/a", handler)
    router.add_get("/b", handler)
    resources, routes = router.resources(), router.routes()
    assert len(resources) == 2
    assert [resource.canonical for resource in resources] == ["/a", "/b"]
    assert route.resource in resources
    assert [item.method for item in routes] == ["PUT", "HEAD", "GET"]
    assert route in routes
    assert len(routes) == 3
    assert router.add_put("/later", handler) not in routes


def test_every_verb_has_a_method(router: UrlDispatcher) -> None:
    for method in ("head", "options", "get", "post", "put", "patch", "delete"):
        route = getattr(router, f"add_{method}")(f"/{method}", handler)
        assert route.method == method.upper()


def test_definitions_are_added_in_order(router: UrlDispatcher) -> None:
    added = router.add_routes([get("/a", handler), post("/a", other, name="a")])
    assert [(route.method, route.handler) for route in added] == [("GET", handler), ("POST", other)]


def test_only_resources_are_registered(router: UrlDispatcher) -> None:
    with pytest.raises(TypeError, match="AbstractResource"):
        router.register_resource("/a")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must start with /"):
        router.add_get("a", handler)


def test_a_thousand_routes_cost_what_ten_cost(make_request: Callable[..., Any]) -> None:
    routers = []
    for count in (10, 1000):
        router = UrlDispatcher()
        for i in range(1000, 1000 + count):
            router.add_get(f"/fixed/{i}", handler)
            router.add_get(f"/user{i}/{{id}}/x", handler)
            router.add_get(f"/same/{{id}}/x{i}", handler)
            router.add_get(f"/mixed/a{i}-{{id}}", handler)
            router.add_get(rf"/digits/{{id:\d+}}/x{i}", handler)
        routers.append(router._build())
    for path in (
        "/fixed/1007",
        "/user1007/a/x",
        "/same/a/x1007",
        "/mixed/a1007-b",
        "/digits/12/x1007",
        "/no",
    ):
        small, large = (native.effort(path) for native in routers)
        assert small == large <= 12, path


def test_test_of_an_expression_may_look_up_and_change_routes(router: UrlDispatcher) -> None:
    """The native router holds nothing across a call into Python."""
    routes = {"GET": "got"}
    seen: list[Any] = []

    def meddle(path: str) -> tuple[str]:
        if not seen:
            seen.append(path)
            seen.append(native.resolve("GET", "/again"))
            routes["PUT"] = "new"
        return (path,)

    native = type(router._build())([("/", ("/", ""), routes, True, meddle)])
    assert native.resolve("PUT", "/x") == ("new", ("/x",))
    assert seen == ["/x", ("got", ("/again",))]


def test_error_of_an_expression_s_test_comes_through(router: UrlDispatcher) -> None:
    native = type(router._build())([("/", ("/", ""), {}, True, broken)])
    with pytest.raises(ZeroDivisionError):
        native.resolve("GET", "/x")


def broken(path: str) -> Any:
    raise ZeroDivisionError(path)


@pytest.mark.parametrize(
    ("pattern", "foreign"), [(("user/", ""), False), (("/",), False), ((), False), (("/",), True), ((), True)]
)
def test_native_router_refuses_patterns_that_it_cannot_hold(
    router: UrlDispatcher, pattern: tuple[str, ...], foreign: bool
) -> None:
    native_class = type(router._build())
    with pytest.raises(ValueError, match="pattern"):
        native_class([("/", pattern, {}, foreign, None)])


def test_router_is_freed_with_its_cycle() -> None:
    def make() -> weakref.ref[UrlDispatcher]:
        own = UrlDispatcher()

        async def closure(request: Any) -> Any:
            return own

        own.add_get(r"/{x:\d+}", closure)
        own.freeze()
        return weakref.ref(own)

    gone = make()
    gc.collect()
    assert gone() is None
