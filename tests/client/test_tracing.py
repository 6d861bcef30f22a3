"""`TraceConfig` by itself; what a session tells stands in tests/behaviour/test_client_tracing.py."""

from __future__ import annotations

import dataclasses
import inspect
from types import SimpleNamespace
from typing import Any

import aiohttp
import aiohttp.tracing
import pytest

import quinde
from quinde import tracing as facade
from quinde.client import tracing
from quinde.client.tracing import ConnectorTrace, Trace, TraceConfig

PARAMS = [name for name in tracing.__all__ if name.endswith("Params")]
OWN = {name for name in PARAMS if "Socket" in name or "Tls" in name}


def signals() -> list[str]:
    return [name for name in dir(TraceConfig) if name.startswith("on_")]


def test_names_are_aiohttps_and_a_few_of_our_own() -> None:
    assert set(PARAMS) == {name for name in aiohttp.tracing.__all__ if name.endswith("Params")} | OWN
    assert {name for name in dir(aiohttp.TraceConfig) if name.startswith("on_")} < set(signals())
    for name in (*PARAMS, "TraceConfig"):
        assert getattr(quinde, name) is getattr(facade, name) is getattr(tracing, name)


@pytest.mark.parametrize("name", sorted(set(PARAMS) - OWN))
def test_what_handlers_get_has_aiohttps_fields(name: str) -> None:
    ours, theirs = getattr(tracing, name), getattr(aiohttp, name)
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)
    values = [object() for _ in dataclasses.fields(ours)]
    made = ours(*values)
    assert made == ours(*values)
    assert repr(made) == repr(theirs(*values))
    for field in dataclasses.fields(ours):
        with pytest.raises(AttributeError):
            setattr(made, field.name, None)


def test_each_signal_is_a_list_until_it_is_frozen() -> None:
    config = TraceConfig()
    for name in signals():
        signal = getattr(config, name)
        assert signal is getattr(config, name)
        signal.append(print)
        with pytest.raises(AttributeError, match=f"{name} is there to be appended to"):
            setattr(config, name, [])
    config.freeze()
    config.freeze()
    for name in signals():
        assert list(getattr(config, name)) == [print]
        with pytest.raises(RuntimeError):
            getattr(config, name).append(print)
    assert list(TraceConfig().on_request_start) == []


def test_config_may_be_subclassed() -> None:
    class Mine(TraceConfig):
        def __init__(self) -> None:
            super().__init__(trace_config_ctx_factory=dict)  # type: ignore[arg-type]
            self.on_request_start.append(print)

    assert list(Mine().on_request_start) == [print]
    assert Mine().trace_config_ctx("x") == {"trace_request_ctx": "x"}


def test_context() -> None:
    assert TraceConfig().trace_config_ctx() == SimpleNamespace(trace_request_ctx=None)
    assert TraceConfig().trace_config_ctx(1) == SimpleNamespace(trace_request_ctx=1)


SENDERS = {
    "request_start": ("method", "url", "headers"),
    "request_headers": ("method", "url", "headers"),
    "request_chunk_sent": ("method", "url", b"chunk"),
    "response_chunk_received": ("method", "url", b"chunk"),
    "request_end": ("method", "url", "headers", "response"),
    "request_exception": ("method", "url", "headers", "exception"),
    "request_redirect": ("method", "url", "headers", "response"),
    "connection_queued_start": (),
    "connection_queued_end": (),
    "connection_create_start": (),
    "connection_create_end": (),
    "connection_reuseconn": (),
    "dns_resolvehost_start": ("host",),
    "dns_resolvehost_end": ("host",),
    "dns_cache_hit": ("host",),
    "dns_cache_miss": ("host",),
    "socket_connect_start": ("host",),
    "socket_connect_end": ("host", ("192.0.2.1", 80)),
    "tls_handshake_start": ("host",),
    "tls_handshake_end": ("host", "ssl_object"),
}
"""What a `Trace` can tell, with arguments; connectors of other people's call these by aiohttp's names."""


@pytest.mark.parametrize("sender", SENDERS)
async def test_trace_tells_its_config(sender: str) -> None:
    told: list[Any] = []

    async def handler(*arguments: Any) -> None:
        told.append(arguments)

    config = TraceConfig()
    event = "on_request_headers_sent" if sender == "request_headers" else f"on_{sender}"
    getattr(config, event).append(handler)
    config.freeze()
    session: Any = object()
    context = config.trace_config_ctx()
    await getattr(Trace(session, config, context), f"send_{sender}")(*SENDERS[sender])
    ((got_session, got_context, params),) = told
    assert (got_session, got_context) == (session, context)
    assert dataclasses.astuple(params) == SENDERS[sender]
    assert type(params).__name__.lower() == f"trace{event[3:].replace('_', '')}params"


def test_every_signal_has_a_sender() -> None:
    assert {f"on_{name}" for name in SENDERS} - {"on_request_headers"} == set(signals()) - {
        "on_request_headers_sent"
    }
    theirs = {name for name in dir(aiohttp.tracing.Trace) if name.startswith("send_")}
    assert theirs <= {name for name in dir(Trace) if name.startswith("send_")}


async def test_pool_and_resolver_tell_all_traces() -> None:
    told: list[tuple[int, str]] = []

    class Listener:
        def __init__(self, number: int) -> None:
            self.number = number

        def __getattr__(self, name: str) -> Any:
            async def send(*_: Any) -> None:
                told.append((self.number, name.removeprefix("send_")))

            return send

    trace = ConnectorTrace([Listener(1), Listener(2)])  # type: ignore[list-item]
    await trace.queued()
    await trace.served()
    await trace.known("host")
    await trace.unknown("host")
    await trace.found("host")
    events = ["connection_queued_start", "connection_queued_end", "dns_cache_hit", "dns_cache_miss"]
    events += ["dns_resolvehost_start", "dns_resolvehost_end"]
    assert told == [(number, event) for event in events for number in (1, 2)]
