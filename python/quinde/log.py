"""The six loggers of the package; a program sets levels and handlers on `quinde` or on one of them.

This module knows the standard library only. Nothing here logs.
"""

from __future__ import annotations

import logging

__all__ = ("access_logger", "client_logger", "internal_logger", "server_logger", "web_logger", "ws_logger")

access_logger = logging.getLogger("quinde.access")
"""One line for each answered request."""
client_logger = logging.getLogger("quinde.client")
"""The client end: connections, redirects, cookies."""
internal_logger = logging.getLogger("quinde.internal")
"""What only somebody who works on quinde wants to know."""
server_logger = logging.getLogger("quinde.server")
"""Connections of the server and the errors of its handlers."""
web_logger = logging.getLogger("quinde.web")
"""`Application`s and what they run."""
ws_logger = logging.getLogger("quinde.websocket")
"""WebSocket connections of both ends."""
