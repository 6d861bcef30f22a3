"""Gathering: a session's defaults, a call's options, and the short way of plain GETs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from multidict import CIMultiDict
from yarl import URL

from quinde.client.protocol import DEFAULT_WIRE_LIMITS
from quinde.client.session import ClientSession, request
from quinde.client.tcp import TCPConnector
from quinde.client.timeouts import ClientTimeout
from quinde.errors import ClientResponseError, SocketTimeoutError
from tests.client.test_call import OK, Scripted
from tests.support.servers import serve_raw

if TYPE_CHECKING:
    from tests.support.modes import Mode
    from tests.support.wire import Wire


def gathered(session: ClientSession, url: str = "http://h/", **options: Any) -> Any:
    """What a call would be."""
    assert session.connector is not None
    return session._gather(session.connector, "get", url, 100.0, True, options)  # type: ignore[arg-type]


async def test_defaults_of_a_call() -> None:
    async with ClientSession() as session:
        call = gathered(session)
        assert (call.method, call.url, call.params, call.body) == ("GET", URL("http://h/"), None, None)
        assert (call.max_redirects, call.chunked, call.expect100) == (10, None, False)
        assert call.timeout is session.timeout
        assert call.total_at == 400.0
        assert call.settings is session._settings
        assert call.wire_limits is DEFAULT_WIRE_LIMITS
        assert call.settings.max_decompressed_size == 256 << 20


async def test_options_of_a_call() -> None:
    async with ClientSession(skip_auto_headers=["Accept"], max_headers=5) as session:
        call = gathered(
            session,
            timeout=2,
            skip_auto_headers=["User-Agent"],
            max_redirects=3,
            max_line_size=99,
            read_bufsize=7,
            auto_decompress=False,
            max_decompressed_size=None,
            raise_for_status=True,
            json=[1],
        )
        assert (call.timeout, call.total_at) == (ClientTimeout(total=2), 102.0)
        assert sorted(call.skip_auto_headers) == ["Accept", "User-Agent"]
        assert call.max_redirects == 3
        assert call.wire_limits == (99, 8190, 5, 7)
        settings = call.settings
        assert (settings.auto_decompress, settings.max_decompressed_size, settings.read_bufsize) == (
            False,
            None,
            7,
        )
        assert call.raise_for_status is True
        assert call.body.content == b"[1]"


async def test_no_limit() -> None:
    async with ClientSession() as session:
        for timeout in (None, 0, ClientTimeout()):
            assert gathered(session, timeout=timeout).total_at is None


async def test_fields_are_merged() -> None:
    async with ClientSession(headers=[("A", "1"), ("B", "1"), ("a", "2")]) as session:
        merged = session._prepare_headers({"a": "3"})
        assert sorted(merged.items()) == [("B", "1"), ("a", "3")]
        merged = session._prepare_headers(CIMultiDict([("C", "1"), ("c", "2")]))
        assert merged.getall("C") == ["1", "2"]
        assert merged.getall("A") == ["1", "2"]
        assert list(session.headers.items()) == [("A", "1"), ("B", "1"), ("a", "2")]


@pytest.mark.parametrize(("base", "words"), [("/relative/", "absolute"), ("http://h/path", "trailing '/'")])
async def test_base_url(base: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ClientSession(base)
    async with ClientSession(URL("http://h/api/")) as session:
        assert gathered(session, "x").url == URL("http://h/api/x")
        assert gathered(session, "http://other/x").url == URL("http://other/x")


async def test_only_one_version_yet() -> None:
    with pytest.raises(NotImplementedError, match=r"version: only HTTP/1\.1"):
        ClientSession(version=(1, 0))  # type: ignore[arg-type]


async def test_attributes() -> None:
    def encode(value: Any) -> str:
        return "x"

    async with ClientSession(json_serialize=encode, raise_for_status=True) as session:
        assert session.json_serialize is encode
        assert session.raise_for_status is True
        with pytest.warns(DeprecationWarning, match="requote"):
            session.requote_redirect_url = False
        assert session.requote_redirect_url is False


async def test_json_by_bytes() -> None:
    async with ClientSession(json_serialize_bytes=lambda value: b"bytes") as session:
        assert gathered(session, json=1).body.content == b"bytes"


async def test_foreign_connector_stays_open() -> None:
    connector = TCPConnector()
    session = ClientSession(connector=connector, connector_owner=False)
    await session.close()
    assert not connector.closed
    await connector.close()
    with pytest.raises(RuntimeError, match="Session is closed"):
        await session.get("http://h/")
    session = ClientSession(connector=connector)
    assert session.closed


async def test_one_shot() -> None:
    connector = Scripted(OK)
    async with request("GET", "http://h/", connector=connector, timeout=ClientTimeout(total=5)) as response:
        assert await response.text() == "ok"
    assert not connector.closed
    await connector.close()


# --- the short way


@pytest.mark.parametrize("url", ["http://h/p?a=b#f", URL("http://h/p?a=b#f")])
async def test_short_way_and_long_way_send_the_same(url: Any) -> None:
    connector = Scripted(OK, OK, OK)
    async with ClientSession(connector=connector, headers={"X": "1"}) as session:
        seen = []
        for options in ({}, {"max_redirects": 9}, {}):
            async with session.get(url, **options) as response:
                await response.read()
                seen.append(
                    (
                        response.url,
                        response.real_url,
                        response.request_info,
                        response.method,
                        response.history,
                    )
                )
    assert seen[0] == seen[1] == seen[2]
    (transport,) = connector.transports
    requests = bytes(transport.sent).split(b"\r\n\r\n")[:-1]
    assert requests[0] == requests[1] == requests[2]


async def test_short_way_checks_the_status_and_the_time() -> None:
    refusal = b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"
    async with ClientSession(connector=Scripted(refusal), raise_for_status=True) as session:
        with pytest.raises(ClientResponseError):
            await session.get("http://h/")
    timeout = ClientTimeout(sock_read=0.02)
    async with ClientSession(connector=Scripted(b"HTTP/1.1 200"), timeout=timeout) as session:
        with pytest.raises(SocketTimeoutError):
            await session.get("http://h/")
        assert session.connector is not None
        assert session.connector.statistics()["slots_in_use"] == 0


async def test_short_way_waits_for_a_place(mode: Mode) -> None:
    async def talk(wire: Wire) -> None:
        while await wire.reader.readuntil(b"\r\n\r\n"):
            await wire.send(OK)

    async with serve_raw(talk) as served:
        async with ClientSession(connector=TCPConnector(limit=3)) as session:

            async def fetch() -> str:
                async with session.get(served.url) as response:
                    return await response.text()

            assert await asyncio.gather(*(fetch() for _ in range(50))) == ["ok"] * 50
            assert session.connector is not None
            assert session.connector.statistics()["connections_idle"] == 3


async def test_short_way_is_left_alone_by_middlewares_set_later() -> None:
    calls: list[str] = []

    async def noting(request: Any, handler: Any) -> Any:
        calls.append(request.method)
        return await handler(request)

    async with ClientSession(connector=Scripted(OK, OK)) as session:
        async with session.get("http://h/") as response:
            await response.read()
        session._middlewares = (noting,)
        async with session.get("http://h/") as response:
            await response.read()
    assert calls == ["GET"]


async def test_urls_of_no_known_type() -> None:
    async with ClientSession() as session:
        for url in ([], 5, None):
            with pytest.raises(TypeError):
                await session.get(url)  # type: ignore[arg-type]
