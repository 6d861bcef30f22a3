"""Sites before they listen; listening: tests/behaviour/test_server_sites.py."""

from __future__ import annotations

import socket
import ssl

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


async def test_names_and_ports_of_tls() -> None:
    runner = await ready()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert TCPSite(runner, ssl_context=context).name == "https://0.0.0.0:8443"
    assert TCPSite(runner, "h.test", 443, ssl_context=context).name == "https://h.test"
    assert UnixSite(runner, "/run/x", ssl_context=context).name == "https://unix:/run/x:"
    with socket.socket() as sock:
        assert SockSite(runner, sock, ssl_context=context).name.startswith("https://")
    await runner.cleanup()


async def test_what_is_refused() -> None:
    runner = await ready()
    with pytest.raises(TypeError, match="abstract"):
        BaseSite(runner)  # type: ignore[abstract]
    site = TCPSite(runner, port=0)
    await runner.cleanup()
    with pytest.raises(RuntimeError, match="cleaned up"):
        await site.start()


async def test_the_runners_timeout_by_its_old_place() -> None:
    runner = await ready()
    with pytest.warns(DeprecationWarning, match="shutdown_timeout should be set on BaseRunner"):
        TCPSite(runner, port=0, shutdown_timeout=5)
    assert runner._shutdown_timeout == 5
    UnixSite(runner, "/run/x")
    assert runner._shutdown_timeout == 5
    await runner.cleanup()
