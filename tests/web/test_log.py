"""The access log's format."""

from __future__ import annotations

import datetime
import logging
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from quinde._core import LogLine
from quinde.web.log import AbstractAccessLogger, AccessLogger, cut
from quinde.web.response import Response
from tests.web.incoming import fake_request

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGER = logging.getLogger("tests.log")


@pytest.fixture(autouse=True)
def _level(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO, LOGGER.name):
        yield


def line(log_format: str, caplog: pytest.LogCaptureFixture, request: Any = None, seconds: float = 0.5) -> str:
    AccessLogger(LOGGER, log_format).log(request or fake_request("/a?b"), Response(text="x"), seconds)
    return caplog.records[-1].getMessage()


@pytest.mark.parametrize(
    ("log_format", "expected"),
    [
        ("%a", "192.0.2.1"),
        ("%r", "GET /a?b HTTP/1.1"),
        ("%s %b", "200 0"),
        ("%T %Tf %D", "0 0.500000 500000"),
        ("%{X-Y}i %{Content-Type}o", "- text/plain; charset=utf-8"),
        ("100%% of %s", "100% of 200"),
        ("%z %{odd} %", "%z %{odd} %"),
        ("%s%s", "200200"),
    ],
)
def test_atoms(log_format: str, expected: str, caplog: pytest.LogCaptureFixture) -> None:
    assert line(log_format, caplog) == expected


def test_cut() -> None:
    assert cut("100%% %Tf %{X}i%{Y}o") == [
        ("", "100"),
        ("", "%"),
        ("", " "),
        ("Tf", ""),
        ("", " "),
        ("i", "X"),
        ("o", "Y"),
    ]


def test_start_time_is_local_and_before_the_end(caplog: pytest.LogCaptureFixture) -> None:
    written = line("%t", caplog, seconds=3600)
    moment = datetime.datetime.strptime(written, "[%d/%b/%Y:%H:%M:%S %z]")
    assert abs(moment.timestamp() - (time.time() - 3600)) < 5
    assert moment.utcoffset() == datetime.timedelta(seconds=time.localtime(moment.timestamp()).tm_gmtoff)


def test_records_carry_the_values(caplog: pytest.LogCaptureFixture) -> None:
    line("%s %{A}i %{B}i", caplog, fake_request(headers=[("A", "1")]))
    assert vars(caplog.records[-1])["response_status"] == 200
    assert vars(caplog.records[-1])["request_header"] == {"A": "1", "B": "-"}


def test_default_format(caplog: pytest.LogCaptureFixture) -> None:
    written = line(AccessLogger.LOG_FORMAT, caplog, fake_request(headers=[("User-Agent", "me")]))
    assert re.fullmatch(r'192\.0\.2\.1 \[.+\] "GET / HTTP/1\.1" 200 0 "-" "me"', written)


def test_unknown_peer(caplog: pytest.LogCaptureFixture) -> None:
    request = fake_request()
    request._incoming.peername = None
    assert line("%a", caplog, request) == "-"


def test_errors_stay_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    AccessLogger(LOGGER, "%a").log(None, Response(), 0)  # type: ignore[arg-type]
    assert caplog.records[-1].getMessage() == "Error in logging"


def test_enabled_follows_the_level() -> None:
    logger = AccessLogger(LOGGER)
    assert logger.enabled
    LOGGER.setLevel(logging.WARNING)
    assert not logger.enabled


def test_own_loggers_are_enabled() -> None:
    class Own(AbstractAccessLogger):
        def log(self, request: Any, response: Any, time: float) -> None: ...

    assert Own(LOGGER, "format").enabled
    with pytest.raises(TypeError):
        AbstractAccessLogger(LOGGER, "format")  # type: ignore[abstract]


def test_records_name_the_logger_of_lines(caplog: pytest.LogCaptureFixture) -> None:
    line("%s", caplog)
    record = caplog.records[-1]
    assert (record.funcName, record.module, record.args) == ("log", "log", ())


def test_the_logger_may_change(caplog: pytest.LogCaptureFixture) -> None:
    logger = AccessLogger(LOGGER, "%s")
    logger.log(fake_request(), Response(), 0)
    logger.logger = logging.getLogger("tests.log.other")
    logger.log(fake_request(), Response(), 0)
    assert [record.name for record in caplog.records] == ["tests.log", "tests.log.other"]


def test_patched_loggers_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(LOGGER, "info", lambda *args, **keywords: told.append((args, keywords)))
    AccessLogger(LOGGER, "%s %{A}i").log(fake_request(), Response(), 0)
    extra = {"response_status": 200, "request_header": {"A": "-"}}
    assert told == [(("200 -",), {"extra": extra})]


def test_factories_of_records_are_asked(caplog: pytest.LogCaptureFixture) -> None:
    class Record(logging.LogRecord):
        pass

    previous = logging.getLogRecordFactory()
    logging.setLogRecordFactory(Record)
    try:
        line("%s", caplog)
    finally:
        logging.setLogRecordFactory(previous)
    assert type(caplog.records[-1]) is Record


def test_the_level_may_change_while_it_is_used(caplog: pytest.LogCaptureFixture) -> None:
    logger = AccessLogger(LOGGER, "%s")
    LOGGER.setLevel(logging.WARNING)
    logger.log(fake_request(), Response(), 0)
    assert caplog.records == []


@pytest.mark.parametrize("log_format", ["%s", "%{A}i", "%{A}o"])
def test_shows_response_fields(log_format: str) -> None:
    assert AccessLogger(LOGGER, log_format).shows_response_fields == (log_format == "%{A}o")


def test_the_core_refuses_pieces_that_it_cannot_fill() -> None:
    for kind, reason in (("o", "a response's fields"), ("e", "unknown piece")):
        with pytest.raises(ValueError, match=reason):
            LogLine([("", "- "), (kind, "Name")], str)
