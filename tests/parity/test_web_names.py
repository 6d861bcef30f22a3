"""The public face of `quinde.web` beside aiohttp's: names, constructors, defaults."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from aiohttp import abc as aiohttp_abc, web as aiohttp_web

from quinde import abc, web

LATER = {
    "FileField",
    "FileResponse",
    "NamedPipeSite",
    "PrefixedSubAppResource",
    "StaticDef",
    "StaticResource",
    "WSMsgType",
    "WebSocketReady",
    "WebSocketResponse",
    "static",
}
"""Not there yet; whoever adds one takes it out here."""

OUR_OWN = {
    "BufferedAccessLogger",  # a log that the core writes
    "Limits",  # aiohttp has some of them as options of several places, and no name for the whole
}
"""What aiohttp has no name for."""


def test_every_name_is_there_but_those_to_come() -> None:
    assert set(aiohttp_web.__all__) - set(web.__all__) == LATER
    assert set(web.__all__) - set(aiohttp_web.__all__) == OUR_OWN


def test_abstract_classes_are_found_by_their_old_path() -> None:
    assert set(abc.__all__) <= set(vars(aiohttp_abc))
    for name in abc.__all__:
        assert inspect.isabstract(getattr(abc, name)) == name.startswith("Abstract")
        assert name in dir(abc)
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        abc.nothing_of_the_kind  # noqa: B018


MISSING_PARAMETERS = {
    "Application": {"client_max_fields"},
    "AppRunner": set(),
    "StreamResponse": {"_real_headers"},
}
"""Parameters that are not there, for classes whose constructors can be compared."""

COMPARED = [
    "AppKey",
    "AppRunner",
    "Application",
    "BaseRunner",
    "BaseSite",
    "HTTPException",
    "HTTPMethodNotAllowed",
    "HTTPMove",
    "HTTPRequestEntityTooLarge",
    "HTTPUnavailableForLegalReasons",
    "Response",
    "ServerRunner",
    "SockSite",
    "StreamResponse",
    "TCPSite",
    "UnixSite",
    "json_bytes_response",
    "json_response",
    "middleware",
    "normalize_path_middleware",
    "run_app",
]


def defaults(module: Any, name: str) -> dict[str, object]:
    """Parameter names and plain defaults; those that are objects of a library only by their being there."""
    parameters = inspect.signature(getattr(module, name)).parameters.values()
    plain = (str, int, float, bool, type(None))
    return {
        each.name: each.default
        if isinstance(each.default, plain)
        else each.default is inspect.Parameter.empty
        for each in parameters
    }


@pytest.mark.parametrize("name", COMPARED)
def test_parameters_and_defaults(name: str) -> None:
    ours, theirs = defaults(web, name), defaults(aiohttp_web, name)
    missing = MISSING_PARAMETERS.get(name, set())
    wanted = {key: value for key, value in theirs.items() if key not in missing and key != "f"}
    assert {key: ours[key] for key in wanted} == wanted


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("StreamResponse", {"ATTRS", "cookies", "set_cookie", "del_cookie", "output_length"}),
        ("Response", {"ATTRS", "cookies", "set_cookie", "del_cookie", "output_length"}),
        (
            "BaseRequest",
            {
                "ATTRS",
                "POST_METHODS",
                "client_max_fields",
                "cookies",
                "message",
                "multipart",
                "post",
                "writer",
            },
        ),
        (
            "Request",
            {
                "ATTRS",
                "POST_METHODS",
                "client_max_fields",
                "cookies",
                "message",
                "multipart",
                "post",
                "writer",
            },
        ),
        ("Application", {"ATTRS", "add_domain", "add_subapp", "make_handler"}),
        ("AppRunner", set()),
        ("TCPSite", set()),
        ("Server", {"connection_lost", "connection_made"}),
    ],
)
def test_attributes(name: str, missing: set[str]) -> None:
    def public(module: Any) -> set[str]:
        return {attribute for attribute in dir(getattr(module, name)) if not attribute.startswith("_")}

    assert public(aiohttp_web) - public(web) == missing
