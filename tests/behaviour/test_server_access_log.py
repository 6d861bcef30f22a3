"""The access log: what is written, when, and that it costs nothing when nobody reads it."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from quinde.web.log import AccessLogger
from tests.behaviour.library import LIBRARY, application, quinde_only, request, serve, web
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from pathlib import Path

LOGGER = logging.getLogger("tests.access")


async def hello(_request: Any) -> Any:
    return web.Response(text="hello", headers={"X-Out": "there"})


async def lines(
    caplog: pytest.LogCaptureFixture, handler: Any, data: bytes, method: str = "GET", **options: Any
) -> tuple[list[logging.LogRecord], int]:
    """Ask once with the log on; give its records and the size of the answer."""
    caplog.set_level(logging.INFO, LOGGER.name)
    async with serve(application(handler), access_log=LOGGER, **options) as served, open_wire(served) as wire:
        await wire.send(data)
        if method == "HEAD":
            await wire.read_answer("HEAD")
            size = 0
        else:
            size = len(await wire.read_to_end()) if b"close" in data else len((await wire.read_answer()).body)
    return [record for record in caplog.records if record.name == LOGGER.name], size


async def test_default_format(caplog: pytest.LogCaptureFixture) -> None:
    data = request("GET", "/a?b=c", "Connection: close", "User-Agent: tests/1", "Referer: http://r/")
    (record,), size = await lines(caplog, hello, data)
    pattern = rf'127\.0\.0\.1 \[.+\] "GET /a\?b=c HTTP/1\.1" 200 {size} "http://r/" "tests/1"'
    assert re.fullmatch(pattern, record.getMessage())
    assert re.search(r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]", record.getMessage())


async def test_own_format(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELTER", "cave")
    log_format = "%% %a %P %s %T %Tf %D %{X-In}i %{X-Missing}i %{X-Out}o %{SHELTER}e end"
    if LIBRARY == "aiohttp":  # which knows the first and the last but one, and fails at both
        log_format = log_format.replace("%% ", "% ").replace("%{SHELTER}e", "cave")
    data = request("GET", "/", "Connection: close", "X-In: here")
    (record,), _ = await lines(caplog, hello, data, access_log_format=log_format)
    pattern = rf"% 127\.0\.0\.1 <{os.getpid()}> 200 0 0\.\d{{6}} \d+ here - there cave end"
    assert re.fullmatch(pattern, record.getMessage())
    assert vars(record)["response_status"] == 200
    assert vars(record)["request_header"] == {"X-In": "here", "X-Missing": "-"}


async def test_failures_are_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_request: Any) -> Any:
        raise ZeroDivisionError

    (record,), _ = await lines(caplog, fail, request())
    assert '"GET / HTTP/1.1" 500' in record.getMessage()


async def test_streams_count_all_bytes(caplog: pytest.LogCaptureFixture) -> None:
    async def stream(asked: Any) -> Any:
        response = web.StreamResponse()
        await response.prepare(asked)
        for _ in range(10):
            await response.write(bytes(1000))
        return response

    (record,), size = await lines(caplog, stream, request("GET", "/", "Connection: close"))
    assert f" 200 {size} " in record.getMessage()
    assert size > 10_000


async def test_size_is_known_after_the_answer_has_closed_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def late(asked: Any) -> Any:
        await asyncio.sleep(0)  # so the answer is sent outside the turn that brought the request
        return await hello(asked)

    (record,), size = await lines(caplog, late, request("GET", "/", "Connection: close"))
    assert size > 0
    assert f" 200 {size} " in record.getMessage()


async def test_nothing_is_written_when_nobody_reads(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, LOGGER.name)
    async with serve(application(hello), access_log=LOGGER) as served, open_wire(served) as wire:
        await wire.send(request())
        await wire.read_answer()
        if LIBRARY == "quinde":
            assert served.runner.server.is_direct
    assert caplog.records == []


async def test_logger_class_of_ones_own() -> None:
    if LIBRARY == "aiohttp":
        from aiohttp.abc import AbstractAccessLogger
    else:
        from quinde.web.log import AbstractAccessLogger  # type: ignore[assignment]

    seen: list[tuple[str, int, bool]] = []

    class Own(AbstractAccessLogger):
        def log(self, asked: Any, response: Any, time: float) -> None:
            seen.append((asked.path, response.status, time >= 0))

    async with (
        serve(application(hello), access_log=LOGGER, access_log_class=Own) as served,
        open_wire(served) as wire,
    ):
        await wire.send(request("GET", "/x"))
        await wire.read_answer()
    assert seen == [("/x", 200, True)]


@quinde_only
async def test_refused_requests_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    (record,), size = await lines(caplog, hello, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert f'"UNKNOWN / HTTP/1.0" 400 {size} ' in record.getMessage()
    assert record.getMessage().startswith("127.0.0.1 ")


async def test_head_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    (record,), _ = await lines(caplog, hello, request("HEAD"), "HEAD")
    assert '"HEAD / HTTP/1.1" 200' in record.getMessage()


# --- the core's own -----------------------------------------------------------------------------------------


@quinde_only
@pytest.mark.parametrize("way", ["direct", "middleware"])
@pytest.mark.parametrize(
    "fields", ["", "%{X-Out}o %{Content-Type}o %{Content-Length}o %{Connection}o %{Server}o"]
)
async def test_all_ways_write_the_same_lines(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, way: str, fields: str
) -> None:
    """Each request is asked of three servers, which differ in the class of their access logger."""
    log_format = f"%a %P %r %s %b %T %{{User-Agent}}i %{{X-Missing}}i {fields}"

    class Plain(AccessLogger):  # any subclass gets responses that were sent in the general way
        __slots__ = ()

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self._line = None  # by Python

    requests = [
        request("GET", "/plain?a=b%20c", "User-Agent: tests/1", "Connection: close"),
        request("HEAD", "/plain", "Connection: close"),
        request("GET", "/fields", "Connection: close"),
        request("GET", "/late", "Connection: close"),
        request("GET", "/stream", "Connection: close"),
        request("GET", "/raise", "Connection: close"),
        request("GET", "/nowhere", "Connection: close"),
        request("POST", "/plain", "Connection: close", "Content-Length: 3") + b"abc",
        b"GET /plain HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ]

    async def handle(asked: Any) -> Any:
        await asyncio.sleep(0.001 if asked.path == "/late" else 0)
        if asked.path == "/raise":
            raise ZeroDivisionError
        if asked.path == "/fields":
            return await hello(asked)
        if asked.path != "/stream":
            return web.Response(text="hello")
        response = web.StreamResponse()
        await response.prepare(asked)
        await response.write(bytes(10_000))
        return response

    @web.middleware
    async def pass_on(asked: Any, handler: Any) -> Any:
        return await handler(asked)

    def made() -> Any:
        app = web.Application(middlewares=[pass_on] if way == "middleware" else [])
        for path in ("/plain", "/fields", "/late", "/stream", "/raise"):
            app.router.add_route("*", path, handle)
        return app

    async def ask(**options: Any) -> None:
        async with serve(made(), access_log=LOGGER, access_log_format=log_format, **options) as served:
            if way == "middleware" or options.get("access_log_class") is Plain:
                assert not served.runner.server.is_direct
            else:
                assert served.runner.server.is_direct == (bool(options) or not fields)
            for data in requests:
                async with open_wire(served) as wire:
                    await wire.send(data)
                    await wire.read_to_end()

    caplog.set_level(logging.INFO, LOGGER.name)
    await ask(access_log_class=Plain)
    slow = [record.getMessage() for record in caplog.records if record.name == LOGGER.name]
    assert len(slow) == len(requests)
    caplog.clear()
    await ask()
    assert [record.getMessage() for record in caplog.records if record.name == LOGGER.name] == slow
    await ask(access_log_class=web.BufferedAccessLogger.to(tmp_path / "log"))
    assert (tmp_path / "log").read_text().splitlines() == slow


@quinde_only
@pytest.mark.parametrize(
    "data",
    [
        request("GET", "/a?b=%20", "User-Agent: tests/1"),
        request("HEAD", "/"),
        request("GET", "/?", "Referer: http://r/", "User-Agent: one", "User-Agent: two"),
        request("GET", "//double"),
        request("GET", "http://elsewhere/path?q"),
        request("GET", "/", "User-Agent: " + "Quiñe €".encode().decode("latin-1")),
        request("GET", "/", "User-Agent: x").replace(b" x", b" \xff\xe9"),
        request("POST", "/", "Content-Length: 3") + b"abc",
        b"GET / HTTP/1.0\r\n\r\n",
    ],
    ids=range(9),
)
async def test_core_and_python_tell_the_same(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    """The message, and each value beside it: whichever of the two makes them."""
    log_format = '%% %a %t %P "%r" %s %b %T %Tf %D %{Referer}i "%{User-Agent}i" %{X-Missing}i'
    monkeypatch.setattr("quinde.web.log.clock.time", lambda: 1_700_000_000.75)

    class Both(AccessLogger):
        def log(self, asked: Any, response: Any, _time: float) -> None:
            for seconds in (0.0, 0.0000005, 0.5, 1.5, 2.25, 12345.678901):
                super().log(asked, response, seconds)
                line, self._line = self._line, None
                super().log(asked, response, seconds)
                self._line = line

    # Past pytest's own log: reports with lone surrogates do not get from one of its processes to another.
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", records.append)
    monkeypatch.setattr(LOGGER, "propagate", False)
    LOGGER.addHandler(handler)
    try:
        method = data.split()[0].decode()
        await lines(caplog, hello, data, method, access_log_class=Both, access_log_format=log_format)
    finally:
        LOGGER.removeHandler(handler)
    assert len(records) == 12
    for ours, pythons in zip(records[::2], records[1::2], strict=True):
        assert vars(ours) == vars(pythons)


@quinde_only
async def test_ordinary_lines_take_no_python(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AccessLogger, "_tell", None)
    (record,), _ = await lines(caplog, hello, request("GET", "/a?b"))
    assert '"GET /a?b HTTP/1.1" 200' in record.getMessage()


@quinde_only
async def test_buffered_lines_tell_how_long_it_took(tmp_path: Path) -> None:
    async def slow(_request: Any) -> Any:
        await asyncio.sleep(0.02)
        return web.Response(text="hello")

    to = web.BufferedAccessLogger.to(tmp_path / "log")
    options: Any = {"access_log": LOGGER, "access_log_class": to, "access_log_format": "%D %Tf"}
    async with serve(application(slow), **options) as served, open_wire(served) as wire:
        await wire.send(request())
        await wire.read_answer()
    micros, fraction = (tmp_path / "log").read_text().split()
    assert 15_000 <= int(micros) < 20_000_000  # uvloop's timers may be a little early
    assert float(fraction) * 1e6 == pytest.approx(int(micros))


@quinde_only
async def test_buffered_logger_with_an_own_log_takes_the_slower_way(tmp_path: Path) -> None:
    seen: list[str] = []

    class Own(web.BufferedAccessLogger.to(tmp_path / "log")):  # type: ignore[misc]
        def log(self, asked: Any, response: Any, time: float) -> None:
            seen.append(asked.path)
            super().log(asked, response, time)

    async with (
        serve(application(hello), access_log=LOGGER, access_log_class=Own) as served,
        open_wire(served) as wire,
    ):
        assert not served.runner.server.is_direct
        await wire.send(request("GET", "/x"))
        await wire.read_answer()
    assert seen == ["/x"]
    assert '"GET /x HTTP/1.1" 200' in (tmp_path / "log").read_text()


@quinde_only
async def test_peers_of_unix_sockets_have_no_name(tmp_path: Path) -> None:
    runner = web.AppRunner(
        application(hello),
        access_log=LOGGER,
        access_log_class=web.BufferedAccessLogger.to(tmp_path / "log"),
        access_log_format="%a %s",
    )
    await runner.setup()
    try:
        await web.UnixSite(runner, tmp_path / "socket").start()
        reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
        writer.write(request("GET", "/", "Connection: close"))
        await reader.read()
        writer.close()
        await writer.wait_closed()
    finally:
        await runner.cleanup()
    assert (tmp_path / "log").read_text() == "- 200\n"
