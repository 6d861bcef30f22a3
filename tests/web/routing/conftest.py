"""What routing reads of a request, without one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def make_request() -> Callable[..., Any]:
    """Make something with the method and path of a request, for `finder()` and `resolve()` alike."""

    def make(method: str, raw_path: str, **attributes: Any) -> Any:
        url = URL.build(path=raw_path, encoded=True)
        return SimpleNamespace(
            method=method, raw_path=raw_path, rel_url=url, expect_continue=False, **attributes
        )

    return make
