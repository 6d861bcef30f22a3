"""`request.clone()`: a request that says other things of itself than what was received.

The clone stands for the same exchange: body, connection and answer are those of the original. May know
requests and what they ask of the core's; must not know servers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from quinde.web.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from quinde.web.request import BaseRequest

__all__ = ("AS_IT_IS", "clone")

R = TypeVar("R", bound="BaseRequest")

AS_IT_IS: Final[Any] = object()
"""Stands for what the clone has in common with the original."""

# What requests keep of what they have been told themselves, and not by the core.
_OWN = ("scheme", "host", "remote")


class _Altered:
    """Say what a clone was told, and for all else what the core's request says.

    Args:
        incoming: The core's request, or that of another clone.
        changes: `method`, `rel_url` and `headers`, those that are given.
    """

    def __init__(self, incoming: Any, changes: Mapping[str, Any]) -> None:
        self._incoming = incoming
        if "method" in changes:
            self.method = changes["method"]
        if "rel_url" in changes:
            url = URL(changes["rel_url"])
            self.target, self.raw_path = str(url), url.raw_path
        if "headers" in changes:
            fields: CIMultiDict[str] = CIMultiDict(changes["headers"])
            self.headers = CIMultiDictProxy(fields)
            self.header = fields.get
            self.raw_headers = tuple(
                (name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in fields.items()
            )
            length = fields.get("Content-Length")
            self.content_length = None if length is None else int(length)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._incoming, name)


def clone(request: R, changes: Mapping[str, Any]) -> R:
    """Make a clone of a request.

    Args:
        request: The original.
        changes: Arguments of `BaseRequest.clone`; those that are `AS_IT_IS` change nothing.

    Raises:
        RuntimeError: The body has been read.
    """
    if request._read_bytes:
        raise RuntimeError("Cannot clone request after reading its content")
    changes = {name: value for name, value in changes.items() if value is not AS_IT_IS}
    made = type(request)(_Altered(request._incoming, changes), request._server)  # type: ignore[arg-type]
    if request.body_exists:
        made._content = request.content  # one reader of one body
    if request._state is not None:
        made._state = request._state.copy()
    made._limits = request._limits
    if "client_max_size" in changes:
        made._limits = Limits(client_max_size=changes["client_max_size"]).over(request.limits)
    known = vars(request)
    for name in _OWN:
        if name in changes:
            vars(made)[name] = changes[name]
        elif name in known and not (name == "host" and {"headers", "rel_url"} & changes.keys()):
            vars(made)[name] = known[name]
    return made
