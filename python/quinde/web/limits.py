"""`Limits`: what a peer may make a server hold, and what it may make it wait for.

Only what is said is stored, so that the limits of a site can lie over those of its server and these over the
defaults. May know the core's `Limits`, of which it is the public face; must not know servers and requests.
"""

from __future__ import annotations

from typing import Any, NoReturn, dataclass_transform

from quinde import _core
from quinde.http.streams import DEFAULT_LIMIT

__all__ = ("PER_REQUEST", "Limits", "core_limits")

PER_REQUEST = frozenset(["body_timeout", "client_max_size", "min_body_rate", "write_timeout"])
"""What a handler may still change for its request: all else is over when it starts."""

# 0 is "at once" for these, as in aiohttp; to the core it is no timeout.
_AT_ONCE = 0.001


class _Given:
    """Attributes that were given, over defaults in the class; nothing changes afterwards."""

    def __init__(self, **given: Any) -> None:
        for name, value in given.items():
            self.__dict__[name] = _checked(name, value)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"limits do not change: make others with {name}=…")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"limits do not change: make others without {name}")

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({given})"

    def __eq__(self, other: object) -> bool:
        """Compare what was given: an equal default is not the same as nothing."""
        return vars(self) == vars(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(vars(self).items()))


@dataclass_transform(kw_only_default=True, frozen_default=True)
def _fields_are_keywords(cls: type) -> Any:
    return cls


@_fields_are_keywords
class Limits(_Given):
    """What a peer may cost a server, for `Server`, `AppRunner`, `run_app` and each site.

    Each limit is a keyword with a default. What is not given is taken from what stands behind: for a site the
    limits of its server, for these the keywords that aiohttp has names for (`client_max_size`,
    `keepalive_timeout`, `max_headers` and so on), then the defaults. The attributes tell what holds. A
    handler changes some for its own request by `request.change_limits()`.

    Sizes are bytes, times are seconds; a `*_timeout` of 0 is switched off, but for `keepalive_timeout`.

        runner = web.AppRunner(app, limits=web.Limits(body_timeout=20, min_body_rate=500))
        site = web.TCPSite(runner, port=8081, limits=web.Limits(client_max_size=100 * 2**20))

    Raises:
        TypeError: There is no limit of that name.
        ValueError: A value is no number, or out of range.
    """

    max_line_size: int = 8190
    """Bytes of a request target (aiohttp: 8,190). Beyond: 414, close."""

    max_field_size: int = 8190
    """Bytes of one header field, name and value (aiohttp: 8,190). Beyond: 431, close."""

    max_headers: int = 128
    """Header fields of one request (aiohttp: 128). Beyond: 431, close."""

    max_head_size: int = 65_536
    """Bytes of a whole request head (Envoy: 60 KiB; aiohttp has none). Beyond: 431, close."""

    max_trailers_size: int = 8192
    """Bytes of a whole trailer section. Beyond: 400, close."""

    max_trailers: int = 32
    """Fields of one trailer section. Beyond: 400, close."""

    max_chunk_extensions: int = 4096
    """Bytes of chunk extensions in one body (hyper: 16 KiB). Beyond: 400, close."""

    max_pipelined: int = 32
    """Requests that wait behind the one being answered, within `max_head_size`. Beyond: reading pauses."""

    client_max_size: int = 1024**2
    """Bytes of body, after decoding, that `read()`, `text()` and `json()` take; 0 is any number (aiohttp and
    nginx: 1 MiB). Beyond: 413."""

    read_bufsize: int = DEFAULT_LIMIT
    """Half of the bytes of a body that are received ahead of its reader (aiohttp's name; 64 KiB there).
    Beyond: reading pauses."""

    max_discard: int = 16 * 1024**2
    """Bytes of an unread body that are thrown away after an answer, to use the connection again; also of what
    a refused client still sends: many read only when they have sent all. Beyond: close."""

    head_timeout: float = 10.0
    """Seconds for a request head from its first byte, whatever comes in between (h2o: 10, Apache: 20 to 40,
    aiohttp: none). Beyond: 408, close."""

    handshake_timeout: float = 10.0
    """Seconds for a TLS handshake (asyncio and nginx: 60). Beyond: close."""

    keepalive_timeout: float = 75.0
    """Seconds that a connection may be idle between requests, or before its first (nginx and `run_app`: 75;
    a runner that is not told: 3,630, as in aiohttp). 0 closes after each answer, and leaves 75 for the first
    request. Beyond: close."""

    body_timeout: float = 60.0
    """Seconds without a byte of a body while the handler waits for it (nginx: 60), and in all for the rest of
    one that nobody reads. Beyond: 408, close."""

    min_body_rate: int = 0
    """Bytes a second that a body has to bring on average while the handler waits for it, after the first 5 s
    (Kestrel: 240, Apache: 500); 0 is any number. Below: 408, close."""

    write_timeout: float = 60.0
    """Seconds without a byte taken by a client for which output waits (nginx: 60). Beyond: reset."""

    lingering_time: float = 2.0
    """Seconds that a refused client is still listened to, so that it can read why (aiohttp's name; nginx: 5).
    Beyond: close."""

    max_connections: int | None = None
    """Open connections at once: those of a site with limits of its own, or of the server's other sites
    together. None is what the process has file descriptors for (`RLIMIT_NOFILE` less 64), counted over all
    servers. Beyond: the next ones wait in the backlog; on the transport backend, where asyncio accepts, they
    are closed."""

    def over(self, others: Limits) -> Limits:
        """Make limits of these, and where these say nothing, of others.

        Args:
            others: What stands behind.

        Returns:
            New limits; both that they are made of stay as they are.
        """
        return Limits(**{**vars(others), **vars(self)})


def core_limits(limits: Limits) -> _core.Limits:
    """Make the core's limits, which also count the connections that they are for."""
    return _core.Limits(
        max_line_size=limits.max_line_size,
        max_field_size=limits.max_field_size,
        max_headers=limits.max_headers,
        max_head_size=limits.max_head_size,
        max_trailers_size=limits.max_trailers_size,
        max_trailers=limits.max_trailers,
        max_chunk_extensions=limits.max_chunk_extensions,
        max_pipelined=limits.max_pipelined,
        max_discard=limits.max_discard,
        body_window=2 * limits.read_bufsize,
        head_timeout=limits.head_timeout,
        handshake_timeout=limits.handshake_timeout,
        first_timeout=limits.keepalive_timeout or Limits.keepalive_timeout,
        keepalive_timeout=limits.keepalive_timeout or _AT_ONCE,
        body_timeout=limits.body_timeout,
        min_body_rate=limits.min_body_rate,
        write_timeout=limits.write_timeout,
        linger_timeout=limits.lingering_time or _AT_ONCE,
        max_connections=limits.max_connections or 0,
        origin=limits,
    )


def _checked(name: str, value: Any) -> Any:
    if name not in Limits.__annotations__:
        raise TypeError(f"there is no limit {name!r}: there are {', '.join(sorted(Limits.__annotations__))}")
    if name == "max_connections" and value is None:
        return value
    is_time = name.endswith(("_timeout", "_time"))
    if not isinstance(value, int | float if is_time else int):
        kind = "seconds" if is_time else "a whole number"
        raise ValueError(f"{name} is {kind}, not {value!r}")
    least = 1 if name in {"max_connections", "max_head_size", "max_line_size", "read_bufsize"} else 0
    if not least <= value < float("inf"):
        raise ValueError(f"{name} must be {least} or more, and finite: not {value!r}")
    return value
