"""How quinde's tests run. There is no plugin behind it: everything special stands here.

* `async def` tests run to their end on a fresh event loop, with a time limit of 30 seconds
  (`@pytest.mark.limit(seconds)` for another one). What reaches the loop's exception handler fails the test;
  a test that provokes such a thing sets a handler of its own.
* The fixture `mode` runs a test once in each I/O mode (`tests.support.modes.Mode`): the loop is that mode's,
  and QUINDE_IO says its backend to what the test opens. In `tests/behaviour` each test has it unasked, and
  runs over TLS too unless it is marked `@pytest.mark.plain(reason)`.
* Servers, clients and raw wires are async context managers in `tests.support`, not fixtures:

      async def test_hello(mode: Mode) -> None:
          async with serve_quinde(app) as served, open_wire(served) as wire:
              await wire.send(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
              assert (await wire.read_answer()).status == 200

`--modes=quick` (the default, plain), `--modes=tls`, `--modes=full` (all), or names:
`--modes=reactor-asyncio,transport-uvloop-tls`.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.support import certs
from tests.support.modes import Mode, select

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

DEFAULT_LIMIT = 30.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--modes", default="quick", help="I/O modes: quick, tls, full, or names joined by commas"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "limit(seconds): another time limit than 30 s for an async test")
    config.addinivalue_line("markers", "soak: takes minutes, and is run by `make soak` only")
    config.addinivalue_line(
        "markers", "plain(reason): what is tested there cannot be, or is another, over TLS"
    )
    try:
        select(config.getoption("--modes"))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "mode" in metafunc.fixturenames:
        modes = select(metafunc.config.getoption("--modes"))
        if "behaviour" not in metafunc.definition.path.parts or metafunc.definition.get_closest_marker(
            "plain"
        ):
            modes = [mode for mode in modes if not mode.tls]
        metafunc.parametrize("mode", modes, ids=str, indirect=True)


@pytest.fixture
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Mode:
    """The I/O mode of this run of the test."""
    chosen: Mode = request.param
    monkeypatch.setenv("QUINDE_IO", chosen.backend)
    if chosen.tls:
        certs.secure_all(monkeypatch)
    return chosen


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: value for name, value in pyfuncitem.funcargs.items() if name in names}
    mark = pyfuncitem.get_closest_marker("limit")
    limit = float(mark.args[0]) if mark else DEFAULT_LIMIT
    chosen = cast(Mode | None, pyfuncitem.funcargs.get("mode"))
    run_to_end(pyfuncitem.obj(**arguments), chosen.new_loop if chosen else asyncio.new_event_loop, limit)
    return True


def run_to_end(
    test: Coroutine[Any, Any, None], loop_factory: Callable[[], asyncio.AbstractEventLoop], limit: float
) -> None:
    """Run one test on a loop of its own; complain about what only the loop's exception handler saw."""
    stray: list[dict[str, Any]] = []

    async def limited() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: stray.append(context))
        async with asyncio.timeout(limit):
            await test

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(limited())
    if stray:
        cause = stray[0].get("exception")
        raise AssertionError(f"the loop's exception handler was called: {stray}") from cause
