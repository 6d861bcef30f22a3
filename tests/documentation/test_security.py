"""SECURITY.md's table of a server's limits: each limit, with the default that it has."""

from __future__ import annotations

import pytest

from quinde.web import Limits
from tests.shape.package import ROOT

TABLE = (
    (ROOT / "SECURITY.md").read_text(encoding="utf-8").partition("### Server")[2].partition("### Client")[0]
)
OTHERWISE = {
    "max_connections": "what there are file descriptors for",
    "min_body_rate": "off",
    "read_bufsize": f"{2 * Limits().read_bufsize >> 10} KiB",  # half of what is received ahead
}


def spellings(default: float) -> set[str]:
    """How a table may write a size, a number or a time."""
    return {f"{default:,}", f"{default:g} s", f"{int(default) >> 20} MiB"}


@pytest.mark.parametrize("name", Limits.__annotations__)
def test_it_names_each_limit_with_its_default(name: str) -> None:
    told = [row.split("|")[2] for row in TABLE.splitlines() if row.startswith("|") and f"`{name}`" in row]
    expected = {OTHERWISE[name]} if name in OTHERWISE else spellings(getattr(Limits(), name))
    assert any(spelling in default for default in told for spelling in expected), told
