"""`BufferedAccessLogger`: the access log written by the core, in batches, past `logging`.

The core makes the lines and writes them (`Journal`); here is the policy: where to, when, and what is said
about failures. May know requests and responses by their attributes; must not know servers.
"""

from __future__ import annotations

import asyncio
import atexit
import io
import os
import sys
import time
import types
import weakref
from contextvars import Context
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from quinde._core import IncomingRequest, Journal
from quinde.log import server_logger
from quinde.web.log import AbstractAccessLogger, AccessLogger, cut
from quinde.web.request import BaseRequest, Request

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping

    from quinde.web.stream import StreamResponse

__all__ = ("BufferedAccessLogger",)

# Seconds that a process which ends waits for a pipe that is full.
_LAST_PATIENCE = 1.0
# Seconds between attempts while nothing can be written.
_RETRY_INTERVAL = 1.0
# Seconds after which a path is looked at again: somebody may have moved the file away.
_WATCH_INTERVAL = 1.0
# Requests of these classes say nothing else than the core's does.
_OWN_REQUESTS = frozenset({BaseRequest, Request})


class _Stream(Protocol):
    def write(self, text: Any, /) -> object: ...


_Target = str | os.PathLike[str] | int | _Stream | None


class BufferedAccessLogger(AbstractAccessLogger):
    """Write the access log fast: lines are made by the core, gathered, and written in batches.

    As `access_log_class=` it writes to standard output; `BufferedAccessLogger.to(…)` makes a class that
    writes elsewhere. `access_log_format=` takes the atoms of `AccessLogger`, and `access_log=None` switches
    it off. An application that nothing stands before (no middlewares, no signals) is logged without running
    Python code.

    *When lines are written*: when 64 KiB have come together, else after `flush_interval`; when the server
    shuts down, when the process ends, and by `flush()`. A process that is killed loses the lines in between.

    *What a peer chose* (request line, fields) is escaped as Apache's httpd does it: ``"`` and ``\\`` get a
    backslash, control bytes and what is not ASCII become ``\\n``, ``\\xhh`` and so on. Nobody can forge a
    line or the end of a quoted field.

    *Failures never reach requests, and nothing waits for a slow reader.* What cannot be written (a full disk,
    a pipe whose reader is slow or gone) is kept and tried again, up to `max_waiting` bytes; beyond that new
    lines are dropped and counted. The first failure of a row is told to the log of errors. A regular file
    takes bytes at the speed of its disk.

    *Rotation*: a file that was moved or removed is opened anew within a second; `reopen()` does it at once.

    *Fork*: lines that wait belong to the parent; the child begins with none.

    Args:
        logger: Taken for `access_log_class=`; only errors in making a line go there.
        log_format: The format.

    Raises:
        OSError: The target cannot be opened.
    """

    target: ClassVar[_Target] = None
    flush_interval: ClassVar[float] = 0.1
    max_waiting: ClassVar[int] = 1024 * 1024
    batch_size: ClassVar[int] = 64 * 1024

    def __init__(self, logger: logging.Logger, log_format: str = AccessLogger.LOG_FORMAT) -> None:
        super().__init__(logger, log_format)
        pieces = _compile(log_format)
        self._request_fields = [name for kind, name in pieces if kind == "i"]
        self._response_fields = [name for kind, name in pieces if kind == "o"]
        self.journal = Journal(
            pieces,
            on_pending=_caller_of(weakref.ref(self)),
            interval=self.flush_interval,
            batch=self.batch_size,
            capacity=self.max_waiting,
        )
        self._outlet = _Outlet(self.journal, sys.stdout if self.target is None else self.target)
        _outlets.add(self._outlet)
        # Not at exit: then `_finish_all` has more patience.
        weakref.finalize(self, self._outlet.close).atexit = False

    @classmethod
    def to(
        cls, target: _Target, *, flush_interval: float | None = None, max_waiting: int | None = None
    ) -> type[Self]:
        """Make a class that writes to `target`, for `access_log_class=`.

        Args:
            target: A path, which is opened to append to; a file descriptor or a stream, which stay the
                caller's to close; None is standard output.
            flush_interval: Seconds that a line waits at most, 0.1 by default; 0 writes at the end of each
                turn of the loop.
            max_waiting: Bytes that are kept while they cannot be written, 1 MiB by default.
        """
        attributes: dict[str, Any] = {"__module__": cls.__module__, "target": target}
        if flush_interval is not None:
            attributes["flush_interval"] = flush_interval
        if max_waiting is not None:
            attributes["max_waiting"] = max_waiting
        made: type[Self] = types.new_class(
            cls.__name__, (cls,), exec_body=lambda body: body.update(attributes)
        )
        return made

    def log(self, request: BaseRequest, response: StreamResponse, time: float) -> None:
        """Write one line."""
        try:
            answered = _values(response.headers, self._response_fields)
            incoming = request._incoming
            if type(request) in _OWN_REQUESTS and type(incoming) is IncomingRequest:
                self.journal.write(incoming, response.status, response.body_length, time, answered)
                return
            self.journal.write_text(
                _encoded(request.remote or ""),
                _encoded("{} {} HTTP/{}.{}".format(request.method, request.path_qs, *request.version)),
                response.status,
                response.body_length,
                time,
                _values(request.headers, self._request_fields),
                answered,
            )
        except Exception:
            self.logger.exception("Error in logging")

    def flush(self) -> None:
        """Write what waits, as far as it can be written at once."""
        self._outlet.flush()

    def reopen(self) -> None:
        """Open the target's path anew: its file has been moved away, and the path names another one.

        For handlers of signals, for example; without effect on descriptors and streams. If it cannot be
        opened, the old file stays in use, and the log of errors tells why.
        """
        self._outlet.reopen()

    def close(self) -> None:
        """Write what waits and let go of the target; what comes later is dropped."""
        self._outlet.close()

    def statistics(self) -> dict[str, int]:
        """Count: `lines` taken and `dropped`, `bytes_written` and `bytes_waiting`, `failures` of writes."""
        return self.journal.statistics()

    def _call_later(self) -> None:
        """Come back for lines that wait."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._outlet.flush()
            self.journal.expect(None)
            return
        if self.flush_interval > 0:
            loop.call_later(self.flush_interval, self._tick, context=Context())
        else:
            loop.call_soon(self._tick, context=Context())

    def _tick(self) -> None:
        if self._outlet.flush() > 0:
            self.journal.expect(_RETRY_INTERVAL)
            asyncio.get_running_loop().call_later(_RETRY_INTERVAL, self._tick, context=Context())
        else:
            self.journal.expect(None)


class _Outlet:
    """Where the lines of one logger go: a descriptor that the core writes to, or a stream."""

    def __init__(self, journal: Journal, target: _Target) -> None:
        self._journal = journal
        self._path: str | None = None
        self._descriptor: int | None = None  # the one that is open for `_path`
        self._stream: Any = None
        self._gets_text = False
        self._is_closed = False
        self._looked_at = 0.0
        self._failing_since: int | None = None  # how many lines had been dropped then
        if isinstance(target, int):
            journal.set_target(target)
        elif isinstance(target, (str, os.PathLike)):
            self._path = os.fspath(target)
            self._open(self._path)
        else:
            self._stream = target
            try:
                journal.set_target(target.fileno())  # type: ignore[union-attr]  # or else it has none
            except (AttributeError, OSError, ValueError):
                self._gets_text = target is not None

    def flush(self, patience: float = 0.0) -> int:
        """Write what waits; return how many bytes still do."""
        if self._gets_text:
            self._write_stream()
            return 0
        if self._path is not None and self._has_moved(self._path):
            self.reopen()
        waiting = self._journal.flush(patience)
        self._tell(self._journal.failure)
        return waiting

    def reopen(self) -> None:
        """Open the path anew; what waits goes to the old file first."""
        if self._path is None:
            return
        self._journal.flush()
        try:
            self._open(self._path)
        except OSError as exc:
            server_logger.error("Cannot reopen the access log, the old file stays in use: %s", exc)

    def close(self, patience: float = 0.0) -> None:
        """Write what waits and let go of the target."""
        if not self._is_closed:
            self._is_closed = True
            self.flush(patience)
            self._journal.close()
            self._let_go()

    def forget(self) -> None:
        """Begin anew in the child of a fork."""
        self._journal.forget()

    def _open(self, path: str) -> None:
        # Without waiting for the reader of a FIFO (ENXIO if there is none).
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o666)
        self._journal.set_target(descriptor)
        self._let_go()
        self._descriptor = descriptor

    def _let_go(self) -> None:
        self._stream = None
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _has_moved(self, path: str) -> bool:
        now = time.monotonic()
        if now - self._looked_at < _WATCH_INTERVAL or self._descriptor is None:
            return False
        self._looked_at = now
        try:
            return not os.path.samestat(os.stat(path), os.fstat(self._descriptor))
        except OSError:
            return True

    def _write_stream(self) -> None:
        data = self._journal.take()
        if not data:
            return
        try:
            is_binary = isinstance(self._stream, (io.RawIOBase, io.BufferedIOBase))
            self._stream.write(data if is_binary else data.decode("ascii"))
        except Exception as exc:
            self._journal.lose(data)
            self._tell(exc)
        else:
            self._tell(None)

    def _tell(self, failure: int | Exception | None) -> None:
        """Log the first failure of a row, and its end."""
        dropped = self._journal.statistics()["dropped"] if failure or self._failing_since is not None else 0
        if failure and self._failing_since is None:
            self._failing_since = dropped
            reason = os.strerror(failure) if isinstance(failure, int) else failure
            server_logger.error("The access log cannot be written: %s", reason)
        elif not failure and self._failing_since is not None:
            server_logger.error(
                "The access log is written again; %d lines were dropped", dropped - self._failing_since
            )
            self._failing_since = None


def _caller_of(reference: weakref.ref[BufferedAccessLogger]) -> Callable[[], None]:
    """Make what the core calls when lines wait; it must not keep the logger alive."""

    def call() -> None:
        logger = reference()
        if logger is not None:
            logger._call_later()

    return call


def _compile(log_format: str) -> list[tuple[str, str]]:
    """Cut a format into pieces for the core; the environment is looked up once."""
    return [
        ("", os.environ.get(text, "-")) if kind == "e" else (kind, text) for kind, text in cut(log_format)
    ]


def _values(headers: Mapping[str, str], names: list[str]) -> list[bytes | None]:
    found = [headers.get(name) for name in names]
    return [None if value is None else _encoded(value) for value in found]


def _encoded(text: str) -> bytes:
    # Header bytes that are no UTF-8 stand in strings as lone surrogates.
    return text.encode("utf-8", "surrogateescape")


_outlets: weakref.WeakSet[_Outlet] = weakref.WeakSet()


def _forget_all() -> None:
    for outlet in list(_outlets):
        outlet.forget()


@atexit.register
def _finish_all() -> None:
    for outlet in list(_outlets):
        outlet.close(_LAST_PATIENCE)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
