"""Records the life of requests: a `TraceConfig` whose events become `timeline.Exchange`s.

    recorder = Recorder()
    async with quinde.ClientSession(trace_configs=[recorder.config]) as session:
        record = recorder.begin("pikachu")              # here the program asks
        async with gate:                                # its own queue counts too
            async with session.get(url, trace_request_ctx=record) as response:
                await response.read()                   # `text()` and `json()` read as well
    waterfall = recorder.exchanges()

A request that names no record gets one of its own. Handlers only note the time: what they cost is part of
what they measure.
"""

import time
from collections.abc import Callable
from typing import Any

from quinde.cli.errors import one_line
from quinde.cli.timeline import Exchange, Phase, PhaseName
from quinde.client.tracing import (
    TraceConfig,
    TraceRequestEndParams,
    TraceRequestExceptionParams,
    TraceRequestStartParams,
    TraceTlsHandshakeEndParams,
)

__all__ = ("Record", "Recorder")

Clock = Callable[[], float]


class Record:
    """One request's life so far.

    Args:
        label: What to call it; may be assigned later, when the answer has told its name.
        origin: The clock's time that counts as 0.
        clock: Tells the time in seconds.

    Attributes:
        label: What it is called.
        url: What is asked for, empty before it is.
        status: The answer's status, None before there is one.
        error: Why it failed, in one line.
        reused: Whether it goes over a connection that was there.
        tls: TLS's version and cipher, None without a handshake.
    """

    def __init__(self, label: str, origin: float, clock: Clock) -> None:
        self.label = label
        self.url = ""
        self.status: int | None = None
        self.error: str | None = None
        self.reused = False
        self.tls: tuple[str, str] | None = None
        self._origin = origin
        self._clock = clock
        self._phases: list[Phase] = []
        self._now: PhaseName | None = "queue"
        self._since = clock() - origin

    def turn_to(self, name: PhaseName | None) -> None:
        """End the phase that is going on, and begin another one; one of the same name goes on."""
        if name == self._now:
            return
        now = self._clock() - self._origin
        if self._now is not None:
            self._phases.append(Phase(self._now, self._since, now))
        self._now, self._since = name, now

    def rename(self, name: PhaseName) -> None:
        """Say what the phase that is going on really is."""
        self._now = name

    def go_back_to(self, name: PhaseName) -> None:
        """Take the last phase up again, if it has that name, as it was not over."""
        if self._phases and self._phases[-1].name == name:
            self._now, self._since = name, self._phases.pop().start

    def fail(self, error: BaseException) -> None:
        """Say that it is over, and why; the first reason counts."""
        if self.error is None:
            self.error = one_line(str(error)) or type(error).__name__
        self.turn_to(None)

    @property
    def phase(self) -> PhaseName | None:
        """What is going on; None when it is over."""
        return self._now

    def exchange(self) -> Exchange:
        """Return what has happened; a phase that is still going on ends now."""
        phases = tuple(self._phases)
        if self._now is not None:
            phases += (Phase(self._now, self._since, self._clock() - self._origin),)
        return Exchange(self.label, self.url, self.status, self.error, self.reused, phases)


class Recorder:
    """Keeps a record of each request of the sessions that have its config.

    Args:
        origin: The clock's time that counts as 0; now by default.
        clock: Tells the time in seconds.

    Attributes:
        config: For `ClientSession(trace_configs=[…])`.
        records: All records, in the order in which they began.
        origin: The clock's time that counts as 0.
    """

    def __init__(self, origin: float | None = None, clock: Clock = time.perf_counter) -> None:
        self.origin = clock() if origin is None else origin
        self.records: list[Record] = []
        self._clock = clock
        self.config = TraceConfig(trace_config_ctx_factory=self._choose)  # type: ignore[arg-type]  # any callable
        self._listen()

    def begin(self, label: str, origin: float | None = None) -> Record:
        """Begin a record for a request that will be made with `trace_request_ctx=` it.

        Args:
            label: What to call the request, empty for its method and path.
            origin: The clock's time that counts as 0 for this one, the recorder's by default.
        """
        record = Record(label, self.origin if origin is None else origin, self._clock)
        self.records.append(record)
        return record

    def exchanges(self) -> tuple[Exchange, ...]:
        """Return what has happened, in the order in which it began."""
        return tuple(record.exchange() for record in self.records)

    def _choose(self, trace_request_ctx: object) -> Any:
        return trace_request_ctx if isinstance(trace_request_ctx, Record) else self.begin("")

    def _listen(self) -> None:
        config = self.config
        config.on_request_start.append(_start)
        config.on_connection_reuseconn.append(_reuse)
        config.on_connection_create_start.append(_create)
        # A lookup of somebody else's, which this one waits for, shows by the hit alone.
        config.on_dns_cache_hit.append(_look_up)
        config.on_dns_resolvehost_start.append(_look_up)
        config.on_socket_connect_start.append(_turning_to("connect"))
        config.on_tls_handshake_start.append(_turning_to("tls"))
        config.on_tls_handshake_end.append(_secure)
        config.on_connection_create_end.append(_turning_to("send"))
        config.on_request_headers_sent.append(_turning_to("wait"))
        config.on_request_chunk_sent.append(_send)
        config.on_request_redirect.append(_turning_to("queue"))
        config.on_request_end.append(_end)
        config.on_response_chunk_received.append(_turning_to(None))
        config.on_request_exception.append(_fail)


# Handlers, each with session, context and parameters. The context is the record.


def _turning_to(name: PhaseName | None) -> Any:
    async def turn(_session: Any, record: Any, _params: Any) -> None:
        record.turn_to(name)

    return turn


async def _start(_session: Any, record: Any, params: TraceRequestStartParams) -> None:
    record.url = str(params.url)
    record.label = record.label or f"{params.method} {params.url.raw_path_qs}"


async def _reuse(_session: Any, record: Any, _params: Any) -> None:
    record.reused = True
    record.turn_to("send")


async def _create(_session: Any, record: Any, _params: Any) -> None:
    record.reused = False
    record.turn_to("connect")


async def _look_up(_session: Any, record: Any, _params: Any) -> None:
    record.rename("dns")


async def _secure(_session: Any, record: Any, params: TraceTlsHandshakeEndParams) -> None:
    tls = params.ssl_object
    cipher = tls.cipher()
    record.tls = (tls.version() or "TLS", cipher[0] if cipher else "")


async def _send(_session: Any, record: Any, _params: Any) -> None:
    """Note that sending was not over with the head."""
    record.go_back_to("send")
    record.turn_to("wait")


async def _end(_session: Any, record: Any, params: TraceRequestEndParams) -> None:
    record.status = params.response.status
    record.turn_to("read")


async def _fail(_session: Any, record: Any, params: TraceRequestExceptionParams) -> None:
    record.status = getattr(params.exception, "status", None)
    record.fail(params.exception)
