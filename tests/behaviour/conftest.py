"""Each test of this folder runs in every I/O mode, whether it asks for `mode` or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.modes import Mode


@pytest.fixture(autouse=True)
def _in_each_mode(mode: Mode) -> None:
    """Bring in `mode`."""
