"""How a connection is secured: settings of requests and connectors, and the errors of what fails."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

from quinde.client.protocol import ResponseHandler
from quinde.client.request import ClientRequest
from quinde.client.tls import Security, check_fingerprint, connect_error, hand_over, security_for
from quinde.errors import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientConnectorSSLError,
)
from quinde.net import reactor
from quinde.net.tls import Fingerprint, SessionCache, default_context, unverified_context
from tests.support import certs

if TYPE_CHECKING:
    from tests.support.modes import Mode

CONTEXT = ssl.create_default_context()
PINNED = Fingerprint(bytes(32))


def get(url: str, **options: Any) -> ClientRequest:
    return ClientRequest("GET", URL(url), **options)


async def test_plain_urls_need_nothing() -> None:
    assert security_for(get("http://host/"), CONTEXT) is None
    assert security_for(get("ws://host/"), CONTEXT) is None


@pytest.mark.parametrize(
    ("of_request", "of_connector", "context", "pinned"),
    [
        (True, True, None, None),
        (True, CONTEXT, CONTEXT, None),
        (CONTEXT, False, CONTEXT, None),
        (False, CONTEXT, False, None),
        (True, PINNED, False, PINNED),
        (PINNED, CONTEXT, False, PINNED),
    ],
)
async def test_request_before_connector(
    of_request: Any, of_connector: Any, context: Any, pinned: Any
) -> None:
    security = security_for(get("https://host/", ssl=of_request), of_connector)
    assert security is not None
    expected = default_context() if context is None else unverified_context() if context is False else context
    assert security.context is expected
    assert security.fingerprint is pinned


async def test_server_names() -> None:
    for url, options, name in (
        ("https://host/", {}, "host"),
        ("https://host./", {}, "host"),
        ("https://bücher.example/", {}, "xn--bcher-kva.example"),
        ("https://[::1]/", {}, "::1"),
        ("wss://host/", {"server_hostname": "other"}, "other"),
    ):
        security = security_for(get(url, **options))
        assert security is not None
        assert security.server_hostname == name


async def test_all_of_the_identity_is_in_the_keys() -> None:
    """A connection or session verified for one setting must not serve another."""
    requests = [
        get("https://host/"),
        get("https://host/", ssl=False),
        get("https://host/", ssl=CONTEXT),
        get("https://host/", ssl=PINNED),
        get("https://host/", server_hostname="other"),
        get("https://host:444/"),
        get("https://other/"),
    ]
    assert len({request.connection_key for request in requests}) == len(requests)
    securities = [security_for(request) for request in requests]
    assert len({security.session_key for security in securities if security}) == len(requests)
    # The same setting of the request means another context where the connector's differs.
    of_connectors = [security_for(requests[0], choice) for choice in (True, False, CONTEXT)]
    assert len({security.session_key for security in of_connectors if security}) == 3


async def test_errors_are_named_by_their_cause() -> None:
    key = get("https://host/").connection_key
    certificate = ssl.SSLCertVerificationError(1, "certificate verify failed")
    handshake = ssl.SSLError(1, "wrong version number")
    system = ConnectionResetError(104, "reset")
    errors = [connect_error(key, error, ClientConnectorError) for error in (certificate, handshake, system)]
    assert [type(error) for error in errors] == [
        ClientConnectorCertificateError,
        ClientConnectorSSLError,
        ClientConnectorError,
    ]
    assert "certificate verify failed" in str(errors[0])
    assert str(errors[1]) == "Cannot connect to host host:443 ssl:default [wrong version number]"
    assert isinstance(errors[1], ssl.SSLError)


async def test_nothing_is_compared_where_nothing_is_pinned() -> None:
    nobody: Any = None
    check_fingerprint(None, nobody)
    check_fingerprint(security_for(get("https://host/")), nobody)


@pytest.mark.parametrize("backend", ["reactor", "transport"])
@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("steps", range(1, 7))
async def test_handing_over_that_is_cancelled_leaves_nothing(
    mode: Mode, backend: str, secure: bool, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUINDE_IO", backend)
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sock = socket.socket()
        sock.setblocking(False)
        await loop.sock_connect(sock, listener.getsockname())
        handlers: list[ResponseHandler] = []

        def factory() -> ResponseHandler:
            handlers.append(ResponseHandler(loop))
            return handlers[-1]

        key = get("https://localhost/").connection_key
        security = Security(certs.client_context(), "localhost", None, key) if secure else None
        handing = asyncio.create_task(hand_over(sock, factory, loop, security, SessionCache(), 0))
        for _ in range(steps):
            await asyncio.sleep(0)
        handing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            (await handing).abort()
        for _ in range(5):  # asyncio's transports close in a step of the loop
            await asyncio.sleep(0)
        assert not handlers[0].is_connected()
        assert reactor.engine().statistics()["open"] == 0
        sock.close()
