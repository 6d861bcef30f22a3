"""The modes of the test matrix, and how tests run in them."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.conftest import run_to_end
from tests.support.modes import FULL, QUICK, Mode, select


def test_quick_is_both_backends_on_asyncio_and_a_column_of_uvloop() -> None:
    assert [str(mode) for mode in QUICK] == ["reactor-asyncio", "transport-asyncio", "reactor-uvloop"]
    assert set(QUICK) < set(FULL)
    assert len(FULL) == 8
    assert [mode for mode in FULL if mode.tls] == select("tls")


def test_modes_are_chosen_by_name() -> None:
    assert select("full") == FULL
    assert select("transport-uvloop,reactor-asyncio") == [
        Mode("transport", "uvloop"),
        Mode("reactor", "asyncio"),
    ]


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="no mode 'reactor-trio'"):
        select("reactor-trio")


async def test_mode_sets_loop_and_backend(mode: Mode) -> None:
    assert os.environ["QUINDE_IO"] == mode.backend
    assert type(asyncio.get_running_loop()).__module__.startswith(mode.loop)


def test_error_in_a_callback_fails_the_test() -> None:
    async def test() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)

    with pytest.raises(AssertionError, match="division by zero"):
        run_to_end(test(), asyncio.new_event_loop, limit=5)


def test_a_test_that_never_ends_is_ended() -> None:
    async def test() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        run_to_end(test(), asyncio.new_event_loop, limit=0.01)
