"""What a status code implies for the framing of its answer (RFC 9112 section 6.3). Pure tables."""

import re
from http import HTTPStatus

__all__ = ("REASON_PHRASES", "check_reason", "has_no_body", "omits_length")

REASON_PHRASES: dict[int, str] = {status.value: status.phrase for status in HTTPStatus}

_CONTROL_RE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def check_reason(reason: str) -> str:
    """Return the reason phrase if it may stand on a status line.

    Raises:
        ValueError: It holds a control character: it would end the line and start a header of its author's
            choice.
    """
    if _CONTROL_RE.search(reason) is not None:
        raise ValueError("Reason cannot contain \\r, \\n or other control characters")
    return reason


def omits_length(method: str, status: int) -> bool:
    """Tell whether Content-Length must not be sent (RFC 9110 section 8.6)."""
    return status in {204, 304} or status < 200 or (method == "CONNECT" and status < 300)


def has_no_body(method: str, status: int) -> bool:
    """Tell whether the answer ends with its head, whatever its fields say (RFC 9112 section 6.3)."""
    return method == "HEAD" or omits_length(method, status)
