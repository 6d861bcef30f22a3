"""What is refused, by name, and what passes because it asks for nothing."""

from __future__ import annotations

import inspect
from typing import Any

import aiohttp
import pytest

from quinde.client.options import RequestOptions, refuse_call, refuse_hooks, refuse_session
from quinde.client.request import ClientRequest
from quinde.client.session import ClientSession


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cookies", {"a": "b"}),
        ("cookie_jar", object()),
        ("auth", ("u", "p")),
        ("proxy", "http://proxy/"),
        ("proxy_auth", ("u", "p")),
        ("trust_env", True),
        ("ws_response_class", object),
        ("ssl", False),
    ],
)
def test_session_arguments_that_are_not_there_yet(name: str, value: Any) -> None:
    with pytest.raises(NotImplementedError, match=f"^{name} is not part of this version: "):
        refuse_session({name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cookies", {"a": "b"}),
        ("auth", ("u", "p")),
        ("compress", "gzip"),
        ("proxy", "http://proxy/"),
        ("proxy_headers", {"a": "b"}),
        ("read_until_eof", False),
        ("upload_tracker", object()),
    ],
)
def test_call_arguments_that_are_not_there_yet(name: str, value: Any) -> None:
    with pytest.raises(NotImplementedError, match=f"^{name} is not part of this version: "):
        refuse_call({name: value})


def test_values_that_ask_for_nothing_pass() -> None:
    refuse_session({"cookies": None, "trust_env": False, "proxy": None, "ssl": True})
    refuse_call({"cookies": {}, "read_until_eof": True, "compress": None, "proxy": None})


def test_names_that_nobody_knows() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        refuse_session({"colour": 1})
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        refuse_call({"colour": None})


async def test_session_refuses_at_once_and_calls_when_they_are_made() -> None:
    with pytest.raises(NotImplementedError, match="proxy"):
        ClientSession(proxy="http://proxy/")
    async with ClientSession() as client:
        with pytest.raises(NotImplementedError, match="cookies"):
            await client.get("http://127.0.0.1:1/", cookies={"a": "b"})
        with pytest.raises(TypeError, match="colour"):
            await client.get("http://127.0.0.1:1/", colour=1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_argument_of_aiohttp_is_taken_or_refused_by_name() -> None:
    ours = set(inspect.signature(ClientSession).parameters)
    deprecated = {"read_timeout", "conn_timeout"}  # taken by `session_timeout`
    for name in set(inspect.signature(aiohttp.ClientSession).parameters) - ours - deprecated:
        with pytest.raises(NotImplementedError, match=f"^{name} "):
            refuse_session({name: object()})
    known = set(RequestOptions.__annotations__) | {"self", "method", "str_or_url"}
    for name in set(inspect.signature(aiohttp.ClientSession._request).parameters) - known:
        with pytest.raises(NotImplementedError, match=f"^{name} "):
            refuse_call({name: object()})


@pytest.mark.parametrize("name", sorted(vars(aiohttp.ClientRequest).keys() - vars(ClientRequest).keys()))
def test_requests_that_send_themselves(name: str) -> None:
    kind = type("Own", (ClientRequest,), {name: lambda _self: None})
    if name.startswith("_") or name in {"auth", "close", "response"}:
        refuse_hooks(kind)
    else:
        with pytest.raises(NotImplementedError, match=f"Own.{name} would never be called"):
            refuse_hooks(kind)


async def test_session_refuses_them_when_it_is_made() -> None:
    class Own(ClientRequest):
        async def send(self) -> None: ...

    with pytest.raises(NotImplementedError, match=r"Own\.send would never be called"):
        ClientSession(request_class=Own)
