"""TLS settings: the `ssl.SSLContext` where nobody gives one, what `ssl=` may be, pinned certificates, and
sessions to resume.

Knows Python's `ssl` and nothing of HTTP, pools or sites. The handshake itself is the core's on the reactor
and asyncio's on transports.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
import ssl
import sys
import time
import warnings
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from quinde.errors import ServerFingerprintMismatch

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Hashable

__all__ = (
    "HANDSHAKE_TIMEOUT",
    "SHUTDOWN_TIMEOUT",
    "Fingerprint",
    "SSLChoice",
    "SessionCache",
    "check_server_context",
    "choose",
    "context_for",
    "default_context",
    "handshake_patience",
    "unverified_context",
)

HANDSHAKE_TIMEOUT: Final = 10.0
"""Seconds that a handshake may take: a peer that does not finish it holds memory and has not paid for it."""

SHUTDOWN_TIMEOUT: Final = 2.0
"""Seconds that asyncio's transports of a server wait for the peer's close_notify; they cannot do without."""

# Each look at a connection's `session` leaks it, 6 KiB (python/cpython#116810); 3.11 keeps the fault.
READING_SESSIONS_LEAKS = sys.version_info < (3, 12, 8) or (3, 13) <= sys.version_info < (3, 13, 1)

# Seconds until the next look where the first was too early for a ticket (TLS 1.3), there is none to come, or
# the server does not resume what was taken.
_NO_TICKET_FOR: Final = 60.0

_FOR_EVER: Final = 31_536_000.0

_ALPN: Final = ("http/1.1",)


class Fingerprint:
    """Trust the one certificate that has this SHA-256 digest, whoever signed it.

    Args:
        fingerprint: the digest of the certificate in DER form, 32 bytes.

    Raises:
        ValueError: it is not a SHA-256 digest; MD5 and SHA-1 are forgeable.
    """

    __slots__ = ("_fingerprint",)

    def __init__(self, fingerprint: bytes) -> None:
        if len(fingerprint) in {16, 20}:
            raise ValueError("md5 and sha1 are insecure and not supported. Use sha256.")
        if len(fingerprint) != 32:
            raise ValueError("fingerprint has invalid length")
        self._fingerprint = fingerprint

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._fingerprint.hex()}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fingerprint) and self._fingerprint == other._fingerprint

    def __hash__(self) -> int:
        return hash(self._fingerprint)

    @property
    def fingerprint(self) -> bytes:
        """The expected digest."""
        return self._fingerprint

    def check(self, transport: asyncio.BaseTransport) -> None:
        """Compare the peer's certificate; a connection without TLS has none to compare.

        Args:
            transport: of a connection whose handshake is done.

        Raises:
            ServerFingerprintMismatch: it is another one; close the connection.
        """
        if not transport.get_extra_info("sslcontext"):
            return
        certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        got = hashlib.sha256(certificate).digest()
        if not hmac.compare_digest(got, self._fingerprint):
            host, port, *_ = transport.get_extra_info("peername") or ("", 0)
            raise ServerFingerprintMismatch(self._fingerprint, got, host, port)


SSLChoice = bool | ssl.SSLContext | Fingerprint
"""What `ssl=` may be: True verifies by the system's store, False verifies nothing."""


def choose(
    choice: Any,
    verify_ssl: bool | None = None,
    ssl_context: ssl.SSLContext | None = None,
    fingerprint: bytes | None = None,
) -> SSLChoice:
    """Make one setting of `ssl=` and the three arguments that were there before it.

    Args:
        choice: True, False, a context or a `Fingerprint`; None is True.
        verify_ssl: deprecated; False is `ssl=False`.
        ssl_context: deprecated, give it as `ssl`.
        fingerprint: deprecated, give `ssl=Fingerprint(…)`.

    Raises:
        TypeError: `choice` is something else.
        ValueError: more than one of them asks for something; decide for one.
    """
    if choice is None:
        choice = True
    for name, given, replacement in (
        ("verify_ssl", False if verify_ssl is False else None, "ssl=False"),
        ("ssl_context", ssl_context, "ssl=context"),
        ("fingerprint", fingerprint, "ssl=Fingerprint(fingerprint)"),
    ):
        if given is None:
            continue
        warnings.warn(f"{name} is deprecated, use {replacement}", DeprecationWarning, stacklevel=3)
        if choice is not True:
            raise ValueError("verify_ssl, ssl_context, fingerprint and ssl exclude one another: give one")
        choice = Fingerprint(given) if isinstance(given, bytes) else given
    if not isinstance(choice, (bool, ssl.SSLContext, Fingerprint)):
        raise TypeError(f"ssl is True, False, an SSLContext or a Fingerprint, not {choice!r}")
    return choice


@functools.cache
def default_context() -> ssl.SSLContext:
    """Give the one context that verifies by the system's store.

    It is made when it is first needed, and shared: loading the store takes tens of milliseconds and memory.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(_ALPN)
    return context


@functools.cache
def unverified_context() -> ssl.SSLContext:
    """Give the one context that verifies nothing, for `ssl=False` and for fingerprints."""
    # Not create_default_context: it would load the store, for nothing.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if keylog := os.environ.get("SSLKEYLOGFILE"):
        context.keylog_filename = keylog
    context.set_alpn_protocols(_ALPN)
    return context


def context_for(*choices: SSLChoice) -> ssl.SSLContext:
    """Give the context of the first choice that asks for something; the default one if none does."""
    for choice in choices:
        if isinstance(choice, ssl.SSLContext):
            return choice
        if choice is not True:
            return unverified_context()
    return default_context()


def check_server_context(context: Any) -> None:
    """See that a server can begin a handshake with a context; each client would be turned away else.

    Raises:
        TypeError: it is no context.
        ValueError: it is one for clients.
    """
    if not hasattr(context, "wrap_bio"):
        raise TypeError(f"ssl_context is an ssl.SSLContext or None, not {context!r}")
    try:
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
    except (ssl.SSLError, ValueError) as error:  # the latter from Python 3.14 on
        raise ValueError(
            "ssl_context is for clients: make it by ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) "
            "and give it the certificate by load_cert_chain()"
        ) from error


def handshake_patience(timeout: float) -> float:
    """Give a handshake's timeout as asyncio wants it: there is no 0 for none."""
    return timeout or _FOR_EVER


class SessionCache:
    """Remember TLS sessions: the next connection to a server resumes one, for less (RFC 8446 section 2.2).

    Keys name everything that the session's server was verified for. A session is taken from the last
    connection of its key while that is open: TLS 1.3 gives it only after the handshake. Where Python leaks
    the sessions that it gives, one is resumed until it is too old or the server does not want it, and only
    then the next one is taken (RFC 8446 section C.4 would have each used once).

    Args:
        max_size: how many are remembered; the least recently used goes.
    """

    def __init__(self, max_size: int = 256) -> None:
        self._max_size = max_size
        self._sources: OrderedDict[Hashable, Any] = OrderedDict()
        # With when it was taken, and until when it does.
        self._taken: OrderedDict[Hashable, tuple[Any, float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sources)

    def watch(self, key: Hashable, ssl_object: ssl.SSLObject) -> None:
        """Take sessions from this connection from now on."""
        self._sources[key] = ssl_object
        self._sources.move_to_end(key)
        if len(self._sources) > self._max_size:
            self._sources.popitem(last=False)

    def settle(self, key: Hashable, ssl_object: ssl.SSLObject) -> None:
        """Keep the session alone of a connection that has ended."""
        if self._sources.get(key) is ssl_object:
            session = self._take(key, ssl_object)
            if session is None:
                del self._sources[key]
            else:
                self._sources[key] = session

    def recall(self, key: Hashable) -> ssl.SSLSession | None:
        """Give a session to resume, None if there is none."""
        source = self._sources.get(key)
        if source is None:
            return None
        self._sources.move_to_end(key)
        return source if isinstance(source, ssl.SSLSession) else self._take(key, source)

    def clear(self) -> None:
        """Forget all."""
        self._sources.clear()
        self._taken.clear()

    def _take(self, key: Hashable, ssl_object: ssl.SSLObject) -> Any:
        """Give the session of a connection, or one of before that still does."""
        if not READING_SESSIONS_LEAKS:
            return getattr(ssl_object, "session", None)
        session, since, until = self._taken.get(key, (None, 0.0, 0.0))
        now = time.time()
        resumes = getattr(ssl_object, "session_reused", True)
        if now < until and (resumes or now < since + _NO_TICKET_FOR):
            return session
        session = getattr(ssl_object, "session", None)
        if session is not None:
            until = now + _NO_TICKET_FOR
            if session.has_ticket:
                until = session.time + min(session.timeout, session.ticket_lifetime_hint or session.timeout)
            self._taken[key] = session, now, until
            self._taken.move_to_end(key)
            if len(self._taken) > self._max_size:
                self._taken.popitem(last=False)
        return session
