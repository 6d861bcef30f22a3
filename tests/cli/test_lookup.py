from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from typing import Any

import pytest

from quinde.cli import lookup
from quinde.cli.lookup import ImpatientResolver
from tests.cli.support import PATIENCE


async def test_the_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def getaddrinfo(host: str, port: int, **options: Any) -> Any:
        asked.append((host, port, options["family"], threading.current_thread().daemon))
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", port))]

    monkeypatch.setattr(lookup.socket, "getaddrinfo", getaddrinfo)
    (found,) = await ImpatientResolver().resolve("host", 80, socket.AF_INET)
    assert (found["host"], found["port"], found["hostname"]) == ("192.0.2.7", 80, "host")
    assert asked == [("host", 80, socket.AF_INET, True)]


async def test_zones_of_link_local_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    infos = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, 2))]
    monkeypatch.setattr(lookup.socket, "getaddrinfo", lambda *_, **__: infos)
    monkeypatch.setattr(lookup.socket, "getnameinfo", lambda *_: ("fe80::1%eth0", "80"))
    (found,) = await ImpatientResolver().resolve("host", 80, socket.AF_INET6)
    assert found["host"] == "fe80::1%eth0"


async def test_errors_reach_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(lookup.socket, "getaddrinfo", fail)
    with pytest.raises(socket.gaierror, match="no such name"):
        await ImpatientResolver().resolve("host", 80)


async def test_an_answer_that_comes_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    asked = threading.Event()
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def wait(*_: Any, **__: Any) -> Any:
        asked.set()
        assert gate.wait(PATIENCE)
        loop.call_soon_threadsafe(loop.call_soon, told.set)  # after the answer itself
        return []

    monkeypatch.setattr(lookup.socket, "getaddrinfo", wait)
    task = asyncio.create_task(ImpatientResolver().resolve("host", 80))
    await asyncio.to_thread(asked.wait, PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    await told.wait()


def test_a_silent_name_server_does_not_keep_the_program() -> None:
    """Neither the end of the loop nor that of the process waits for the thread."""
    program = """
import asyncio, socket, threading
from quinde.cli.lookup import ImpatientResolver
from quinde.cli.probe import Wanted, probe
socket.getaddrinfo = lambda *_, **__: threading.Event().wait()
(traced,) = asyncio.run(probe(Wanted(url="http://host/", timeout=0.05)))
print(traced.complaint)
"""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=True,
    )
    assert ended.stdout == "http://host/ gave no answer within 0.05 s: it was looking the name up\n"
    assert ended.stderr == ""


async def test_an_answer_after_the_end_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    threads: list[threading.Thread] = []

    def wait(*_: Any, **__: Any) -> Any:
        threads.append(threading.current_thread())
        assert gate.wait(PATIENCE)
        return []

    async def ask() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await ImpatientResolver().resolve("host", 80)

    monkeypatch.setattr(lookup.socket, "getaddrinfo", wait)
    raised: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    await asyncio.to_thread(asyncio.run, ask())
    gate.set()
    (thread,) = threads
    await asyncio.to_thread(thread.join, PATIENCE)
    assert raised == []
