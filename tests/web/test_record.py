"""Records made from a pattern: as `logging` makes them, unless somebody has a say in that."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from quinde.web.record import Records, makes_plain_records, record_of

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGER = logging.getLogger("tests.record")
MOMENTS = {"created", "msecs", "relativeCreated"}
PLACE = {"pathname", "filename", "module", "lineno", "funcName"}


@pytest.fixture(autouse=True)
def _level(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO, LOGGER.name):
        yield


def here() -> None: ...


def write(records: Records, message: str = "text", now: float | None = None) -> None:
    attributes = records.begin(LOGGER, time.time() if now is None else now)
    attributes["msg"] = message
    LOGGER.handle(record_of(attributes))


@pytest.mark.parametrize("in_task", [True, False])
def test_records_are_those_of_logging(caplog: pytest.LogCaptureFixture, in_task: bool) -> None:
    """Each attribute, the second time as well; the moment is about now."""
    records = Records(here.__code__)

    async def main() -> None:
        await asyncio.create_task(inner(), name="the task")

    async def inner() -> None:
        both()

    def both() -> None:
        for _ in range(3):
            write(records)
        LOGGER.info("text")

    if in_task:
        asyncio.run(main())
    else:
        both()
    *ours, theirs = (dict(vars(record)) for record in caplog.records)
    assert len(ours) == 3
    for record in ours:
        same = record.keys() - MOMENTS - PLACE
        assert record.keys() == theirs.keys()
        assert {name: record[name] for name in same} == {name: theirs[name] for name in same}
        assert (record["funcName"], record["module"]) == ("here", "test_record")
        assert record["lineno"] == here.__code__.co_firstlineno
        assert record["msecs"] == pytest.approx(record["created"] % 1 * 1000, abs=1)
        assert theirs["created"] - 10 < record["created"] <= theirs["created"]
        elapsed = theirs["relativeCreated"] - record["relativeCreated"]
        assert elapsed == pytest.approx((theirs["created"] - record["created"]) * 1000, abs=1)
    if sys.version_info >= (3, 12):
        assert ours[0]["taskName"] == ("the task" if in_task else None)


def test_records_share_nothing(caplog: pytest.LogCaptureFixture) -> None:
    records = Records(here.__code__)
    first = records.begin(LOGGER, time.time())
    first["own"] = 1
    write(records, "other")
    assert not hasattr(caplog.records[-1], "own")
    assert caplog.records[-1].getMessage() == "other"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="records know no tasks")
def test_tasks_are_known_after_a_record_without_one(caplog: pytest.LogCaptureFixture) -> None:
    records = Records(here.__code__)
    now = time.time()

    async def main() -> None:
        asyncio.get_running_loop().call_soon(write, records, "outside", now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        write(records, "inside", now)

    asyncio.run(main())
    outside, inside = caplog.records
    assert vars(outside)["taskName"] is None
    assert vars(inside)["taskName"] is not None


@pytest.mark.skipif(sys.version_info < (3, 12), reason="records know no tasks")
def test_names_of_tasks_may_be_unwanted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "logAsyncioTasks", False)
    records = Records(here.__code__)

    async def main() -> None:
        write(records)

    asyncio.run(main())
    assert vars(caplog.records[-1])["taskName"] is None


@pytest.mark.parametrize("step", [1.5, -1.5])
def test_what_changes_is_seen_in_a_second(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    """Whether the clock goes on or back."""
    records = Records(here.__code__)
    now = time.time()
    write(records, now=now)
    monkeypatch.setattr(threading.current_thread(), "name", "renamed")
    write(records, now=now + step)
    assert [record.threadName for record in caplog.records] == ["MainThread", "renamed"]
    assert caplog.records[-1].created == now + step


def test_records_know_their_thread(caplog: pytest.LogCaptureFixture) -> None:
    records = Records(here.__code__)
    now = time.time()
    write(records, now=now)
    other = threading.Thread(target=write, args=(records, "text", now), name="other")
    other.start()
    other.join()
    write(records, now=now)
    assert [record.threadName for record in caplog.records] == ["MainThread", "other", "MainThread"]


def test_records_know_their_process(caplog: pytest.LogCaptureFixture) -> None:
    """In a process of its own: to fork with threads around is not safe."""
    program = """
import logging, os, sys, time
from quinde.web.record import Records, record_of
logging.basicConfig(level=logging.INFO, format="%(process)d", stream=sys.stdout)
root = logging.getLogger()
records = Records(compile("", "", "exec"))
now = time.time()
root.handle(record_of(records.begin(root, now)))
child = os.fork()
root.handle(record_of(records.begin(root, now)))
if child:
    os.waitpid(child, 0)
    print(os.getpid(), child)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, second, third, pair = done.stdout.splitlines()
    parent, child = pair.split()
    assert first == parent
    assert {second, third} == {parent, child}


def test_records_know_their_logger(caplog: pytest.LogCaptureFixture) -> None:
    records = Records(here.__code__)
    now = time.time()
    write(records, now=now)
    other = logging.getLogger("tests.record.other")
    other.handle(record_of(records.begin(other, now)))
    assert [record.name for record in caplog.records] == ["tests.record", "tests.record.other"]


def test_filters_and_disabled_loggers_hold(caplog: pytest.LogCaptureFixture) -> None:
    records = Records(here.__code__)
    LOGGER.addFilter(drop := lambda record: record.getMessage() != "dropped")
    try:
        write(records, "dropped")
        write(records, "kept")
    finally:
        LOGGER.removeFilter(drop)
    LOGGER.disabled = True
    try:
        write(records, "disabled")
    finally:
        LOGGER.disabled = False
    assert [record.getMessage() for record in caplog.records] == ["kept"]


# --- who has a say ------------------------------------------------------------------------------------------


def test_nobody_has() -> None:
    assert makes_plain_records(LOGGER)


def test_a_class_of_loggers_has() -> None:
    class Own(logging.Logger):
        pass

    assert not makes_plain_records(Own("own"))


def test_a_factory_of_records_has() -> None:
    class Record(logging.LogRecord):
        pass

    previous = logging.getLogRecordFactory()
    logging.setLogRecordFactory(Record)
    try:
        assert not makes_plain_records(LOGGER)
    finally:
        logging.setLogRecordFactory(previous)


@pytest.mark.parametrize("name", ["info", "_log", "findCaller", "makeRecord"])
@pytest.mark.parametrize("place", ["class", "logger"])
def test_who_patches_a_logger_has(monkeypatch: pytest.MonkeyPatch, name: str, place: str) -> None:
    def patched(*args: Any, **keywords: Any) -> Any: ...

    monkeypatch.setattr(logging.Logger if place == "class" else LOGGER, name, patched)
    assert not makes_plain_records(LOGGER)


def test_who_patched_before_has() -> None:
    program = """
import functools, logging
before = logging.Logger.makeRecord
@functools.wraps(before)
def patched(*args, **keywords):
    return before(*args, **keywords)
logging.Logger.makeRecord = patched
from quinde.web.record import makes_plain_records
print(makes_plain_records(logging.getLogger()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
