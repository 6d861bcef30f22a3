"""The access log: one line for each answered request, in a format of Apache's fashion.

Sees requests and responses by their public attributes. When it is off, the server does not come here at all.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import time as clock
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from quinde._core import IncomingRequest, LogLine
from quinde.web.record import Records, makes_plain_records, record_of
from quinde.web.request import BaseRequest, Request

if TYPE_CHECKING:
    from quinde.web.stream import StreamResponse

__all__ = ("AbstractAccessLogger", "AccessLogger", "cut")


class AbstractAccessLogger(ABC):
    """Write the access log in a way of one's own: `access_log_class=` of runners and `run_app`.

    Args:
        logger: Where to.
        log_format: What `access_log_format=` says.
    """

    __slots__ = ("log_format", "logger")

    def __init__(self, logger: logging.Logger, log_format: str) -> None:
        self.logger = logger
        self.log_format = log_format

    @abstractmethod
    def log(self, request: BaseRequest, response: StreamResponse, time: float) -> None:
        """Write one request.

        Args:
            request: The request.
            response: Its response, sent.
            time: Seconds between the two.
        """

    @property
    def enabled(self) -> bool:
        """Whether anybody will see it; asked when the server starts."""
        return True


# Requests of these classes say nothing else than the core's does.
_OWN_REQUESTS = frozenset({BaseRequest, Request})

_Atom = Callable[["BaseRequest", "StreamResponse", float], Any]


class AccessLogger(AbstractAccessLogger):
    """Write the access log by a format string.

    The atoms: ``%%`` a percent sign, ``%a`` the peer's address, ``%t`` when the request began, ``%P`` the
    process id, ``%r`` the request line, ``%s`` the status, ``%b`` bytes sent, head included, ``%T`` seconds
    taken (``%Tf`` with a fraction, ``%D`` in microseconds), ``%{FOO}i`` a request header, ``%{FOO}o`` a
    response header, ``%{FOO}e`` a variable of the environment. Each is also in the record's `extra`, by the
    names of `LOG_FORMAT_MAP`.

    Args:
        logger: Where to, at level INFO.
        log_format: The format.
    """

    LOG_FORMAT_MAP: ClassVar[dict[str, str]] = {
        "a": "remote_address",
        "t": "request_start_time",
        "P": "process_id",
        "r": "first_request_line",
        "s": "response_status",
        "b": "response_size",
        "T": "request_time",
        "Tf": "request_time_frac",
        "D": "request_time_micro",
        "i": "request_header",
        "o": "response_header",
        "e": "environment",
    }
    LOG_FORMAT = '%a %t "%r" %s %b "%{Referer}i" "%{User-Agent}i"'
    FORMAT_RE = re.compile(r"%(?:%|\{([A-Za-z0-9\-_]+)\}([ioe])|(Tf|[atPrsbTD]))")

    __slots__ = ("_compiled", "_line", "_records")

    def __init__(self, logger: logging.Logger, log_format: str = LOG_FORMAT) -> None:
        super().__init__(logger, log_format)
        self._compiled = _compile(log_format)
        self._records = Records(AccessLogger.log.__code__)
        pieces = cut(log_format)
        # The core has no fields of responses, and no environment.
        self._line = None if any(kind in ("o", "e") for kind, _ in pieces) else LogLine(pieces, _second)

    @property
    def enabled(self) -> bool:
        """Whether the logger takes INFO."""
        return self.logger.isEnabledFor(logging.INFO)

    def log(self, request: BaseRequest, response: StreamResponse, time: float) -> None:
        """Write one line. What goes wrong in it is logged and goes no further."""
        try:
            logger = self.logger
            is_plain = makes_plain_records(logger)
            if is_plain and not logger.isEnabledFor(logging.INFO):
                return
            if is_plain and self._line is not None and type(request) in _OWN_REQUESTS:
                incoming = request._incoming
                if type(incoming) is IncomingRequest:
                    now = clock.time()
                    attributes = self._records.begin(logger, now)
                    message = self._line.fill(
                        attributes, incoming, response.status, response.body_length, time, now
                    )
                    if message is not None:
                        attributes["msg"] = message
                        logger.handle(record_of(attributes))
                        return
            message, extra = self._tell(request, response, time)
            if is_plain:
                attributes = self._records.begin(logger, clock.time())
                logger.handle(record_of({**attributes, **extra, "msg": message}))
            else:
                logger.info(message, extra=extra)
        except Exception:
            self.logger.exception("Error in logging")

    @property
    def shows_response_fields(self) -> bool:
        """Whether the format has atoms of response headers."""
        return any(key == "response_header" for key, _ in self._compiled.named_keys)

    def _tell(
        self, request: BaseRequest, response: StreamResponse, time: float
    ) -> tuple[str, dict[str, Any]]:
        """Make message and `extra` of any request, which may be a class of its own."""
        compiled = self._compiled
        values = [atom(request, response, time) for atom in compiled.atoms]
        extra: dict[str, Any] = {key: values[index] for key, index in compiled.keys}
        for key, names in compiled.named_keys:
            extra[key] = {name: values[index] for name, index in names}
        return compiled.template % tuple(values), extra


def cut(log_format: str) -> list[tuple[str, str]]:
    """Cut a format into plain text, of kind "", and atoms: their letters, and the name that some have."""
    pieces: list[tuple[str, str]] = []
    position = 0
    for match in AccessLogger.FORMAT_RE.finditer(log_format):
        pieces.append(("", log_format[position : match.start()]))
        position = match.end()
        name, kind, plain = match.groups()
        if plain is None and name is None:
            pieces.append(("", "%"))
        else:
            pieces.append((plain or kind, name or ""))
    pieces.append(("", log_format[position:]))
    return [(kind, text) for kind, text in pieces if kind or text]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A format: a template of ``%s``, the functions that fill it, and where their values go in `extra`."""

    template: str
    atoms: list[_Atom]
    keys: list[tuple[str, int]]
    named_keys: list[tuple[str, list[tuple[str, int]]]]


@functools.lru_cache(maxsize=32)
def _compile(log_format: str) -> _Compiled:
    atoms: list[_Atom] = []
    keys: list[tuple[str, int]] = []
    named_keys: dict[str, list[tuple[str, int]]] = {}
    template: list[str] = []
    for kind, text in cut(log_format):
        if not kind:
            template.append(text.replace("%", "%%"))
            continue
        key = AccessLogger.LOG_FORMAT_MAP[kind]
        if text:
            named_keys.setdefault(key, []).append((text, len(atoms)))
            atoms.append(functools.partial(_NAMED_ATOMS[kind], text))
        else:
            keys.append((key, len(atoms)))
            atoms.append(_PLAIN_ATOMS[kind])
        template.append("%s")
    return _Compiled("".join(template), atoms, keys, list(named_keys.items()))


def _request_header(name: str, request: BaseRequest, _response: StreamResponse, _time: float) -> str:
    return request.headers.get(name, "-")


def _response_header(name: str, _request: BaseRequest, response: StreamResponse, _time: float) -> str:
    return response.headers.get(name, "-")


def _environment(name: str, _request: BaseRequest, _response: StreamResponse, _time: float) -> str:
    return os.environ.get(name, "-")


def _remote_address(request: BaseRequest, _response: StreamResponse, _time: float) -> str:
    remote = request.remote
    return "-" if remote is None else remote


def _start_time(_request: BaseRequest, _response: StreamResponse, time: float) -> str:
    return _second(int(clock.time() - time))


@functools.lru_cache(maxsize=16)
def _second(moment: int) -> str:
    # Requests of the same second share the text, which costs more than all other atoms.
    return clock.strftime("[%d/%b/%Y:%H:%M:%S %z]", clock.localtime(moment))


def _process_id(_request: BaseRequest, _response: StreamResponse, _time: float) -> str:
    return f"<{os.getpid()}>"


def _request_line(request: BaseRequest, _response: StreamResponse, _time: float) -> str:
    return f"{request.method} {request.path_qs} HTTP/{request.version.major}.{request.version.minor}"


def _status(_request: BaseRequest, response: StreamResponse, _time: float) -> int:
    return response.status


def _size(_request: BaseRequest, response: StreamResponse, _time: float) -> int:
    return response.body_length


def _seconds(_request: BaseRequest, _response: StreamResponse, time: float) -> str:
    return str(round(time))


def _seconds_fraction(_request: BaseRequest, _response: StreamResponse, time: float) -> str:
    return f"{time:06f}"


def _microseconds(_request: BaseRequest, _response: StreamResponse, time: float) -> str:
    return str(round(time * 1_000_000))


_PLAIN_ATOMS: dict[str, _Atom] = {
    "a": _remote_address,
    "t": _start_time,
    "P": _process_id,
    "r": _request_line,
    "s": _status,
    "b": _size,
    "T": _seconds,
    "Tf": _seconds_fraction,
    "D": _microseconds,
}
_NAMED_ATOMS: dict[str, Callable[[str, BaseRequest, StreamResponse, float], str]] = {
    "i": _request_header,
    "o": _response_header,
    "e": _environment,
}
