"""Routing beside aiohttp's: the same tables and paths on both, hundreds of seeded combinations."""

from __future__ import annotations

import random
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web_urldispatcher as theirs
from aiohttp.web_exceptions import HTTPMethodNotAllowed as TheirMethodNotAllowed
from yarl import URL

from quinde._core import Router
from quinde.web import routing as ours
from quinde.web.exceptions import HTTPMethodNotAllowed as OurMethodNotAllowed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SEED = 20261122


async def handler(request: Any) -> Any:
    return request


def make_request(method: str, raw_path: str) -> Any:
    url = URL.build(path=raw_path, encoded=True)
    return SimpleNamespace(method=method, raw_path=raw_path, rel_url=url, expect_continue=False)


def fill(router: Any, table: list[tuple[str, str]]) -> Any:
    """Register each pattern by its method; what a router refuses to add again is left out, by both alike."""
    for method, path in table:
        try:
            router.add_route(method, path, handler)
        except RuntimeError:
            continue
    router.freeze()
    return router


def summary(match_info: Any) -> tuple[Any, ...]:
    """What a match says, in words that both sides share."""
    error = match_info.http_exception
    if isinstance(error, TheirMethodNotAllowed | OurMethodNotAllowed):
        return 405, sorted(error.allowed_methods), error.headers["Allow"]
    if error is not None:
        return (error.status,)
    route = match_info.route
    return route.method, route.resource.canonical, dict(match_info)


async def compare(table: list[tuple[str, str]], requests: list[tuple[str, str]]) -> list[tuple[Any, ...]]:
    """Ask aiohttp, and quinde by each of its three ways; give what they agree on."""
    reference, router = fill(theirs.UrlDispatcher(), table), fill(ours.UrlDispatcher(), table)
    answers = []
    for method, path in requests:
        request = make_request(method, path)
        expected = summary(await reference.resolve(request))
        ways: dict[str, Callable[[Any], Awaitable[Any]]] = {"resolve": router.resolve, "walk": router._walk}
        for name, way in ways.items():
            assert summary(await way(request)) == expected, (name, method, path, table)
        found = router.finder()(request)
        if type(found) is tuple:
            assert summary(ours.build_match_info(*found)) == expected, ("finder", method, path, table)
        else:
            assert expected[0] in {404, 405}, ("finder", method, path, table)
        answers.append(expected)
    return answers


# Fixed text that needs no quoting: with other text aiohttp 3.14.5 finds no dynamic resource (see below).
PARTS = ["a", "b", "ab", "a.b", "v1", "{x}", "{y}", "{x}.{y}", "v{x}", "{x}-{y}", "{x}{y}", ""]
EXPRESSIONS = [
    r"{x:\d+}",
    r"{x:[a-z]+}",
    r"{x:.*}",
    r"{x:.+}",
    r"a{x:.*}",
    r"{x:(?!a).*}",
    r"{x:a{1,2}}",
    r"{x:(?i:AB)}",
    r"{x:[^/]+}.b",
    r"{x:a|b}",
    r"{x:(?P<same>.)(?P=same)?}",
]
METHODS = ["GET", "PUT", "DELETE", "*"]
SEGMENTS = [
    "a",
    "b",
    "ab",
    "a.b",
    "a-b-a",
    "v1",
    "v",
    "1",
    "12",
    "",
    "%61",
    "%C3%A9",
    "a%2fb",
    "%25",
    "%7Bx%7D",
    "AB",
    "%",
    "%ff",
]


def readable(path: str) -> bool:
    """Whether aiohttp takes the pattern (names may repeat, expressions may be wrong)."""
    try:
        theirs.UrlDispatcher().add_resource(path)
    except ValueError:
        return False
    return True


def random_pattern(dice: random.Random) -> str:
    while True:
        parts = dice.choices(PARTS, k=dice.randint(1, 3))
        if dice.random() < 0.35:
            parts[dice.randrange(len(parts))] = dice.choice(EXPRESSIONS)
        path = "/" + "/".join(parts)
        if readable(path):
            return path


def random_request(dice: random.Random) -> tuple[str, str]:
    path = "/" + "/".join(dice.choices(SEGMENTS, k=dice.randint(1, 3)))
    return dice.choice(["GET", "PUT", "DELETE", "BREW"]), path


@pytest.mark.parametrize("seed", range(SEED, SEED + 150))
async def test_random_tables(seed: int) -> None:
    dice = random.Random(seed)
    table = [(dice.choice(METHODS), random_pattern(dice)) for _ in range(dice.randint(1, 14))]
    await compare(table, [random_request(dice) for _ in range(40)])


async def test_random_tables_are_no_vain_exercise() -> None:
    """The tables above lead to hits of each kind, not to misses alone."""
    dice = random.Random(SEED)
    answers = []
    for _ in range(40):
        table = [(dice.choice(METHODS), random_pattern(dice)) for _ in range(10)]
        answers += await compare(table, [random_request(dice) for _ in range(20)])
    kinds = [answer[0] if isinstance(answer[0], int) else "hit" for answer in answers]
    assert {kind: kinds.count(kind) > 50 for kind in (404, 405, "hit")} == {404: True, 405: True, "hit": True}
    assert sum(len(answer[2]) > 0 for answer in answers if isinstance(answer[0], str)) > 50


PRECEDENCE = [
    ("GET", "/{a}/{b}"),
    ("GET", "/user/{id}"),
    ("GET", "/user/me"),
    ("PUT", "/user/{other}"),
    ("GET", "/user/{id:.+}/tail"),
    ("GET", "/{tail:.*}"),
    ("*", "/any"),
    ("GET", "/user/"),
    ("GET", "/user//x"),
    ("POST", "/foo{tail:.*}"),
    ("GET", "/foo/{x}"),
]


async def test_precedence() -> None:
    paths = [
        *("/user/me", "/user/7", "/user/a/b/tail", "/user", "/user/", "/user//x", "/any", "/", "//", "///x"),
        *("/foo", "/foobar", "/foo/x", "/foo/x/y", "/x/y", "/a/b/c", "/user/me/", "*", ""),
    ]
    methods = ["GET", "HEAD", "PUT", "POST", "BREW", "get"]
    answers = await compare(PRECEDENCE, [(method, path) for method in methods for path in paths])
    assert len({repr(answer) for answer in answers}) > 12


async def test_head_is_added_by_get() -> None:
    for allow_head in (True, False):
        summaries = []
        for router in (theirs.UrlDispatcher(), ours.UrlDispatcher()):
            router.add_get("/a", handler, allow_head=allow_head)
            router.add_post("/a", handler)
            found = [await router.resolve(make_request(method, "/a")) for method in ("GET", "HEAD", "PUT")]
            summaries.append([summary(match_info) for match_info in found])
        assert summaries[0] == summaries[1]


@pytest.mark.parametrize("path", ["/é/{x}", "/%C3%A9/{x}", "/a b/{x}", "/a[b]/{x:.}"])
async def test_known_difference_fixed_text_that_needs_quoting(path: str) -> None:
    """aiohttp 3.14.5 cannot find what its own `url_for` gives (aio-libs/aiohttp#13433); quinde does."""
    found = []
    for router in routers():
        url = router.add_get(path, handler).url_for(x="1")
        found.append(summary(await router.resolve(make_request("GET", url.raw_path))))
    assert found[0] == (404,)
    assert found[1][2] == {"x": "1"}


def outcome(action: Callable[[], Any]) -> Any:
    """What a call gives, or the class of what it raises."""
    try:
        return action()
    except Exception as error:
        return type(error)


BRACES = [
    "{",
    "}",
    "{}",
    "{x",
    "x}",
    "{x}",
    "{x:y}",
    "{x:}",
    "{1}",
    "{ x}",
    "{x-y}",
    "{é}",
    "{x:a{2}}",
    "{x:{2}}",
]
ODD = [
    "{x:(}",
    "{x:a{2}{3}}",
    "{x:(?i)a}",
    r"{x:\1}",
    "{x:a)|(b}",
    "{x{y}}",
    "{{x}}",
    "{x:a\nb}",
    "{_}",
    "{x:[}{y:]}",
]
TEXT = [
    "a b",
    "é",
    "%C3%A9",
    "a%2Fb",
    "a%b",
    "a?b",
    "a#b",
    "a+b",
    "a:b@c",
    "%zz",
    "[a]",
    "a\nb",
    "",
    "a//b",
    ".",
]


@pytest.mark.parametrize(
    "path", [prefix + part for prefix in ("/", "/p/", "") for part in BRACES + ODD + TEXT]
)
def test_patterns_are_read_alike(path: str) -> None:
    def read(router: Any) -> Any:
        resource = router.add_resource(path)
        return type(resource).__name__, resource.canonical, resource.raw_match(path)

    assert outcome(lambda: read(ours.UrlDispatcher())) == outcome(lambda: read(theirs.UrlDispatcher()))


@pytest.mark.parametrize("path", ["/{x}", "/é/{x}", "/a b/{x}.{y}", "/%C3%A9/{x:.*}", "/plain", "/a%2Fb/{y}"])
@pytest.mark.parametrize("value", ["a", "a b", "é", "a/b", "a%2Fb", "%", "a?b#c", "+", "", "a:b@c"])
def test_urls_are_built_alike(path: str, value: str) -> None:
    def build(router: Any) -> str:
        names = {name: value for name in ("x", "y") if f"{{{name}" in path}
        return str(router.add_get(path, handler).url_for(**names))

    assert outcome(lambda: build(ours.UrlDispatcher())) == outcome(lambda: build(theirs.UrlDispatcher()))


def test_missing_and_superfluous_names_in_urls() -> None:
    for parts in ({}, {"y": "1"}, {"x": "1", "y": "2"}):
        results = [outcome(lambda: str(r.add_resource("/{x}").url_for(**parts))) for r in routers()]  # noqa: B023
        assert results[0] == results[1], parts


def name_of(router: Any, name: str) -> Any:
    return router.add_get("/a", handler, name=name).name


def method_of(router: Any, method: str) -> Any:
    return router.add_route(method, "/", handler).method


def routers() -> tuple[Any, Any]:
    return theirs.UrlDispatcher(), ours.UrlDispatcher()


@pytest.mark.parametrize("name", ["a", "a.b", "a:b-c", "class", "a.for", "1", "a b", "", "ü", "a..b", "_"])
def test_names_are_checked_alike(name: str) -> None:
    results = [outcome(partial(name_of, r, name)) for r in routers()]
    assert results[0] == results[1]


@pytest.mark.parametrize("method", ["get", "GET", "BREW", "*", "GE T", "", "é", "M-SEARCH", "(x)"])
def test_methods_are_checked_alike(method: str) -> None:
    results = [outcome(partial(method_of, r, method)) for r in routers()]
    assert results[0] == results[1]


ADDITIONS = [
    [("GET", "/a"), ("GET", "/a")],
    [("*", "/a"), ("GET", "/a")],
    [("GET", "/a"), ("*", "/a"), ("PUT", "/a")],
    [("GET", "/a"), ("GET", "/b"), ("GET", "/a")],
    [("get", "/a"), ("get", "/a")],
    [("GET", "/{x}"), ("GET", "/{x}")],
    [("GET", "/{x}"), ("GET", "/{y}")],
    [("GET", ""), ("GET", "/")],
]


@pytest.mark.parametrize("table", ADDITIONS)
def test_routes_in_each_others_way_are_refused_alike(table: list[tuple[str, str]]) -> None:
    def add(router: Any) -> list[tuple[str, str]]:
        for method, path in table:
            router.add_route(method, path, handler)
        return [(route.method, route.resource.canonical) for route in router.routes()]

    assert outcome(lambda: add(ours.UrlDispatcher())) == outcome(lambda: add(theirs.UrlDispatcher()))


def test_raw_paths_are_decoded_as_yarl_does() -> None:
    """The core decodes paths itself: the same result as `URL.path_safe`, which aiohttp asks."""
    dice = random.Random(SEED)
    pieces = [
        *(
            "%",
            "%%",
            "%4",
            "%zz",
            "a",
            "/",
            "é",
            "+",
            "%2f",
            "%2F",
            "%25",
            "%00",
            "%7e",
            "%80",
            "%BF",
            "%C0",
            "%c3",
        ),
        *(
            "%A9",
            "%E0",
            "%A0",
            "%9f",
            "%ED",
            "%EF",
            "%F0",
            "%90",
            "%8f",
            "%F4",
            "%f5",
            "%FF",
            "%e2%82%ac",
            "%41",
        ),
    ]
    seen: list[str] = []
    native = Router([("/", ("", ""), {}, True, seen.append)])
    for _ in range(5000):
        raw_path = "/" + "".join(dice.choices(pieces, k=dice.randint(0, 8)))
        native.resolve("GET", raw_path)
        assert seen.pop() == URL.build(path=raw_path, encoded=True).path_safe, raw_path


def test_public_names_are_there() -> None:
    """Everything of aiohttp's router but static files and sub-applications, which come later."""
    later = {"add_static"}
    for name in (
        "UrlDispatcher",
        "UrlMappingMatchInfo",
        "AbstractRoute",
        "ResourceRoute",
        "SystemRoute",
        "View",
    ):
        assert public(getattr(theirs, name)) - public(getattr(ours, name)) <= later | {"NAME_SPLIT_RE"}, name
    for name in ("AbstractResource", "Resource", "PlainResource", "DynamicResource"):
        assert public(getattr(theirs, name)) - public(getattr(ours, name)) <= {
            "DYN",
            "DYN_WITH_RE",
            "GOOD",
        }, name


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}
