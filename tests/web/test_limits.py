"""`web.Limits`: what is given lies over what stands behind, and nonsense is refused by name."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from quinde import _core
from quinde.web.application import Application
from quinde.web.limits import PER_REQUEST, Limits, core_limits
from quinde.web.response import Response
from tests.support.servers import serve_quinde
from tests.support.wire import open_wire


def test_defaults_and_what_is_given() -> None:
    limits = Limits(head_timeout=3, max_headers=5)
    assert (limits.head_timeout, limits.max_headers, limits.body_timeout) == (3, 5, 60)
    assert repr(limits) == "Limits(head_timeout=3, max_headers=5)"
    assert limits == Limits(max_headers=5, head_timeout=3)
    assert hash(limits) == hash(Limits(max_headers=5, head_timeout=3))
    assert limits != Limits(head_timeout=3)
    assert limits != "Limits(head_timeout=3, max_headers=5)"


def test_only_what_is_said_lies_over_the_others() -> None:
    server = Limits(head_timeout=3, body_timeout=5)
    site = Limits(head_timeout=60.0, body_timeout=60)  # equal to a default, and said all the same
    assert Limits(max_headers=5).over(server) == Limits(head_timeout=3, body_timeout=5, max_headers=5)
    assert site.over(server) == site
    assert server == Limits(head_timeout=3, body_timeout=5)


def test_nothing_changes_afterwards() -> None:
    limits = Limits()
    with pytest.raises(AttributeError, match="head_timeout=…"):
        limits.head_timeout = 5  # type: ignore[misc]
    with pytest.raises(AttributeError, match="head_timeout"):
        del limits.head_timeout


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"header_timeout": 5}, TypeError, "no limit 'header_timeout': there are body_timeout, client"),
        ({"over": 5}, TypeError, "no limit 'over'"),
        ({"head_timeout": -0.1}, ValueError, "head_timeout must be 0 or more"),
        ({"head_timeout": float("inf")}, ValueError, "finite"),
        ({"head_timeout": float("nan")}, ValueError, "finite"),
        ({"head_timeout": "5"}, ValueError, "head_timeout is seconds, not '5'"),
        ({"body_timeout": None}, ValueError, "body_timeout is seconds, not None"),
        ({"max_headers": 1.5}, ValueError, "max_headers is a whole number, not 1.5"),
        ({"max_headers": -1}, ValueError, "max_headers must be 0 or more"),
        ({"max_connections": 0}, ValueError, "max_connections must be 1 or more"),
        ({"read_bufsize": 0}, ValueError, "read_bufsize must be 1 or more"),
    ],
)
def test_nonsense_is_refused(given: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Limits(**given)  # type: ignore[arg-type]


def test_each_limit_has_its_documentation_and_reaches_the_core() -> None:
    # What the core does not know by this name: under another one, or because only Python applies it.
    elsewhere = {"client_max_size", "lingering_time", "read_bufsize"}
    names = set(Limits.__annotations__)
    in_core = set(_core.Limits.__text_signature__.replace("=", " ").replace("(", " ").split())
    assert names - elsewhere <= in_core
    assert in_core >= {"body_window", "linger_timeout"}
    assert names >= PER_REQUEST
    # The defaults of the class are those of the core.
    assert isinstance(core_limits(Limits()), _core.Limits)


@pytest.mark.parametrize("name", ["keepalive_timeout", "lingering_time"])
def test_zero_is_at_once_where_aiohttp_has_it_so(name: str) -> None:
    assert getattr(Limits(**{name: 0}), name) == 0  # type: ignore[arg-type]
    assert isinstance(core_limits(Limits(**{name: 0})), _core.Limits)  # type: ignore[arg-type]


async def test_a_body_has_to_keep_its_rate() -> None:
    # Once is enough: its first five seconds are free, and the machine's tests have them in virtual time.
    async def echo(request: Any) -> Response:
        return Response(body=await request.read())

    app = Application()
    app.router.add_post("/", echo)
    loop = asyncio.get_running_loop()
    async with serve_quinde(app, limits=Limits(min_body_rate=1000)) as served, open_wire(served) as wire:
        await wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        began = loop.time()
        answer = asyncio.create_task(wire.reader.readuntil(b"\r\n\r\n"))
        while not answer.done():
            wire.writer.write(b"x" * 10)
            await asyncio.sleep(0.05)
        assert answer.result().startswith(b"HTTP/1.1 408 ")
        assert 5 <= loop.time() - began < 15
        assert served.runner.server.statistics()["refused_body_too_slow"] == 1
