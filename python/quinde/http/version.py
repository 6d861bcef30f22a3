"""The protocol version of a message, and how quinde names itself on the wire.

Knows nothing of sides: server and client say `SERVER_SOFTWARE` in `Server` and `User-Agent`.
"""

import sys
from typing import NamedTuple

__all__ = ("PRODUCT_VERSION", "SERVER_SOFTWARE", "HttpVersion", "HttpVersion10", "HttpVersion11")


class HttpVersion(NamedTuple):
    """Hold the version of an HTTP message as two comparable numbers."""

    major: int
    minor: int


HttpVersion10 = HttpVersion(1, 0)
HttpVersion11 = HttpVersion(1, 1)

# A test holds it to the version of the distribution; reading the metadata would cost more than the import.
PRODUCT_VERSION = "0.1.0.dev0"
SERVER_SOFTWARE = f"Python/{sys.version_info[0]}.{sys.version_info[1]} quinde/{PRODUCT_VERSION}"
