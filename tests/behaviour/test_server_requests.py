"""What a handler sees of a request."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.behaviour.library import application, middleware, quinde_only, request, serve, web
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from tests.support.wire import Answer


async def told(look: Any, data: bytes, **options: Any) -> Any:
    """Send a request, and give what `look(request)` made of it in the handler."""
    seen: list[Any] = []

    async def handler(asked: Any) -> Any:
        value = look(asked)
        seen.append(await value if asyncio.iscoroutine(value) else value)
        return web.Response(text="ok")

    async with serve(application(handler, **options)) as served, open_wire(served) as wire:
        await wire.send(data)
        answer = await wire.read_answer()
        assert answer.status == 200, answer.body
    return seen[0]


@pytest.mark.plain("the scheme is http")
@pytest.mark.parametrize(
    ("target", "attribute", "value"),
    [
        ("/a%20b/%C3%BC?x=1&x=2&y=%26", "path", "/a b/ü"),
        ("/a%20b?x=1", "path_qs", "/a%20b?x=1"),
        ("/a%20b?x=1", "raw_path", "/a%20b?x=1"),
        ("/a?x=1&y=a+b", "query_string", "x=1&y=a b"),
        ("/a%2Fb", "path", "/a/b"),
        ("/plain/path", "path", "/plain/path"),
        ("/", "path", "/"),
        ("/a?b", "scheme", "http"),
        ("/a", "host", "quinde.test"),
        ("/a", "secure", False),
        ("/a", "method", "GET"),
        ("/a", "remote", "127.0.0.1"),
        ("/a", "content_type", "application/octet-stream"),
        ("/a", "charset", None),
        ("/a", "content_length", None),
        ("/a", "keep_alive", True),
        ("/a", "body_exists", False),
        ("/a", "can_read_body", False),
        ("/a", "if_modified_since", None),
        ("/a", "http_range", slice(None, None, 1)),
    ],
)
async def test_attributes(target: str, attribute: str, value: object) -> None:
    assert await told(lambda asked: getattr(asked, attribute), request("GET", target)) == value


async def test_version() -> None:
    assert await told(lambda asked: tuple(asked.version), request()) == (1, 1)
    assert await told(lambda asked: tuple(asked.version), request(version="1.0")) == (1, 0)


@pytest.mark.plain("the scheme is http")
async def test_urls() -> None:
    url, rel_url = await told(lambda asked: (asked.url, asked.rel_url), request("GET", "/a%20b?c=d#e"))
    assert str(url) == "http://quinde.test/a%20b?c=d#e"
    assert str(rel_url) == "/a%20b?c=d#e"


@pytest.mark.plain("the scheme is http")
async def test_absolute_target() -> None:
    data = request("GET", "http://other.test:81/x?y=z").replace(b"quinde.test", b"other.test:81")
    seen = await told(lambda asked: (str(asked.url), str(asked.rel_url), asked.host, asked.path), data)
    assert seen == ("http://other.test:81/x?y=z", "/x?y=z", "other.test", "/x")


async def test_query() -> None:
    query = await told(lambda asked: asked.query, request("GET", "/?a=1&b=%C3%BC&a=2"))
    assert list(query.items()) == [("a", "1"), ("b", "ü"), ("a", "2")]


async def test_headers_as_they_came() -> None:
    data = request("GET", "/", "X-One: 1", "x-two:  a b ", "X-ONE: 2", "X-Text: ü")
    headers, raw = await told(lambda asked: (asked.headers, asked.raw_headers), data)
    assert headers.getall("x-one") == ["1", "2"]
    assert headers["X-Two"] == "a b"
    assert headers["X-Text"] == b"\xfc".decode("utf-8", "surrogateescape")
    assert raw[1:] == ((b"X-One", b"1"), (b"x-two", b"a b"), (b"X-ONE", b"2"), (b"X-Text", b"\xfc"))


async def test_content_type_and_charset() -> None:
    data = request("POST", "/", 'Content-Type: Text/HTML; charset="UTF-16"; x=y', body=b"ab")
    seen = await told(lambda asked: (asked.content_type, asked.charset, asked.content_length), data)
    assert seen == ("text/html", "UTF-16", 2)


async def test_conditions() -> None:
    date = "Sun, 09 Sep 2001 01:46:40 GMT"
    data = request(
        "GET",
        "/",
        f"If-Modified-Since: {date}",
        f"If-Unmodified-Since: {date}",
        f"If-Range: {date}",
        'If-Match: "a", W/"b"',
        "If-None-Match: *",
        "Range: bytes=2-5",
    )

    def look(asked: Any) -> Any:
        times = {asked.if_modified_since, asked.if_unmodified_since, asked.if_range}
        return times, asked.if_match, asked.if_none_match, asked.http_range

    times, if_match, if_none_match, http_range = await told(look, data)
    assert [time.timestamp() for time in times] == [1_000_000_000]
    assert [(tag.value, tag.is_weak) for tag in if_match] == [("a", False), ("b", True)]
    assert [(tag.value, tag.is_weak) for tag in if_none_match] == [("*", False)]
    assert http_range == slice(2, 6, 1)


async def test_match_info_and_app() -> None:
    app = web.Application()
    seen: list[Any] = []

    async def handler(asked: Any) -> Any:
        seen.extend([dict(asked.match_info), asked.match_info.route, asked.app])
        return web.Response()

    route = app.router.add_get("/pokemon/{name}/{part:[a-z]+}", handler)
    async with serve(app) as served, open_wire(served) as wire:
        await wire.send(request("GET", "/pokemon/Mr%20Mime/eye"))
        assert (await wire.read_answer()).status == 200
    assert seen == [{"name": "Mr Mime", "part": "eye"}, route, app]


async def test_state_by_key_lives_as_long_as_the_request() -> None:
    key = web.RequestKey("key", int)

    async def handler(asked: Any) -> Any:
        known = asked.get(key, 0)
        asked[key] = known + 1
        assert list(asked) == [key]
        assert len(asked) == 1
        value = asked[key]
        del asked[key]
        assert key not in asked
        return web.Response(text=str(value))

    async with serve(application(handler)) as served, open_wire(served) as wire:
        for _ in range(2):
            await wire.send(request())
            assert (await wire.read_answer()).body == b"1"


# --- bodies -------------------------------------------------------------------------------------------------


def post(body: bytes, *fields: str) -> bytes:
    """A POST of a body of known length."""
    return request("POST", "/", *fields, body=body)


def chunked(*pieces: bytes) -> bytes:
    """A POST of a body in chunks."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))
    return request("POST", "/", "Transfer-Encoding: chunked") + body


@pytest.mark.parametrize("data", [post(b"hello"), chunked(b"he", b"llo")], ids=["length", "chunks"])
async def test_read_twice_gives_the_same(data: bytes) -> None:
    async def look(asked: Any) -> Any:
        assert asked.body_exists
        assert asked.can_read_body
        body = await asked.read()
        assert not asked.can_read_body
        assert asked.body_exists
        return body, await asked.read(), await asked.text()

    assert await told(look, data) == (b"hello", b"hello", "hello")


async def test_read_without_body() -> None:
    async def look(asked: Any) -> Any:
        return await asked.read(), await asked.text(), await asked.content.read(), asked.content.at_eof()

    assert await told(look, request()) == (b"", "", b"", True)


async def test_text_and_json() -> None:
    body = json.dumps({"name": "Nidoran♀"}, ensure_ascii=False).encode("utf-16")
    data = post(body, "Content-Type: application/json; charset=utf-16")
    assert await told(lambda asked: asked.json(), data) == {"name": "Nidoran♀"}
    assert await told(lambda asked: asked.json(loads=lambda text: text.upper()), post(b'"a"')) == '"A"'


async def test_content_piece_by_piece() -> None:
    async def look(asked: Any) -> Any:
        pieces = [await asked.content.read(3), await asked.content.readline()]
        pieces.extend([piece async for piece in asked.content.iter_chunked(4)])
        return pieces

    assert await told(look, post(b"abcdef\nghijkl")) == [b"abc", b"def\n", b"ghij", b"kl"]


async def test_rest_of_a_half_read_body() -> None:
    async def look(asked: Any) -> Any:
        return await asked.content.readexactly(2), await asked.read()

    assert await told(look, chunked(b"abc", b"def")) == (b"ab", b"cdef")


async def test_body_arrives_while_the_handler_waits() -> None:
    async def handler(asked: Any) -> Any:
        return web.Response(body=await asked.read())

    body = bytes(range(256)) * 1000
    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request("POST", "/", f"Content-Length: {len(body)}"))
        for start in range(0, len(body), 50_000):
            await wire.send(body[start : start + 50_000])
            await asyncio.sleep(0)
        assert (await wire.read_answer()).body == body


async def test_handler_gets_the_pieces_of_a_sized_body_as_they_come() -> None:
    taken: asyncio.Queue[bytes] = asyncio.Queue()

    async def handler(asked: Any) -> Any:
        async for piece in asked.content.iter_any():
            taken.put_nowait(piece)
        return web.Response()

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request("POST", "/", "Content-Length: 15"))
        for piece in (b"first", b"later", b"final"):
            await wire.send(piece)
            assert await asyncio.wait_for(taken.get(), 5) == piece
        assert (await wire.read_answer()).status == 200


@pytest.mark.plain("asyncio's TLS hides how much it holds")
async def test_large_upload_is_held_back_while_nobody_reads() -> None:
    total = 64 * 1024 * 1024
    go = asyncio.Event()

    async def handler(asked: Any) -> Any:
        await go.wait()
        size = 0
        async for piece in asked.content.iter_any():
            size += len(piece)
        return web.Response(text=str(size))

    async with serve(application(handler)) as served, open_wire(served) as wire:
        wire.writer.write(request("POST", "/", f"Content-Length: {total}") + bytes(total))
        for _ in range(200):
            await asyncio.sleep(0)
        held = wire.writer.transport.get_write_buffer_size()
        assert held > total // 2, "64 MiB cannot lie in socket buffers: the server has taken them in"
        go.set()
        assert (await wire.read_answer()).body == str(total).encode()


async def test_unread_body_does_not_become_the_next_request() -> None:
    async def handler(asked: Any) -> Any:
        return web.Response(text=asked.path)

    inner = request("GET", "/smuggled")
    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(post(inner) + request("GET", "/next"))
        assert (await wire.read_answer()).body == b"/"
        assert (await wire.read_answer()).body == b"/next"


@pytest.mark.parametrize("reader", ["read", "text", "json"])
@pytest.mark.parametrize("data", [post(b"x" * 11), chunked(b"x" * 6, b"x" * 5)], ids=["length", "chunks"])
async def test_body_above_the_limit(reader: str, data: bytes) -> None:
    async def handler(asked: Any) -> Any:
        await getattr(asked, reader)()
        return web.Response()

    app = application(handler, client_max_size=10)
    async with serve(app) as served, open_wire(served) as wire:
        await wire.send(data)
        answer = await wire.read_answer()
    assert answer.status == 413
    assert answer.body == b"Maximum request body size 10 exceeded."


@pytest.mark.parametrize("limit", [11, 0, None])
async def test_body_within_the_limit(limit: int | None) -> None:
    assert await told(lambda asked: asked.read(), post(b"x" * 11), client_max_size=limit) == b"x" * 11


async def test_limit_does_not_bind_the_stream() -> None:
    assert await told(lambda asked: asked.content.read(), post(b"x" * 11), client_max_size=10) == b"x" * 11


async def test_release_drops_the_body() -> None:
    async def look(asked: Any) -> Any:
        await asked.release()
        return asked.can_read_body

    assert await told(look, post(b"abc")) is False


@quinde_only  # aiohttp reads on for ten seconds, and refuses two readers at once
@pytest.mark.parametrize("before", [True, False], ids=["waiting", "later"])
async def test_body_is_gone_once_the_request_is_answered(before: bool) -> None:
    reading: list[asyncio.Task[bytes]] = []

    async def read_late(asked: Any) -> bytes:
        if not before:
            await answered.wait()
        read: bytes = await asked.content.read()
        return read

    async def handler(asked: Any) -> Any:
        reading.append(asyncio.create_task(read_late(asked)))
        await asyncio.sleep(0)
        return web.Response(text="early")

    answered = asyncio.Event()
    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request("POST", "/", "Content-Length: 10") + b"half")
        assert (await wire.read_answer()).body == b"early"
        answered.set()
        with pytest.raises(web.PayloadAccessError):
            await reading[0]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_coded_body_is_decoded(coding: str) -> None:
    packed = gzip.compress(b"hello" * 100) if coding == "gzip" else zlib.compress(b"hello" * 100)
    data = post(packed, f"Content-Encoding: {coding}")
    assert await told(lambda asked: asked.read(), data) == b"hello" * 100


async def test_decoded_body_is_bound_by_the_limit() -> None:
    async def handler(asked: Any) -> Any:
        await asked.read()
        return web.Response()

    app = application(handler, client_max_size=1000)
    async with serve(app) as served, open_wire(served) as wire:
        await wire.send(post(gzip.compress(bytes(1_000_000)), "Content-Encoding: gzip"))
        assert (await wire.read_answer()).status == 413


async def test_coded_body_may_be_left_as_it_is() -> None:
    packed = gzip.compress(b"hello")

    async def handler(asked: Any) -> Any:
        return web.Response(body=await asked.read())

    async with serve(application(handler), auto_decompress=False) as served, open_wire(served) as wire:
        await wire.send(post(packed, "Content-Encoding: gzip"))
        assert (await wire.read_answer()).body == packed


# --- Expect and interim responses ---------------------------------------------------------------------------

EXPECTING = request("POST", "/", "Expect: 100-continue", "Content-Length: 5")


async def test_expect_continue() -> None:
    async def handler(asked: Any) -> Any:
        return web.Response(body=await asked.read())

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(EXPECTING)
        assert await wire.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await wire.send(b"hello")
        answer = await wire.read_answer()
        assert (answer.status, answer.body) == (200, b"hello")


async def test_unknown_expectation() -> None:
    async with serve(application(_never)) as served, open_wire(served) as wire:
        await wire.send(request("POST", "/", "Expect: miracles", "Content-Length: 5"))
        assert (await wire.read_answer()).status == 417


async def _never(_request: Any) -> Any:
    raise AssertionError("the handler must not be called")


async def test_expect_handler_of_the_route() -> None:
    async def decline(asked: Any) -> Any:
        if asked.path == "/raises":
            raise web.HTTPForbidden(text="no")
        return web.Response(status=402, text="pay")

    app = web.Application()
    app.router.add_post("/{tail:.*}", _never, expect_handler=decline)
    async with serve(app) as served:
        for path, status, body in (("/raises", 403, b"no"), ("/returns", 402, b"pay")):
            async with open_wire(served) as wire:
                await wire.send(EXPECTING.replace(b" / ", f" {path} ".encode()))
                answer = await wire.read_answer()
                assert (answer.status, answer.body) == (status, body)


async def test_expect_handler_that_writes_100_by_itself() -> None:
    """As aiohttp's documentation has it."""

    async def accept(asked: Any) -> None:
        if asked.headers.get("Expect", "").lower() == "100-continue":
            asked.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def handler(asked: Any) -> Any:
        return web.Response(body=await asked.read())

    app = web.Application()
    app.router.add_post("/", handler, expect_handler=accept)
    async with serve(app) as served, open_wire(served) as wire:
        for _ in range(2):
            await wire.send(EXPECTING)
            assert await wire.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await wire.send(b"hello")
            assert (await wire.read_answer()).body == b"hello"


@quinde_only
async def test_what_would_break_an_answer_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUINDE_IO", "reactor")
    refused: list[BaseException] = []

    async def handler(asked: Any) -> Any:
        for data in (b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n"):
            try:
                asked.transport.write(data)
            except RuntimeError as exc:
                refused.append(exc)
        return web.Response(text="ok")

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request())
        assert (await wire.read_answer()).body == b"ok"
    assert len(refused) == 2


@quinde_only
async def test_early_hints() -> None:
    async def handler(asked: Any) -> Any:
        await asked.send_informational(103, [("Link", "</a.css>; rel=preload"), ("Link", "</b.js>")])
        await asked.send_informational(102, {})
        return web.Response(text="final")

    async with serve(application(handler)) as served:
        async with open_wire(served) as wire:
            await wire.send(request())
            hints: Answer = await wire.read_head()
            assert (hints.status, hints.reason) == (103, "Early Hints")
            assert hints.headers("Link") == ["</a.css>; rel=preload", "</b.js>"]
            assert (await wire.read_head()).status == 102
            assert (await wire.read_answer()).body == b"final"
        async with open_wire(served) as wire:
            await wire.send(request(version="1.0"))
            assert (await wire.read_answer()).status == 200


@quinde_only
@pytest.mark.parametrize(
    ("status", "headers"), [(101, {}), (200, {}), (99, {}), (103, {"A": "b\r\nC: d"}), (103, {"A b": "c"})]
)
async def test_bad_interim_responses_are_refused(status: int, headers: dict[str, str]) -> None:
    async def handler(asked: Any) -> Any:
        with pytest.raises(ValueError):
            await asked.send_informational(status, headers)
        return web.Response(text="final")

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request())
        answer = await wire.read_answer()
        assert (answer.status, answer.body) == (200, b"final")


# --- the connection -----------------------------------------------------------------------------------------


async def test_connection_objects_stay_the_same() -> None:
    seen: list[Any] = []

    async def handler(asked: Any) -> Any:
        seen.append((asked.protocol, asked.transport))
        peer, sock = asked.get_extra_info("peername"), asked.get_extra_info("sockname")
        assert asked.get_extra_info("nothing", 7) == 7
        assert asked.transport.get_extra_info("peername") == peer
        assert not asked.transport.is_closing()
        assert asked.protocol.transport is asked.transport
        assert asked.get_extra_info("socket").fileno() >= 0
        assert asked.get_extra_info("socket").getsockname() == sock
        assert isinstance(asked.task, asyncio.Task)
        return web.Response(text=f"{peer[1]} {sock[1]}")

    async with serve(application(handler)) as served, open_wire(served) as wire:
        for _ in range(2):
            await wire.send(request())
            ours = wire.writer.get_extra_info("sockname")[1]
            assert (await wire.read_answer()).body == f"{ours} {served.port}".encode()
        assert served.runner.server.connections == [seen[0][0]]
        assert served.runner.server.requests_count == 2
    assert seen[0] == seen[1]


async def test_closing_the_transport_ends_the_connection() -> None:
    async def handler(asked: Any) -> Any:
        asked.transport.close()
        return web.Response(text="too late")

    async with serve(application(handler)) as served, open_wire(served) as wire:
        await wire.send(request())
        assert b"too late" not in await wire.read_to_end()


async def test_a_clone_in_a_middleware_stands_for_the_request() -> None:
    @middleware
    async def behind_a_proxy(asked: Any, handler: Any) -> Any:
        (hop,) = asked.forwarded
        return await handler(asked.clone(scheme=hop["proto"], remote=hop["for"], host=hop["host"]))

    async def answer(asked: Any) -> Any:
        response = web.StreamResponse()
        await response.prepare(asked)
        await response.write(f"{asked.url} {asked.remote} {asked.match_info['name']} ".encode())
        await response.write(await asked.read())
        return response

    app = application(answer, path="/{name}", middlewares=[behind_a_proxy])
    field = "Forwarded: for=192.0.2.7;proto=https;host=app.test"
    async with serve(app) as served, open_wire(served) as wire:
        for body in (b"one", b"two"):
            await wire.send(request("POST", "/x?y", field, body=body))
            assert (await wire.read_answer()).body == b"https://app.test/x?y 192.0.2.7 x " + body


async def test_a_clone_may_be_answered_whole() -> None:
    @middleware
    async def by_another_method(asked: Any, handler: Any) -> Any:
        return await handler(asked.clone(method="PUT", headers={"X-A": "b"}))

    async def answer(asked: Any) -> Any:
        return web.Response(text=f"{asked.method} {dict(asked.headers)}")

    async with serve(application(answer, middlewares=[by_another_method])) as served:
        async with open_wire(served) as wire:
            await wire.send(request("GET", "/"))
            assert (await wire.read_answer()).body == b"PUT {'X-A': 'b'}"
