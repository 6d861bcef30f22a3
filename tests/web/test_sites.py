"""Sites before they listen; listening: tests/behaviour/test_server_sites.py."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest

from quinde.web.application import Application
from quinde.web.runner import AppRunner
from quinde.web.sites import BaseSite, SockSite, TCPSite, UnixSite


async def ready() -> AppRunner:
    runner = AppRunner(Application(), access_log=None)
    await runner.setup()
    return runner


async def test_names_and_ports() -> None:
    runner = await ready()
    assert TCPSite(runner).name == "http://0.0.0.0:8080"
    assert TCPSite(runner, "::1", 0).name == "http://[::1]:0"
    assert TCPSite(runner, "h.test", 80).name == "http://h.test"
    assert UnixSite(runner, "/run/x").name == "http://unix:/run/x:"
    assert TCPSite(runner, port=0).addresses == []
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("\0quinde-site")
        assert SockSite(runner, sock).name.startswith("http://unix:")
    await runner.cleanup()


async def test_what_is_refused() -> None:
    runner = await ready()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with socket.socket() as sock:
        makers: list[Any] = [
            lambda **options: TCPSite(runner, **options),
            lambda **options: UnixSite(runner, "x", **options),
            lambda **options: SockSite(runner, sock, **options),
        ]
        for make in makers:
            with pytest.raises(NotImplementedError, match="TLS"):
                make(ssl_context=context)
    with pytest.raises(TypeError, match="abstract"):
        BaseSite(runner)  # type: ignore[abstract]
    site = TCPSite(runner, port=0)
    await runner.cleanup()
    with pytest.raises(RuntimeError, match="cleaned up"):
        await site.start()
