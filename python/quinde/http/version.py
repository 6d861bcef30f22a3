"""The protocol version of a message, and how quinde names itself on the wire.

Knows nothing of sides: server and client say `SERVER_SOFTWARE` in `Server` and `User-Agent`.
"""

import sys
from typing import NamedTuple

__all__ = ("SERVER_SOFTWARE", "HttpVersion", "HttpVersion10", "HttpVersion11", "__version__")


class HttpVersion(NamedTuple):
    """Hold the version of an HTTP message as two comparable numbers."""

    major: int
    minor: int


HttpVersion10 = HttpVersion(1, 0)
HttpVersion11 = HttpVersion(1, 1)

# The distribution has its version from Cargo.toml, and a test holds the two together: reading the metadata
# would cost more than the import.
__version__ = "0.1.0.dev0"
SERVER_SOFTWARE = f"Python/{sys.version_info[0]}.{sys.version_info[1]} quinde/{__version__}"
