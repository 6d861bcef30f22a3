"""The buffered access log: its lines, and what becomes of them when they cannot be written."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import gc
import io
import logging
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import weakref
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from quinde.web.journal import BufferedAccessLogger
from quinde.web.log import AccessLogger
from quinde.web.response import Response
from tests.web.incoming import fake_request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOGGER = logging.getLogger("tests.journal")


def written(log_format: str, request: Any = None, response: Any = None, seconds: float = 0.5) -> str:
    """One line about a request, without its end."""
    stream = io.StringIO()
    logger = BufferedAccessLogger.to(stream)(LOGGER, log_format)
    logger.log(request or fake_request("/a?b"), response or Response(text="x"), seconds)
    logger.close()
    text = stream.getvalue()
    assert text.endswith("\n")
    return text[:-1]


def log(logger: BufferedAccessLogger, *paths: str) -> None:
    for path in paths:
        logger.log(fake_request(path), Response(text="x"), 0.0)


# --- lines --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "log_format",
    [
        "%a", "%P", "%r", "%s", "%b", "%T", "%Tf", "%D", "%s%s", "100%% of %s", "%z %{odd} %", "",
        '%{X-Y}i "%{x-z}i" %{Content-Type}o %{No}o', "%{HOME}e %{NO_SUCH_VARIABLE}e", AccessLogger.LOG_FORMAT,
    ],
)  # fmt: skip
@pytest.mark.parametrize("seconds", [0.0, 0.000_123_4, 0.5, 1.5, 2.5, 12.345_678_9])
def test_lines_are_those_of_the_ordinary_logger(
    log_format: str, seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    request = fake_request("/a?b=c%20d", headers=[("X-Y", "1 2"), ("User-Agent", "me")])
    response = Response(text="x", headers={"X-Z": "3"})
    with caplog.at_level(logging.INFO, LOGGER.name):
        AccessLogger(LOGGER, log_format).log(request, response, seconds)
    expected = caplog.records[-1].getMessage()
    line = written(log_format, request, response, seconds)
    moment = r"\[.+?\]"  # not always the same second; compared below
    assert re.sub(moment, "[]", line) == re.sub(moment, "[]", expected)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns"])
def test_moments_are_those_of_the_ordinary_logger(zone: str) -> None:
    program = """
import logging, io, sys
from quinde.web import BufferedAccessLogger, Response
from quinde.web.log import AccessLogger
from tests.web.incoming import fake_request
stream = io.StringIO()
logger = BufferedAccessLogger.to(stream)(logging.getLogger("x"), "%t")
plain = AccessLogger(logging.getLogger("x"), "%t")
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
# Two of the ordinary ones round the other: the second may change in between.
plain.log(fake_request(), Response(), 7200.25)
logger.log(fake_request(), Response(), 7200.25)
plain.log(fake_request(), Response(), 7200.25)
logger.close()
print(stream.getvalue(), end="")
"""
    environment = {**os.environ, "TZ": zone, "PYTHONPATH": os.getcwd()}
    output = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    ).stdout
    before, after, ours = output.splitlines()
    assert ours in {before, after}
    assert re.fullmatch(r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]", ours)


def test_what_a_peer_chose_is_escaped() -> None:
    nasty = 'a"b\\c\td\ne\rf\x0bg\x08h\x00i\x1b[31mj\x7fk\u00e9l\udcffm'
    line = written('"%{X}i" "%{X}o"', fake_request(headers=[("X", nasty)]), Response(headers={"X": nasty}))
    escaped = r"a\"b\\c\td\ne\rf\vg\bh\x00i\x1b[31mj\x7fk\xc3\xa9l\xffm"
    assert line == f'"{escaped}" "{escaped}"'


def test_request_line_and_peer_are_escaped() -> None:
    request = fake_request('/"x', method='G"')
    request._incoming.peername = ('fe80::1%"\n', 1, 0, 0)
    assert written("%a %r", request) == r"fe80::1%\"\n G\" /\"x HTTP/1.1"


def test_unknown_peer() -> None:
    request = fake_request()
    request._incoming.peername = None
    assert written("%a", request) == "-"


def test_errors_in_making_a_line_stay_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    logger = BufferedAccessLogger.to(io.StringIO())(LOGGER, "%a")
    logger.log(None, Response(), 0)  # type: ignore[arg-type]
    assert caplog.records[-1].getMessage() == "Error in logging"
    assert logger.statistics()["lines"] == 0


# --- when they are written ----------------------------------------------------------------------------------


async def test_lines_wait_for_the_interval(tmp_path: Path) -> None:
    path = tmp_path / "log"
    logger = BufferedAccessLogger.to(path, flush_interval=0.01)(LOGGER, "%r")
    log(logger, "/1", "/2")
    assert path.read_text() == ""
    while not path.read_text():  # noqa: ASYNC110  # nobody tells
        await asyncio.sleep(0.001)
    assert path.read_text() == "GET /1 HTTP/1.1\nGET /2 HTTP/1.1\n"
    log(logger, "/3")
    while "3" not in path.read_text():  # noqa: ASYNC110  # nobody tells
        await asyncio.sleep(0.001)


async def test_interval_of_zero_writes_in_the_same_turn(tmp_path: Path) -> None:
    path = tmp_path / "log"
    logger = BufferedAccessLogger.to(path, flush_interval=0)(LOGGER, "%r")
    log(logger, "/1", "/2")
    await asyncio.sleep(0)
    assert path.read_text() == "GET /1 HTTP/1.1\nGET /2 HTTP/1.1\n"


async def test_a_full_batch_is_written_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    logger = BufferedAccessLogger.to(path)(LOGGER, "x" * 1023)
    log(logger, *["/"] * 63)
    assert path.stat().st_size == 0
    log(logger, "/")
    assert path.stat().st_size == 65_536
    assert logger.statistics() == {
        "lines": 64, "dropped": 0, "bytes_written": 65_536, "bytes_waiting": 0, "failures": 0
    }  # fmt: skip


def test_outside_of_a_loop_lines_are_written_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log(BufferedAccessLogger.to(path)(LOGGER, "%r"), "/1")
    assert path.read_text() == "GET /1 HTTP/1.1\n"


def test_the_next_loop_writes_what_a_closed_one_did_not(tmp_path: Path) -> None:
    path = tmp_path / "log"
    logger = BufferedAccessLogger.to(path, flush_interval=0.5)(LOGGER, "%r")

    async def ask(target: str) -> None:
        log(logger, target)

    asyncio.run(ask("/lost"))  # the loop ends before its timer fires
    assert path.read_text() == ""

    async def wait() -> None:
        while "/lost" not in path.read_text():
            log(logger, "/again")
            await asyncio.sleep(0.05)

    asyncio.run(wait())


def test_flush_and_close(tmp_path: Path) -> None:
    async def use() -> None:
        path = tmp_path / "log"
        logger = BufferedAccessLogger.to(path)(LOGGER, "%r")
        log(logger, "/1")
        logger.flush()
        assert path.read_text() == "GET /1 HTTP/1.1\n"
        log(logger, "/2")
        logger.close()
        logger.close()
        assert path.read_text() == "GET /1 HTTP/1.1\nGET /2 HTTP/1.1\n"
        log(logger, "/3")
        logger.flush()
        assert "/3" not in path.read_text()
        assert logger.statistics()["dropped"] == 1
        assert logger.statistics()["lines"] == 2

    asyncio.run(use())


def test_a_forgotten_logger_writes_and_closes_its_file(tmp_path: Path) -> None:
    async def use() -> None:
        log(BufferedAccessLogger.to(tmp_path / "log", flush_interval=60)(LOGGER, "%r"), "/1")
        assert (tmp_path / "log").read_text() == ""

    gc.collect()  # what other tests have left
    before = len(os.listdir("/proc/self/fd"))
    asyncio.run(use())
    gc.collect()
    assert (tmp_path / "log").read_text() == "GET /1 HTTP/1.1\n"
    assert len(os.listdir("/proc/self/fd")) == before


PROGRAM = """
import asyncio, logging, os, sys
from quinde.web import BufferedAccessLogger, Response
from tests.web.incoming import fake_request
logger = BufferedAccessLogger.to({target})(logging.getLogger("x"), "%r {extra}")
async def main():
    logger.log(fake_request("/parent"), Response(), 0.0)
    {then}
asyncio.run(main())
"""


def run_program(then: str, target: str = "None", extra: str = "", **options: Any) -> str:
    """Run a program that has logged a request in a loop; give its standard output."""
    program = PROGRAM.format(target=target, then=then, extra=extra)
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        check=True, stdout=subprocess.PIPE, env=environment, timeout=60, text=True, **options,
    )  # fmt: skip
    return done.stdout


def test_lines_go_to_standard_output_and_are_written_at_exit() -> None:
    assert run_program("pass") == "GET /parent HTTP/1.1 \n"


def test_a_forked_child_writes_its_own_lines_only() -> None:
    then = """
    pid = os.fork()
    if pid == 0:
        asyncio.events._set_running_loop(None)
        logger.log(fake_request("/child"), Response(), 0.0)
        logger.close()
        os._exit(0)
    os.waitpid(pid, 0)
    print(pid, os.getpid(), flush=True)
"""
    lines = run_program(then, extra="%P").splitlines()
    child, parent = lines[1].split()
    assert lines[0] == f"GET /child HTTP/1.1 <{child}>"
    assert lines[2:] == [f"GET /parent HTTP/1.1 <{parent}>"]


def test_a_context_does_not_live_on_in_the_timer() -> None:
    class Value:
        pass

    variable: contextvars.ContextVar[Any] = contextvars.ContextVar("variable")

    async def use() -> None:
        logger = BufferedAccessLogger.to(os.devnull, flush_interval=60)(LOGGER, "%r")

        async def ask() -> weakref.ref[Value]:
            value = Value()
            variable.set(value)
            log(logger, "/")
            return weakref.ref(value)

        reference = await asyncio.create_task(ask())
        await asyncio.sleep(0)
        gc.collect()
        assert reference() is None

    asyncio.run(use())


# --- what cannot be written ---------------------------------------------------------------------------------


@contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """A pipe without room. Its writing end waits where somebody writes to it without asking."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    try:
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)


def read_all(reading: int) -> bytes:
    """What there is to read without waiting."""
    data = b""
    with suppress(BlockingIOError):
        while True:
            data += os.read(reading, 65_536)
    return data


def test_a_slow_reader_is_not_waited_for() -> None:
    with full_pipe() as (reading, writing):
        logger = BufferedAccessLogger.to(writing, max_waiting=100)(LOGGER, "%r")
        log(logger, *(f"/{number}" for number in range(10)))  # 16 bytes each: 6 have room
        counted = logger.statistics()
        assert (counted["lines"], counted["dropped"], counted["failures"]) == (6, 4, 0)
        read_all(reading)
        logger.flush()
        assert read_all(reading).decode() == "".join(f"GET /{number} HTTP/1.1\n" for number in range(6))
        log(logger, "/x")
        assert read_all(reading) == b"GET /x HTTP/1.1\n"


def test_pieces_for_a_pipe_are_whole_lines() -> None:
    reading, writing = os.pipe()
    logger = BufferedAccessLogger.to(writing)(LOGGER, "x" * 2999)

    async def use() -> None:
        log(logger, "/", "/", "/")
        with full_pipe() as (other, blocked):
            os.dup2(blocked, writing)
            logger.flush()
            os.read(other, 4096)  # room for one piece
            logger.flush()
            assert logger.statistics()["bytes_written"] == 3000

    asyncio.run(use())
    os.close(reading)
    os.close(writing)


async def test_a_retry_comes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quinde.web.journal._RETRY_INTERVAL", 0.01)
    with full_pipe() as (reading, writing):
        logger = BufferedAccessLogger.to(writing, flush_interval=0)(LOGGER, "%r")
        log(logger, "/1")
        await asyncio.sleep(0)
        assert logger.statistics()["bytes_waiting"] == 16
        read_all(reading)
        while logger.statistics()["bytes_waiting"]:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.001)


def test_a_reader_that_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    logger = BufferedAccessLogger.to(writing)(LOGGER, "%r")
    log(logger, "/1", "/2")
    logger.flush()
    counted = logger.statistics()
    assert (counted["lines"], counted["bytes_written"], counted["failures"]) == (2, 0, 3)
    assert [record.getMessage() for record in caplog.records] == [
        f"The access log cannot be written: {os.strerror(errno.EPIPE)}"
    ]
    logger.close()
    assert logger.statistics()["dropped"] == 2
    os.close(writing)


def test_a_full_disk_and_its_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    logger = BufferedAccessLogger.to(tmp_path / "log", max_waiting=40)(LOGGER, "%r")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, limits[1]))  # EFBIG, as ENOSPC with a part written before
    try:
        log(logger, "/1", "/2", "/3", "/4", "/5")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, previous)
    assert (tmp_path / "log").read_text() == "GET /1 HTTP/1.1\nGET "
    logger.flush()
    assert (tmp_path / "log").read_text() == "".join(f"GET /{n} HTTP/1.1\n" for n in (1, 2, 3))
    assert logger.statistics()["dropped"] == 2
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        f"The access log cannot be written: {os.strerror(errno.EFBIG)}",
        "The access log is written again; 2 lines were dropped",
    ]


def test_a_device_without_room() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    logger = BufferedAccessLogger.to(descriptor)(LOGGER, "%r")
    log(logger, "/1")
    assert logger.journal.failure == errno.ENOSPC
    logger.close()
    os.close(descriptor)


def test_a_batch_of_a_broken_target_is_tried_once() -> None:
    async def use() -> None:
        descriptor = os.open("/dev/full", os.O_WRONLY)
        logger = BufferedAccessLogger.to(descriptor)(LOGGER, "x" * 1023)
        log(logger, *["/"] * 200)
        assert logger.statistics()["failures"] == 1  # not once for each line beyond the batch
        logger.close()
        os.close(descriptor)

    asyncio.run(use())


def test_sockets() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        logger = BufferedAccessLogger.to(ours.fileno(), max_waiting=8_000_000)(LOGGER, "x" * 1_000_000)
        log(logger, *["/"] * 4)  # more than a socket holds; it is a blocking one
        assert logger.statistics()["bytes_waiting"] > 0
        received = 0
        while received < 4_000_004:
            received += len(theirs.recv(1_000_000))
            logger.flush()
        assert received == 4_000_004
        theirs.close()
        log(logger, "/")
        assert logger.journal.failure == errno.EPIPE
        logger.close()


def test_exit_waits_a_little_for_a_full_pipe() -> None:
    with full_pipe() as (_, writing):
        started = time.monotonic()
        run_program("pass", target=str(writing), pass_fds=[writing])
        assert time.monotonic() - started >= 1.0


def test_streams_that_fail(caplog: pytest.LogCaptureFixture) -> None:
    stream = io.StringIO()
    logger = BufferedAccessLogger.to(stream)(LOGGER, "%r")
    stream.close()
    log(logger, "/1", "/2")
    counted = logger.statistics()
    assert (counted["lines"], counted["dropped"], counted["failures"]) == (0, 2, 2)
    assert len(caplog.records) == 1
    assert "I/O operation on closed file" in caplog.text


def test_binary_streams() -> None:
    stream = io.BytesIO()
    log(BufferedAccessLogger.to(stream)(LOGGER, "%r"), "/1")
    assert stream.getvalue() == b"GET /1 HTTP/1.1\n"


def test_targets_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        BufferedAccessLogger.to(tmp_path / "no" / "log")(LOGGER)
    with pytest.raises(OSError, match="Bad file descriptor"):
        BufferedAccessLogger.to(999_999)(LOGGER)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="No such device"):  # nobody reads: to wait for that would hang
        BufferedAccessLogger.to(tmp_path / "fifo")(LOGGER)


# --- rotation -----------------------------------------------------------------------------------------------


def test_reopen(tmp_path: Path) -> None:
    async def use() -> None:
        path = tmp_path / "log"
        logger = BufferedAccessLogger.to(path)(LOGGER, "%r")
        log(logger, "/old")
        path.rename(tmp_path / "log.1")
        logger.reopen()
        log(logger, "/new")
        logger.close()
        assert (tmp_path / "log.1").read_text() == "GET /old HTTP/1.1\n"
        assert path.read_text() == "GET /new HTTP/1.1\n"

    asyncio.run(use())


@pytest.mark.parametrize("successor", [True, False])
def test_a_moved_file_is_noticed(tmp_path: Path, monkeypatch: Any, successor: bool) -> None:
    monkeypatch.setattr("quinde.web.journal._WATCH_INTERVAL", 0)
    path = tmp_path / "log"
    logger = BufferedAccessLogger.to(path)(LOGGER, "%r")
    log(logger, "/1")
    path.rename(tmp_path / "log.1")
    if successor:
        path.touch()
    log(logger, "/2", "/3")
    logger.close()
    # The line that waited when the move was noticed belongs to the old file.
    assert (tmp_path / "log.1").read_text() == "GET /1 HTTP/1.1\nGET /2 HTTP/1.1\n"
    assert path.read_text() == "GET /3 HTTP/1.1\n"


def test_a_path_that_cannot_be_reopened(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    logger = BufferedAccessLogger.to(folder / "log")(LOGGER, "%r")
    folder.rename(tmp_path / "moved")
    logger.reopen()
    log(logger, "/1")
    assert "the old file stays in use" in caplog.text
    assert (tmp_path / "moved" / "log").read_text() == "GET /1 HTTP/1.1\n"


def test_reopening_leaves_descriptors_alone() -> None:
    reading, writing = os.pipe()
    logger = BufferedAccessLogger.to(writing)(LOGGER, "%r")
    logger.reopen()
    log(logger, "/1")
    assert os.read(reading, 100) == b"GET /1 HTTP/1.1\n"
    logger.close()
    os.close(reading)
    os.close(writing)  # still open: it is the caller's


def test_options_of_a_class_are_inherited() -> None:
    class Own(BufferedAccessLogger):
        flush_interval = 5.0

    made = Own.to(2, max_waiting=10)
    assert issubclass(made, Own)
    assert (made.target, made.flush_interval, made.max_waiting) == (2, 5.0, 10)
