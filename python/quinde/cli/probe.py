"""Makes one request after the other on one session, and tells all that can be seen of each.

What `quinde trace` shows is measured here, without a word to anybody while it happens: a terminal is slow.
"""

import encodings.idna  # noqa: F401 -- what a first request would import: that is no part of its life
import os
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from quinde.cli.errors import one_line
from quinde.cli.lookup import ImpatientResolver
from quinde.cli.recorder import Record, Recorder
from quinde.cli.suspensions import Suspension, Watched
from quinde.cli.timeline import Exchange, PhaseName
from quinde.client.response import ClientResponse
from quinde.client.session import ClientSession
from quinde.client.tcp import TCPConnector
from quinde.client.timeouts import ClientTimeout
from quinde.errors import ClientConnectorDNSError, ClientConnectorError, ClientError
from quinde.net import transport  # noqa: F401 -- as above
from quinde.net.tls import context_for

__all__ = ("Traced", "Wanted", "phase_of", "probe")

_DOING: dict[PhaseName, str] = {
    "queue": "waiting for its turn",
    "dns": "looking the name up",
    "connect": "connecting",
    "tls": "making TLS's handshake",
    "send": "sending the request",
    "wait": "waiting for the head",
    "read": "reading the body",
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be asked.

    Attributes:
        url: Whom.
        method: How.
        headers: Names and values to send.
        data: The body to send.
        timeout: How long each request may take, in seconds.
        insecure: Ask even if the server's certificate is not to be trusted.
        repeat: How many times, one after the other on one session.
    """

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    data: str | None = None
    timeout: float = 30.0
    insecure: bool = False
    repeat: int = 1


@dataclass(frozen=True, kw_only=True)
class Traced:
    """One request, and all that was seen of it.

    Attributes:
        method: How was asked.
        exchange: The request's life; times are seconds since it began.
        suspensions: When its coroutine stepped aside.
        reason: The answer's reason phrase, None without an answer.
        version: HTTP's version in the answer.
        location: Where the answer sends us instead.
        tls: TLS's version and cipher; None without TLS.
        bytes_sent: On the wire.
        bytes_received: On the wire.
        body_bytes: Of the answer's body, decoded.
    """

    method: str
    exchange: Exchange
    suspensions: tuple[Suspension, ...]
    reason: str | None = None
    version: str | None = None
    location: str | None = None
    tls: tuple[str, str] | None = None
    bytes_sent: int = 0
    bytes_received: int = 0
    body_bytes: int = 0

    @property
    def suspended(self) -> float:
        """How long the coroutine was suspended in all, in seconds."""
        return sum(suspension.seconds for suspension in self.suspensions)

    @property
    def complaint(self) -> str | None:
        """What is wrong with it, in one line; None for an answer with a status of 200 to 299."""
        exchange = self.exchange
        if exchange.error is not None:
            return exchange.error
        if exchange.status is not None and 200 <= exchange.status < 300:
            return None
        sent_to = "" if self.location is None else f" and sends us to {self.location}"
        return one_line(f"{exchange.url} answered {exchange.status} {self.reason or ''}".rstrip() + sent_to)

    def to_json(self) -> dict[str, Any]:
        """Return a value that `json.dumps` takes: all fields, and the phase of each suspension."""
        return {
            "method": self.method,
            **self.exchange.to_json(),
            "reason": self.reason,
            "version": self.version,
            "location": self.location,
            "tls": None if self.tls is None else {"version": self.tls[0], "cipher": self.tls[1]},
            "bytes_sent": self.bytes_sent,
            "bytes_received": self.bytes_received,
            "body_bytes": self.body_bytes,
            "suspended": round(self.suspended, 6),
            "suspensions": [
                {"phase": phase_of(suspension, self.exchange), **suspension.to_json()}
                for suspension in self.suspensions
            ],
        }


def phase_of(suspension: Suspension, exchange: Exchange) -> PhaseName | None:
    """Return what the request was doing while its coroutine was suspended; None outside of its life."""
    middle = (suspension.start + suspension.end) / 2
    return next((phase.name for phase in exchange.phases if phase.start <= middle <= phase.end), None)


async def probe(wanted: Wanted) -> list[Traced]:
    """Make the requests; the first that gets no answer is the last."""
    made: list[Traced] = []
    async with _opened(wanted) as visit:
        for _ in range(wanted.repeat):
            made.append(await visit.make())
            if made[-1].exchange.error is not None:
                break
    return made


@asynccontextmanager
async def _opened(wanted: Wanted) -> AsyncIterator["_Visit"]:
    if wanted.url.lower().startswith("https:"):
        # The store of certificates is loaded once in a process: that is no part of a request's life.
        context_for(not wanted.insecure, True)
    connector = TCPConnector(resolver=ImpatientResolver(), ssl=not wanted.insecure)
    recorder = Recorder()
    async with ClientSession(
        connector=connector,
        trace_configs=[recorder.config],
        timeout=ClientTimeout(total=wanted.timeout),
    ) as session:
        yield _Visit(wanted, session, recorder, connector)


@dataclass
class _Answer:
    response: ClientResponse | None = None
    body_bytes: int = 0


@dataclass
class _Visit:
    """A session with one server."""

    wanted: Wanted
    session: ClientSession
    recorder: Recorder
    connector: TCPConnector
    tls: tuple[str, str] | None = field(default=None)

    async def make(self) -> Traced:
        before = self.connector.statistics()
        answer = _Answer()
        origin = time.perf_counter()
        record = self.recorder.begin("", origin)
        watched = Watched(self._ask(record, answer), origin)
        failure: str | None = None
        try:
            await watched
        except (ClientError, OSError, ValueError) as error:
            record.fail(error)
            failure = self._explain(error, record.exchange())
        after = self.connector.statistics()
        self.tls = record.tls or self.tls
        response = answer.response
        return Traced(
            method=self.wanted.method,
            exchange=replace(record.exchange(), url=self.wanted.url, error=failure),
            suspensions=tuple(watched.suspensions),
            reason=None if response is None else one_line(response.reason or ""),
            version=None
            if response is None or response.version is None
            else "{}.{}".format(*response.version),
            location=None if response is None else _location(response),
            tls=self.tls,
            bytes_sent=after["bytes_sent"] - before["bytes_sent"],
            bytes_received=after["bytes_received"] - before["bytes_received"],
            body_bytes=answer.body_bytes,
        )

    async def _ask(self, record: Record, answer: _Answer) -> None:
        wanted = self.wanted
        async with self.session.request(
            wanted.method,
            wanted.url,
            headers=wanted.headers,
            data=wanted.data,
            allow_redirects=False,
            trace_request_ctx=record,
        ) as response:
            answer.response = response
            answer.body_bytes = len(await response.read())

    def _explain(self, error: Exception, exchange: Exchange) -> str:
        """Say in one line what a request failed with."""
        if isinstance(error, TimeoutError):
            doing = _DOING[exchange.phases[-1].name]
            text = f"{self.wanted.url} gave no answer within {self.wanted.timeout:g} s: it was {doing}"
        elif not isinstance(error, ClientConnectorError):
            text = f"cannot fetch {self.wanted.url}: {str(error) or type(error).__name__}"
        elif isinstance(error, ClientConnectorDNSError):
            text = f"cannot look up {error.host}: {error.os_error.strerror or error.os_error}"
        elif isinstance(error.os_error, ssl.SSLCertVerificationError):
            why = error.os_error.verify_message or error.os_error.reason
            text = f"{error.host} cannot be trusted: {why}; --insecure asks all the same"
        elif isinstance(error.os_error, ssl.SSLError):
            text = f"no TLS with {error.host}:{error.port}: {error.os_error.reason or error.os_error}"
        else:
            text = f"cannot connect to {error.host}:{error.port}: {_reason(error.os_error)}"
        return one_line(text)


def _location(response: ClientResponse) -> str | None:
    value = response.headers.get("Location")
    return None if value is None else one_line(value)


def _reason(error: OSError) -> str:
    """Say what the system said, without asyncio's words before it."""
    return os.strerror(error.errno) if error.errno else str(error)
