"""Applications: middlewares, signals, life-cycle, overridden seams, context."""

from __future__ import annotations

import asyncio
import contextvars
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.behaviour.library import application, middleware, quinde_only, request, serve, web
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.servers import Served
    from tests.support.wire import Answer


async def hello(_request: Any) -> Any:
    return web.Response(text="hello")


async def ask(served: Served, path: str = "/", *fields: str) -> Answer:
    async with open_wire(served) as wire:
        await wire.send(request("GET", path, *fields))
        return await wire.read_answer()


def wrapper(name: str, trace: list[str]) -> Any:
    """A middleware that notes when it is entered and left."""

    @middleware
    async def around(asked: Any, handler: Any) -> Any:
        trace.append(f">{name}")
        try:
            return await handler(asked)
        finally:
            trace.append(f"<{name}")

    return around


async def test_middlewares_nest_in_order() -> None:
    trace: list[str] = []
    app = application(hello, middlewares=[wrapper("a", trace), wrapper("b", trace)])
    async with serve(app) as served:
        for _ in range(2):
            assert (await ask(served)).body == b"hello"
    assert trace == [">a", ">b", "<b", "<a"] * 2


async def test_middleware_may_answer_and_change_answers() -> None:
    @middleware
    async def change(asked: Any, handler: Any) -> Any:
        if asked.path == "/own":
            return web.Response(text="own")
        response = await handler(asked)
        response.headers["X-App"] = str(asked.app is app and asked.match_info.handler is hello)
        return response

    app = application(hello, middlewares=[change])
    async with serve(app) as served:
        assert (await ask(served, "/own")).body == b"own"
        assert (await ask(served)).header("X-App") == "True"


async def test_middlewares_see_misses_and_http_exceptions() -> None:
    statuses: list[int] = []

    @middleware
    async def watch(asked: Any, handler: Any) -> Any:
        try:
            return await handler(asked)
        except web.HTTPException as exc:
            statuses.append(exc.status)
            raise

    async def teapot(_request: Any) -> Any:
        raise web.HTTPConflict

    app = application(teapot, method="GET", path="/there", middlewares=[watch])
    async with serve(app) as served:
        assert (await ask(served, "/there")).status == 409
        assert (await ask(served, "/elsewhere")).status == 404
    assert statuses == [409, 404]


@quinde_only
async def test_unmarked_middleware_is_refused() -> None:
    async def unmarked(_app: Any, _handler: Any) -> Any:
        raise AssertionError

    runner = web.AppRunner(application(hello, middlewares=[unmarked]))
    with pytest.raises(TypeError, match=r"web\.middleware"):
        await runner.setup()
    await runner.cleanup()


async def test_life_cycle() -> None:
    trace: list[str] = []
    app = application(hello)

    def note(name: str) -> Any:
        async def noting(noted: Any) -> None:
            assert noted is app
            trace.append(name)

        return noting

    async def generator(_app: Any) -> AsyncIterator[None]:
        trace.append("enter 1")
        yield
        trace.append("leave 1")

    @asynccontextmanager
    async def manager(_app: Any) -> AsyncIterator[None]:
        trace.append("enter 2")
        yield
        trace.append("leave 2")

    app.on_startup.append(note("startup"))
    app.on_shutdown.append(note("shutdown"))
    app.on_cleanup.append(note("cleanup"))
    app.cleanup_ctx.extend([generator, manager])
    async with serve(app) as served:
        assert app.frozen
        trace.append("serving")
        assert (await ask(served)).status == 200
    assert trace == [
        "enter 1",
        "enter 2",
        "startup",
        "serving",
        "shutdown",
        "leave 2",
        "leave 1",
        "cleanup",
    ]


async def test_failed_start_leaves_what_was_entered() -> None:
    trace: list[str] = []
    app = application(hello)

    async def good(_app: Any) -> AsyncIterator[None]:
        yield
        trace.append("left")

    async def bad(_app: Any) -> AsyncIterator[None]:
        raise ZeroDivisionError
        yield

    app.cleanup_ctx.extend([good, bad])
    runner = web.AppRunner(app)
    with pytest.raises(ZeroDivisionError):
        await runner.setup()
    await runner.cleanup()
    assert trace == ["left"]


async def test_cleanup_errors_are_gathered() -> None:
    def failing(number: int) -> Any:
        async def resource(_app: Any) -> AsyncIterator[None]:
            yield
            raise ValueError(number)

        return resource

    app = application(hello)
    app.cleanup_ctx.extend([failing(1), failing(2)])
    runner = web.AppRunner(app)
    await runner.setup()
    with pytest.raises(web.CleanupError) as caught:
        await runner.cleanup()
    assert [str(exc) for exc in caught.value.exceptions] == ["2", "1"]


async def test_response_prepare_signal_changes_headers() -> None:
    async def sign(asked: Any, response: Any) -> None:
        assert asked.path == "/x"
        assert not response.prepared or response.headers["Content-Length"] == "5"
        response.headers["X-Signed"] = response.headers["Server"]
        del response.headers["Server"]

    app = application(hello)
    app.on_response_prepare.append(sign)
    async with serve(app) as served:
        answer = await ask(served, "/x")
    assert answer.header("X-Signed")
    assert answer.header("Server") is None
    assert answer.body == b"hello"


@quinde_only
async def test_failing_signal_is_a_500() -> None:
    async def fail(_request: Any, _response: Any) -> None:
        raise ZeroDivisionError

    app = application(hello)
    app.on_response_prepare.append(fail)
    async with serve(app) as served:
        assert (await ask(served)).status == 500


async def test_values_are_shared_with_handlers() -> None:
    key = web.AppKey("database", dict)

    async def handler(asked: Any) -> Any:
        return web.Response(text=asked.app[key]["name"])

    app = application(handler)

    async def connect(started: Any) -> None:
        started[key] = {"name": "pokédex"}

    app.on_startup.append(connect)
    async with serve(app) as served:
        assert (await ask(served)).body == "pokédex".encode()
        with pytest.warns(DeprecationWarning, match="Changing state"):
            app[key] = {}


async def test_start_up_may_add_routes() -> None:
    app = web.Application()

    async def add(started: Any) -> None:
        started.router.add_get("/late", hello)

    app.on_startup.append(add)
    async with serve(app) as served:
        assert (await ask(served, "/late")).body == b"hello"
        with pytest.raises(RuntimeError):
            app.router.add_get("/too-late", hello)


async def test_overridden_handle_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    original = web.Application._handle
    seen: list[str] = []

    async def traced(self: Any, asked: Any) -> Any:
        seen.append(asked.path)
        response = await original(self, asked)
        response.headers["X-Traced"] = "yes"
        return response

    monkeypatch.setattr(web.Application, "_handle", traced)
    async with serve(application(hello)) as served:
        assert (await ask(served, "/a")).header("X-Traced") == "yes"
    assert seen == ["/a"]


async def test_overridden_resolve_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    original = web.UrlDispatcher.resolve
    seen: list[str] = []

    async def traced(self: Any, asked: Any) -> Any:
        seen.append(asked.path)
        return await original(self, asked)

    monkeypatch.setattr(web.UrlDispatcher, "resolve", traced)
    async with serve(application(hello)) as served:
        assert (await ask(served, "/a")).body == b"hello"
    assert seen == ["/a"]


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


async def test_each_request_has_a_context_of_its_own() -> None:
    async def handler(_request: Any) -> Any:
        seen = VARIABLE.get()
        VARIABLE.set("from a handler")
        return web.Response(text=seen)

    app = application(handler)

    async def set_at_start(_app: Any) -> None:
        VARIABLE.set("from start-up")

    app.on_startup.append(set_at_start)
    async with serve(app) as served, open_wire(served) as wire:
        VARIABLE.set("from the test")
        for _ in range(2):
            await wire.send(request())
            assert (await wire.read_answer()).body == b"from start-up"


async def test_handlers_run_in_real_tasks() -> None:
    async def handler(_request: Any) -> Any:
        task = asyncio.current_task()
        assert isinstance(task, asyncio.Task)
        assert task in asyncio.all_tasks()
        async with asyncio.timeout(5):
            async with asyncio.TaskGroup() as group:
                value = group.create_task(asyncio.sleep(0, "child"))
        return web.Response(text=value.result())

    async with serve(application(handler)) as served:
        assert (await ask(served)).body == b"child"


async def test_subclasses_of_responses() -> None:
    class Loud(web.Response):  # type: ignore[misc]
        async def prepare(self, asked: Any) -> Any:
            self.headers["X-Loud"] = asked.path
            return await super().prepare(asked)

    async def handler(_request: Any) -> Any:
        return Loud(text="loud")

    async with serve(application(handler)) as served:
        answer = await ask(served, "/a")
    assert (answer.body, answer.header("X-Loud")) == (b"loud", "/a")


APPEND: dict[str, Any] = {}
REMOVE = {"append_slash": False, "remove_slash": True}
MERGE = {"append_slash": False}
NO_MERGE = {"merge_slashes": False}


@pytest.mark.parametrize(
    ("options", "target", "location"),
    [
        (APPEND, "/with/", None),
        (APPEND, "/with", "/with/"),
        (APPEND, "/with?a=b%20c&d", "/with/?a=b%20c&d"),
        (APPEND, "/with?", "/with/"),
        (APPEND, "/without", None),
        (APPEND, "/without/", 404),
        (APPEND, "//with//", "/with/"),
        (APPEND, "/a//b", "/a/b"),
        (APPEND, "///a///b?c//d", "/a/b?c//d"),
        (APPEND, "/a//b/c", "/a/b/c/"),
        (APPEND, "/a%2Fb//x", "/a%2Fb/x/"),
        (APPEND, "//example.com/with", 404),
        (APPEND, "//example.com", "/example.com/"),
        (REMOVE, "/without/", "/without"),
        (REMOVE, "/without/?q", "/without?q"),
        (REMOVE, "/with", 404),
        (REMOVE, "/a//b/", "/a/b"),
        (REMOVE, "//without/", "/without"),
        (REMOVE, "//a///b///", "/a/b"),
        (MERGE, "/a//b", "/a/b"),
        (MERGE, "/with", 404),
        (NO_MERGE, "/with", "/with/"),
        (NO_MERGE, "/a//b", 404),
        (NO_MERGE, "//with", "/with/"),
    ],
)
@pytest.mark.parametrize("status", [301, 308])
async def test_paths_that_are_nearly_right(
    options: dict[str, Any], target: str, location: str | int | None, status: int
) -> None:
    if status == 301:
        options = {**options, "redirect_class": web.HTTPMovedPermanently}

    async def handler(_request: Any) -> Any:
        return web.Response(text="here")

    app = web.Application(middlewares=[web.normalize_path_middleware(**options)])
    for path in ("/with/", "/without", "/a/b", "/a/b/c/", "/{name}/x/", "/example.com/"):
        app.router.add_get(path, handler)
    async with serve(app) as served, open_wire(served) as wire:
        await wire.send(request("GET", target))
        answer = await wire.read_answer()
    if location is None or isinstance(location, int):
        assert answer.status == (location or 200)
    else:
        assert (answer.status, answer.headers("Location")) == (status, [location])


@quinde_only
async def test_a_last_letter_is_no_slash() -> None:
    """aiohttp takes it off too, and finds the wrong resource."""

    async def handler(_request: Any) -> Any:
        return web.Response()

    app = web.Application(middlewares=[web.normalize_path_middleware(**REMOVE)])
    app.router.add_get("/path", handler)
    async with serve(app) as served, open_wire(served) as wire:
        await wire.send(request("GET", "/paths"))
        assert (await wire.read_answer()).status == 404


def test_slashes_are_not_both_appended_and_removed() -> None:
    with pytest.raises(AssertionError, match="Cannot both remove and append slash"):
        web.normalize_path_middleware(append_slash=True, remove_slash=True)
