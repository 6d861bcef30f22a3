"""aiohttp's `abc`, by that name: the abstract classes to build on, and what they speak of. Re-exports only.

Each is imported when it is asked for, so that a client does not load the server for its resolver.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quinde.net.resolver import AbstractResolver, ResolveResult
    from quinde.web.log import AbstractAccessLogger
    from quinde.web.routing.interfaces import AbstractMatchInfo, AbstractRouter, AbstractView

__all__ = (
    "AbstractAccessLogger",
    "AbstractMatchInfo",
    "AbstractResolver",
    "AbstractRouter",
    "AbstractView",
    "ResolveResult",
)

_HOMES = {
    "AbstractAccessLogger": "quinde.web.log",
    "AbstractMatchInfo": "quinde.web.routing.interfaces",
    "AbstractResolver": "quinde.net.resolver",
    "AbstractRouter": "quinde.web.routing.interfaces",
    "AbstractView": "quinde.web.routing.interfaces",
    "ResolveResult": "quinde.net.resolver",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
