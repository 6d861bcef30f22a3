"""The verbs: each names its method and its defaults, and leaves the rest to `_request`."""

from __future__ import annotations

import inspect
from typing import Any

import aiohttp
import pytest

from quinde.client.verbs import Verbs

VERBS = ("get", "options", "head", "post", "put", "patch", "delete")


class Noting(Verbs):
    """Notes what it is asked for."""

    async def _request(self, *args: Any, **options: Any) -> Any:
        return args, options


@pytest.mark.parametrize("verb", VERBS)
async def test_verb(verb: str) -> None:
    args, options = await getattr(Noting(), verb)("http://host/", headers={"A": "b"})  # type: ignore[misc]
    assert args == (verb.upper(), "http://host/")
    expected: dict[str, Any] = {"headers": {"A": "b"}}
    if verb in {"get", "options", "head"}:
        expected["allow_redirects"] = verb != "head"
    if verb in {"post", "put", "patch"}:
        expected["data"] = None
    assert options == expected


async def test_request() -> None:
    args, options = await Noting().request("REPORT", "http://host/", timeout=5)  # type: ignore[misc]
    assert (args, options) == (("REPORT", "http://host/"), {"timeout": 5})


@pytest.mark.parametrize("verb", [*VERBS, "request"])
def test_signature_is_aiohttp_s(verb: str) -> None:
    ours, theirs = (
        inspect.signature(getattr(Verbs, verb)),
        inspect.signature(getattr(aiohttp.ClientSession, verb)),
    )
    assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == [
        (p.name, p.kind, p.default) for p in theirs.parameters.values()
    ]


async def test_base_does_nothing() -> None:
    with pytest.raises(NotImplementedError):
        await Verbs().get("http://host/")
