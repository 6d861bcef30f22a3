"""What a status implies for framing, RFC 9112 section 6.3."""

from __future__ import annotations

import pytest

from quinde.web.status import REASON_PHRASES, check_reason, has_no_body, omits_length


@pytest.mark.parametrize(
    ("method", "status", "no_length", "no_body"),
    [
        ("GET", 200, False, False),
        ("GET", 100, True, True),
        ("GET", 204, True, True),
        ("GET", 205, False, False),
        ("GET", 304, True, True),
        ("HEAD", 200, False, True),
        ("HEAD", 304, True, True),
        ("CONNECT", 200, True, True),
        ("CONNECT", 407, False, False),
    ],
)
def test_framing(method: str, status: int, no_length: bool, no_body: bool) -> None:
    assert omits_length(method, status) is no_length
    assert has_no_body(method, status) is no_body


def test_reasons() -> None:
    assert REASON_PHRASES[404] == "Not Found"
    assert check_reason("Fine\tand ümlaut") == "Fine\tand ümlaut"
    for bad in ("a\r", "a\n", "a\0", "\x7f"):
        with pytest.raises(ValueError, match="control"):
            check_reason(bad)
