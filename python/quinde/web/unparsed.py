"""A stand-in for a request that was refused before it became one, so that the access log can tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from multidict import CIMultiDict, CIMultiDictProxy

from quinde.web.request import BaseRequest

if TYPE_CHECKING:
    from quinde._core import IncomingRequest
    from quinde.web.server import Server

__all__ = ("UnparsedRequest",)


class _Nothing:
    """What is known of a message that breaks the rules: who sent it."""

    method = "UNKNOWN"
    target = raw_path = "/"
    raw_query = ""
    http_version = (1, 0)
    headers = CIMultiDictProxy[str](CIMultiDict[str]())
    raw_headers = ()
    keep_alive = False
    content_length = None
    body = None
    connection = None
    task = None
    sockname = None
    disconnected = True
    started = True

    def __init__(self, peername: Any) -> None:
        self.peername = peername

    def header(self, name: str) -> None:
        """Give no field."""


class UnparsedRequest(BaseRequest):
    """A request of method ``UNKNOWN`` for ``/``, without fields.

    Args:
        peername: The peer's address.
        server: The server that refused it.
    """

    def __init__(self, peername: Any, server: Server) -> None:
        super().__init__(cast("IncomingRequest", _Nothing(peername)), server)
