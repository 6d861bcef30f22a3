"""The session's life: what it does when, what it refuses, and what it says when it is forgotten."""

from __future__ import annotations

import asyncio
import gc
import socket
import warnings
from typing import TYPE_CHECKING, Any

import pytest

import quinde
from tests.support.servers import answering, serve_raw

if TYPE_CHECKING:
    from tests.support.wire import Wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def lib() -> Any:
    """The library under test."""
    return quinde


async def test_verbs_may_be_awaited_entered_or_run_as_tasks(lib: Any) -> None:
    async def talk(wire: Wire) -> None:
        while await wire.read_until(b"\r\n\r\n"):
            await wire.send(OK)

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        for verb in ("get", "options", "head", "post", "put", "patch", "delete"):
            if verb != "head":
                response = await getattr(client, verb)(served.url)
                assert await response.text() == "ok"
                async with getattr(client, verb)(served.url) as response:
                    assert response.method == verb.upper()
                    await response.read()
        results = await asyncio.gather(client.get(served.url), asyncio.create_task(client.get(served.url)))
        assert [response.status for response in results] == [200, 200]
        for response in results:
            await response.read()
        async with asyncio.timeout(5):
            assert await (await client.request("GET", served.url)).text() == "ok"


async def test_response_is_a_context_manager_too(lib: Any) -> None:
    async with serve_raw(answering(OK)) as served, lib.ClientSession() as client:
        async with await client.get(served.url) as response:
            assert await response.text() == "ok"


async def test_request_that_is_never_awaited_warns(lib: Any) -> None:
    async with lib.ClientSession() as client:
        pending = [client.get("http://127.0.0.1:1/")]
        with pytest.warns(RuntimeWarning, match="never awaited"):
            pending.clear()


async def test_nothing_happens_before_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making and entering a session opens no socket, asks nobody for names, and starts no task."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("I/O")

    loop = asyncio.get_running_loop()
    tasks = asyncio.all_tasks()
    with monkeypatch.context() as patch:
        patch.setattr(socket, "socket", refuse)
        patch.setattr(type(loop), "getaddrinfo", refuse, raising=False) if type(
            loop
        ).__module__ != "uvloop" else None
        session = quinde.ClientSession()
        entered = await session.__aenter__()
    assert entered is session
    assert asyncio.all_tasks() == tasks
    await session.close()


async def test_close_is_idempotent_and_shows(lib: Any) -> None:
    client = lib.ClientSession()
    connector = client.connector
    assert not client.closed
    await client.close()
    await client.close()
    assert client.closed
    assert connector.closed
    assert client.connector is None


async def test_detached_session_leaves_its_connector_open(lib: Any) -> None:
    client = lib.ClientSession()
    connector = client.connector
    client.detach()
    assert client.closed
    assert not connector.closed
    await connector.close()


async def test_plain_with_is_refused(lib: Any) -> None:
    client = lib.ClientSession()
    with pytest.raises(TypeError, match="Use async with instead"), client:
        pass
    await client.close()


async def test_defaults(lib: Any) -> None:
    async with lib.ClientSession() as client:
        assert client.timeout == lib.ClientTimeout(total=300, sock_connect=30)
        assert (client.timeout.connect, client.timeout.sock_read, client.timeout.ceil_threshold) == (
            None,
            None,
            5,
        )
        assert client.version == (1, 1)
        assert dict(client.headers) == {}
        assert client.skip_auto_headers == frozenset()
        assert client.raise_for_status is False
        assert client.auto_decompress is True
        assert client.requote_redirect_url is True
        assert client.connector_owner is True
        connector = client.connector
        assert (connector.limit, connector.limit_per_host, connector.force_close) == (100, 0, False)
        assert connector.use_dns_cache is True
        with pytest.warns(DeprecationWarning, match="loop"):
            assert client.loop is asyncio.get_running_loop()


async def test_timeout_must_be_a_client_timeout(lib: Any) -> None:
    with pytest.raises(ValueError, match="timeout parameter cannot be of"):
        lib.ClientSession(timeout=5)


@pytest.mark.parametrize(("old", "new"), [("read_timeout", "total"), ("conn_timeout", "connect")])
async def test_limits_by_their_old_names(lib: Any, old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"{old} is deprecated"):
        session = lib.ClientSession(**{old: 7})
    async with session, lib.ClientSession() as usual:
        assert getattr(session.timeout, new) == 7
        assert session.timeout.sock_connect == usual.timeout.sock_connect
    with pytest.raises(ValueError, match=f"{old} and timeout parameters conflict"):
        lib.ClientSession(timeout=lib.ClientTimeout(), **{old: 7})


async def test_no_limit_by_its_old_name(lib: Any) -> None:
    with pytest.warns(DeprecationWarning, match="read_timeout is deprecated"):
        session = lib.ClientSession(read_timeout=None, conn_timeout=None)
    async with session:
        assert session.timeout.total is None


async def test_a_version_may_be_text(lib: Any) -> None:
    async with serve_raw(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as served:
        async with lib.ClientSession(version="1.1") as session, session.get(served.url) as response:
            assert response.status == 200
        async with lib.request("GET", served.url, version=lib.HttpVersion11) as response:
            assert response.status == 200


async def test_keepalive_and_force_close_conflict(lib: Any) -> None:
    with pytest.raises(ValueError, match="keepalive_timeout cannot be set if force_close is True"):
        lib.TCPConnector(keepalive_timeout=5, force_close=True)


def test_session_needs_a_loop() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        quinde.ClientSession()


async def test_session_and_connector_of_different_loops_are_refused() -> None:
    other = asyncio.new_event_loop()
    connector = quinde.TCPConnector(loop=other)
    with pytest.raises(RuntimeError, match="same event loop"):
        quinde.ClientSession(connector=connector, loop=asyncio.get_running_loop())
    await connector.close()
    other.close()


async def test_one_shot_request(lib: Any) -> None:
    async with serve_raw(answering(OK)) as served:
        async with lib.request("GET", served.url, headers={"A": "b"}) as response:
            assert await response.text() == "ok"
    with pytest.raises(lib.ClientConnectorError):
        async with lib.request("GET", "http://127.0.0.1:1/"):
            pass


async def test_forgotten_session_warns_once_and_closes_its_connections(lib: Any) -> None:
    gone = asyncio.Event()
    told: list[str] = []  # the message alone: the context holds the session itself
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["message"]))

    async def talk(wire: Wire) -> None:
        await wire.read_until(b"\r\n\r\n")
        await wire.send(OK)
        await wire.reader.read()
        gone.set()

    async with serve_raw(talk) as served:
        client = lib.ClientSession()
        async with client.get(served.url) as response:
            await response.read()
        del response
        messages: list[str] = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del client
            for _ in range(2):  # a recorded warning holds what it is about, and that the next
                gc.collect()
                messages += [str(entry.message) for entry in caught if entry.category is ResourceWarning]
                caught.clear()
        await gone.wait()
    messages = sorted(message.split(" <")[0] for message in messages)
    assert messages == ["Unclosed client session", "Unclosed connector"]
    assert sorted(told) == messages


async def test_session_headers_can_be_changed(lib: Any) -> None:
    async with lib.ClientSession(headers={"A": "1"}) as client:
        client.headers["a"] = "2"
        client.headers.add("B", "3")
        assert list(client.headers.items()) == [("A", "2"), ("B", "3")] or client.headers["A"] == "2"


async def test_overridden_request_is_used(lib: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)

        class Loud(lib.ClientSession):  # type: ignore[misc, name-defined]
            async def _request(self, method: str, url: Any, **options: Any) -> Any:
                calls.append((method, options.pop("extra", None)))
                return await super()._request(method, url, **options)

    calls: list[Any] = []
    async with serve_raw(answering(OK)) as served, Loud() as client:
        async with client.get(served.url, extra=1) as response:
            assert await response.text() == "ok"
    assert calls == [("GET", 1)]


async def test_overridden_connecting_is_used(lib: Any) -> None:
    calls: list[str] = []

    class Noting(lib.TCPConnector):  # type: ignore[misc, name-defined]
        async def _create_connection(self, *args: Any, **kwargs: Any) -> Any:
            calls.append("create")
            return await super()._create_connection(*args, **kwargs)

        async def _wrap_create_connection(self, *args: Any, **kwargs: Any) -> Any:
            calls.append(f"wrap {kwargs['req'].host} {len(kwargs['addr_infos'])}")
            return await super()._wrap_create_connection(*args, **kwargs)

    async with serve_raw(answering(OK)) as served, lib.ClientSession(connector=Noting()) as client:
        async with client.get(served.url) as response:
            assert await response.text() == "ok"
    assert calls == ["create", "wrap 127.0.0.1 1"]


@pytest.mark.plain("the transports of the test are plain")
async def test_connector_may_make_transports_itself(lib: Any) -> None:
    """A third-party connector calls the protocol factory through the loop and gives what comes of it."""

    class Own(lib.TCPConnector):  # type: ignore[misc, name-defined]
        async def _wrap_create_connection(self, *args: Any, **kwargs: Any) -> Any:
            host, port = kwargs["addr_infos"][0][4]
            return await asyncio.get_running_loop().create_connection(args[0], host, port)

    async def talk(wire: Wire) -> None:
        while await wire.read_until(b"\r\n\r\n"):
            await wire.send(OK)

    async with serve_raw(talk) as served, lib.ClientSession(connector=Own()) as client:
        for _ in range(2):
            async with client.get(served.url) as response:
                assert await response.text() == "ok"


async def test_overridden_connect_is_used(lib: Any) -> None:
    calls: list[str] = []

    class Noting(lib.TCPConnector):  # type: ignore[misc, name-defined]
        async def connect(self, *args: Any, **kwargs: Any) -> Any:
            calls.append("connect")
            return await super().connect(*args, **kwargs)

    async def talk(wire: Wire) -> None:
        while await wire.read_until(b"\r\n\r\n"):
            await wire.send(OK)

    async with serve_raw(talk) as served, lib.ClientSession(connector=Noting()) as client:
        for _ in range(2):
            async with client.get(served.url) as response:
                assert await response.text() == "ok"
    assert calls == ["connect", "connect"]


async def test_own_response_class(lib: Any) -> None:
    class Own(lib.ClientResponse):  # type: ignore[misc, name-defined]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.extra = kwargs["request_info"].method

        async def start(self, connection: Any) -> Any:
            started.append(True)
            return await super().start(connection)

        def shout(self) -> str:
            return str(self.reason).upper()

    started: list[bool] = []

    async def talk(wire: Wire) -> None:
        while await wire.read_until(b"\r\n\r\n"):
            await wire.send(OK)

    async with serve_raw(talk) as served, lib.ClientSession(response_class=Own) as client:
        for method in ("get", "post"):
            async with getattr(client, method)(served.url) as response:
                assert isinstance(response, Own)
                assert response.extra == method.upper()
                assert response.shout() == "OK"
                assert await response.text() == "ok"
                response.anything = 1


async def test_own_request_class(lib: Any) -> None:
    class Own(lib.ClientRequest):  # type: ignore[misc, name-defined]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.headers["X-Own"] = "yes"

    async with serve_raw(answering(OK)) as served, lib.ClientSession(request_class=Own) as client:
        async with client.get(served.url) as response:
            assert response.request_info.headers["X-Own"] == "yes"


# --- middlewares


async def test_middlewares_go_round_the_request_like_an_onion(lib: Any) -> None:
    order: list[str] = []

    def layer(name: str) -> Any:
        async def middleware(request: Any, handler: Any) -> Any:
            order.append(f"{name} in")
            request.headers[f"X-{name}"] = "1"
            response = await handler(request)
            order.append(f"{name} out {response.status}")
            return response

        return middleware

    async with serve_raw(answering(OK)) as served:
        async with lib.ClientSession(middlewares=(layer("a"), layer("b"))) as client:
            async with client.get(served.url) as response:
                assert await response.text() == "ok"
                assert response.request_info.headers["X-a"] == "1"
    assert order == ["a in", "b in", "b out 200", "a out 200"]


async def test_middlewares_of_a_call_replace_the_session_s(lib: Any) -> None:
    async def never(request: Any, handler: Any) -> Any:
        raise AssertionError

    async with serve_raw(answering(OK)) as served, lib.ClientSession(middlewares=(never,)) as client:
        async with client.get(served.url, middlewares=()) as response:
            assert response.status == 200


async def test_middleware_may_try_again_and_change_the_body(lib: Any) -> None:
    bodies: list[bytes] = []

    async def talk(wire: Wire) -> None:
        while head := await wire.read_until(b"\r\n\r\n"):
            size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            bodies.append(await wire.read_exactly(size))
            await wire.send(
                b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % (503 if len(bodies) == 1 else 200)
            )

    async def again(request: Any, handler: Any) -> Any:
        response = await handler(request)
        if response.status == 503:
            assert request.session is client
            await request.update_body(b"second try")
            return await handler(request)
        return response

    async with serve_raw(talk) as served, lib.ClientSession() as client:
        async with client.post(served.url, data=b"first", middlewares=(again,)) as response:
            assert response.status == 200
    assert bodies == [b"first", b"second try"]


async def test_middleware_s_exception_comes_through(lib: Any) -> None:
    async def failing(request: Any, handler: Any) -> Any:
        response = await handler(request)
        raise LookupError(response.status)

    async with serve_raw(answering(OK)) as served, lib.ClientSession(middlewares=(failing,)) as client:
        with pytest.raises(LookupError):
            await client.get(served.url)


async def test_middlewares_run_at_each_redirect(lib: Any) -> None:
    paths: list[str] = []

    async def noting(request: Any, handler: Any) -> Any:
        paths.append(request.url.path)
        return await handler(request)

    async def talk(wire: Wire) -> None:
        while head := await wire.read_until(b"\r\n\r\n"):
            if b" /a " in head:
                await wire.send(b"HTTP/1.1 302 X\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n")
            else:
                await wire.send(OK)

    async with serve_raw(talk) as served, lib.ClientSession(middlewares=(noting,)) as client:
        async with client.get(served.url + "/a") as response:
            assert response.status == 200
    assert paths == ["/a", "/b"]
