"""Log records of one kind by the thousand: each as `Logger.info()` would make it, at a fraction of the cost.

All come from the same line of the same process, and but for the moment, the task and what they tell each is
like the one before. Knows `logging` and nothing of requests.
"""

from __future__ import annotations

import logging
import os
from asyncio import current_task
from logging import Logger, LogRecord, getLogRecordFactory
from threading import get_ident
from types import CodeType, FunctionType
from typing import Any, ClassVar, Final

__all__ = ("Records", "makes_plain_records", "record_of")

# What `info()` runs up to the record; whoever puts something else in their place gets his calls.
_info = Logger.info
_log = Logger._log
_find_caller = Logger.findCaller
_make_record = Logger.makeRecord
# Somebody may have done so before this module was loaded.
_are_genuine: Final = all(
    isinstance(step, FunctionType) and step.__code__.co_filename == logging.addLevelName.__code__.co_filename
    for step in (_info, _log, _find_caller, _make_record)
)
_new_record = LogRecord.__new__


def makes_plain_records(logger: Logger) -> bool:
    """Tell whether nobody but `logging` has a say in how this logger makes records."""
    own = logger.__dict__
    return (
        type(logger) is Logger
        and Logger.info is _info
        and Logger._log is _log
        and Logger.findCaller is _find_caller
        and Logger.makeRecord is _make_record
        and "info" not in own
        and "_log" not in own
        and "findCaller" not in own
        and "makeRecord" not in own
        and getLogRecordFactory() is LogRecord
        and _are_genuine
    )


def record_of(attributes: dict[str, Any]) -> LogRecord:
    """Make the record that has these attributes."""
    record = _new_record(LogRecord)
    record.__dict__ = attributes
    return record


class Records:
    """Make records of level INFO for a logger that makes plain ones.

    The first record of each second, and of each thread and process, is made by the logger; the others are
    copies of it with another moment.

    Args:
        code: The function that logs, for the records to name.
    """

    # How often this process was made by a fork: what it knew of itself then holds no more.
    forks: ClassVar[int] = 0

    __slots__ = ("_code", "_forks", "_logger", "_pattern", "_since", "_started", "_thread", "_until")

    def __init__(self, code: CodeType) -> None:
        self._code = code
        self._logger: Logger | None = None
        self._pattern: dict[str, Any] = {}
        self._since = self._until = self._started = 0.0
        self._thread = self._forks = -1

    def begin(self, logger: Logger, now: float) -> dict[str, Any]:
        """Give the attributes of a new record; `msg` is to come, and so is what it carries beside the usual.

        Args:
            logger: The logger.
            now: Seconds since 1970.
        """
        if (
            not self._since <= now < self._until
            or get_ident() != self._thread
            or logger is not self._logger
            or self._forks != Records.forks
        ):
            self._renew(logger, now)
        attributes = self._pattern.copy()
        attributes["created"] = now
        attributes["msecs"] = now % 1.0 * 1000.0 // 1.0
        attributes["relativeCreated"] = (now - self._started) * 1000.0
        # Python 3.12's, as is the attribute.
        if "taskName" in attributes and logging.logAsyncioTasks:  # type: ignore[attr-defined]
            try:
                attributes["taskName"] = current_task().get_name()  # type: ignore[union-attr]
            except Exception:
                attributes["taskName"] = None  # outside of tasks, or of a loop
        return attributes

    def _renew(self, logger: Logger, now: float) -> None:
        code = self._code
        made = logger.makeRecord(
            logger.name, logging.INFO, code.co_filename, code.co_firstlineno, "", (), None, code.co_name
        )
        self._logger = logger
        self._since, self._until, self._thread, self._forks = now, now + 1.0, get_ident(), Records.forks
        self._started = made.created - made.relativeCreated / 1000.0
        self._pattern = dict(made.__dict__)


def _count_fork() -> None:
    Records.forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)
