"""The client's public names beside the installed aiohttp's: attributes, methods and their defaults."""

from __future__ import annotations

import inspect
from typing import Any

import aiohttp
import pytest

from quinde.client import call, connector, request, response, session, tcp, timeouts, tracing
from quinde.http import streams

PAIRS = {
    "ClientSession": (session.ClientSession, aiohttp.ClientSession),
    "ClientResponse": (response.ClientResponse, aiohttp.ClientResponse),
    "ClientRequest": (request.ClientRequest, aiohttp.ClientRequest),
    "ClientTimeout": (timeouts.ClientTimeout, aiohttp.ClientTimeout),
    "RequestInfo": (request.RequestInfo, aiohttp.RequestInfo),
    "BaseConnector": (connector.BaseConnector, aiohttp.BaseConnector),
    "TCPConnector": (tcp.TCPConnector, aiohttp.TCPConnector),
    "UnixConnector": (connector.UnixConnector, aiohttp.UnixConnector),
    "StreamReader": (streams.StreamReader, aiohttp.StreamReader),
    "TraceConfig": (tracing.TraceConfig, aiohttp.TraceConfig),
}

NOT_YET = {
    "ClientSession": {"auth", "cookie_jar", "trust_env", "ws_connect", "ATTRS"},
    "ClientResponse": {
        "ATTRS",
        "content_disposition",
        "cookies",
        "output_size",  # deprecated by aiohttp
        "upload_complete",  # deprecated by aiohttp
        "url_obj",  # deprecated by aiohttp
    },
    "ClientRequest": {
        "auth",
        "close",
        "response",
        "send",
        "terminate",
        "update_auth",
        "update_auto_headers",
        "update_body_from_data",
        "update_content_encoding",
        "update_cookies",
        "update_expect_continue",
        "update_headers",
        "update_host",
        "update_proxy",
        "update_transfer_encoding",
        "update_version",
        "write_bytes",
    },
}
"""Public attributes of aiohttp's that this version does not have: they are absent, and a use says so."""


def public(kind: type) -> set[str]:
    """The public attributes of a class."""
    return {name for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize("name", PAIRS)
def test_attributes(name: str) -> None:
    ours, theirs = PAIRS[name]
    assert public(theirs) - public(ours) == NOT_YET.get(name, set()) & public(theirs)


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    """The parameters of a function by name, without `self` and catch-alls."""
    found = inspect.signature(function).parameters
    return {name: one for name, one in found.items() if one.kind not in {one.VAR_KEYWORD, one.VAR_POSITIONAL}}


@pytest.mark.parametrize("name", [name for name in PAIRS if name not in {"ClientRequest", "StreamReader"}])
def test_constructor_defaults(name: str) -> None:
    """Arguments that both have mean the same when they are not given."""
    ours, theirs = (parameters(kind) for kind in PAIRS[name])
    for argument in set(ours) & set(theirs):
        mine, other = ours[argument].default, theirs[argument].default
        if (
            isinstance(other, int | float | bool | str | tuple | None.__class__)
            and other is not inspect.Parameter.empty
        ):
            assert mine == other, argument
        assert ours[argument].kind == theirs[argument].kind or name == "ClientResponse", argument


@pytest.mark.parametrize("name", PAIRS)
def test_methods_take_the_same(name: str) -> None:
    ours, theirs = PAIRS[name]
    for method in sorted(public(ours) & public(theirs)):
        mine, other = inspect.getattr_static(ours, method), inspect.getattr_static(theirs, method)
        if not (inspect.isfunction(mine) and inspect.isfunction(other)):
            continue
        assert inspect.iscoroutinefunction(mine) == inspect.iscoroutinefunction(other), method
        assert list(parameters(mine)) == list(parameters(other)), method


def test_handler_and_middleware_types_are_there() -> None:
    assert call.ClientHandlerType is not None
    assert call.ClientMiddlewareType is not None
    assert tcp.AddrInfoType is not None
    assert tcp.SocketFactoryType is not None


@pytest.mark.parametrize("name", ["BaseConnector", "TCPConnector", "UnixConnector"])
def test_connectors_take_all_arguments(name: str) -> None:
    ours, theirs = PAIRS[name]
    assert not set(inspect.signature(theirs).parameters) - set(inspect.signature(ours).parameters)


def test_request_takes_all_arguments() -> None:
    theirs = inspect.signature(aiohttp.request).parameters
    assert not set(theirs) - set(inspect.signature(session.request).parameters)
