"""TLS settings: what `ssl=` may be, which context it means, pinned certificates, sessions."""

from __future__ import annotations

import ssl
import time
import warnings
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp.client_reqrep import _merge_ssl_params

from quinde.errors import ServerFingerprintMismatch
from quinde.net.tls import (
    Fingerprint,
    SessionCache,
    check_server_context,
    choose,
    context_for,
    default_context,
    handshake_patience,
    unverified_context,
)

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT = ssl.create_default_context()
DIGEST = bytes(range(32))


def outcome(function: Any, *args: Any) -> Any:
    """What a call gives or raises, and whether it warns."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(*args)
        except (TypeError, ValueError) as error:
            result = type(error)
    if isinstance(result, Fingerprint | aiohttp.Fingerprint):
        result = result.fingerprint
    return result, [warning.category for warning in caught]


@pytest.mark.parametrize(
    "given",
    [
        (True, None, None, None),
        (None, None, None, None),
        (False, None, None, None),
        (CONTEXT, None, None, None),
        (True, True, None, None),
        (True, False, None, None),
        (True, None, CONTEXT, None),
        (True, None, None, DIGEST),
        (True, None, None, b"short"),
        (False, False, None, None),
        (CONTEXT, None, CONTEXT, None),
        (True, False, CONTEXT, None),
        (True, None, CONTEXT, DIGEST),
        ("yes", None, None, None),
        (1, None, None, None),
    ],
)
def test_arguments_mean_what_they_mean_in_aiohttp(given: tuple[Any, ...]) -> None:
    assert outcome(choose, *given) == outcome(_merge_ssl_params, *given)


def test_fingerprint_is_a_choice() -> None:
    pinned = Fingerprint(DIGEST)
    assert choose(pinned) is pinned


def test_default_context_verifies_and_is_shared() -> None:
    context = default_context()
    assert context is default_context() is context_for(True, True)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_first_choice_that_asks_for_something_counts() -> None:
    assert context_for(CONTEXT, False) is CONTEXT
    assert context_for(True, CONTEXT) is CONTEXT
    assert context_for(False, CONTEXT) is unverified_context() is context_for(Fingerprint(DIGEST), True)
    assert unverified_context().verify_mode == ssl.CERT_NONE
    assert not unverified_context().check_hostname
    assert unverified_context().cert_store_stats()["x509"] == 0, "the store takes long to load"


@pytest.mark.parametrize(
    ("size", "words"), [(16, "insecure"), (20, "insecure"), (31, "length"), (33, "length")]
)
def test_only_sha256_is_a_fingerprint(size: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Fingerprint(bytes(size))
    with pytest.raises(ValueError, match=words):
        aiohttp.Fingerprint(bytes(size))


def test_equal_fingerprints_share_connections() -> None:
    assert Fingerprint(DIGEST) == Fingerprint(bytes(DIGEST))
    assert len({Fingerprint(DIGEST), Fingerprint(DIGEST), Fingerprint(bytes(32))}) == 2
    assert DIGEST.hex() in repr(Fingerprint(DIGEST))


class Told:
    """A transport that tells of a certificate."""

    def __init__(self, certificate: bytes | None) -> None:
        self.certificate = certificate

    def get_extra_info(self, name: str) -> Any:
        if self.certificate is None:
            return None
        return {"sslcontext": CONTEXT, "ssl_object": self, "peername": ("192.0.2.1", 443)}[name]

    def getpeercert(self, *, binary_form: bool) -> bytes | None:
        assert binary_form
        return self.certificate


def test_certificate_is_compared() -> None:
    pinned = Fingerprint(sha256(b"der").digest())
    pinned.check(Told(b"der"))  # type: ignore[arg-type]
    pinned.check(Told(None))  # type: ignore[arg-type]  # no TLS, nothing to compare
    with pytest.raises(ServerFingerprintMismatch) as caught:
        pinned.check(Told(b"other"))  # type: ignore[arg-type]
    error = caught.value
    assert (error.expected, error.got) == (pinned.fingerprint, sha256(b"other").digest())
    assert (error.host, error.port) == ("192.0.2.1", 443)


def test_contexts_that_cannot_serve_are_refused() -> None:
    check_server_context(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    with pytest.raises(ValueError, match=r"Purpose\.CLIENT_AUTH"):
        check_server_context(ssl.create_default_context())
    for nonsense in (True, "cert.pem"):
        with pytest.raises(TypeError, match="SSLContext"):
            check_server_context(nonsense)


def test_a_handshake_without_limit_has_a_year() -> None:
    """asyncio takes no 0."""
    assert handshake_patience(2.5) == 2.5
    assert handshake_patience(0) > 1e7


class Source:
    """An SSLObject with a session."""

    def __init__(self, session: Any, *, reused: bool = True) -> None:
        self.session = session
        self.session_reused = reused


def test_sessions_come_from_the_last_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quinde.net.tls.READING_SESSIONS_LEAKS", False)
    cache = SessionCache()
    assert cache.recall("a") is None
    first, second = Source("one"), Source("two")
    cache.watch("a", first)  # type: ignore[arg-type]
    cache.watch("a", second)  # type: ignore[arg-type]
    assert cache.recall("a") == "two"
    cache.settle("a", first)  # type: ignore[arg-type]  # no longer the last
    assert cache.recall("a") == "two"
    second.session = None
    cache.settle("a", second)  # type: ignore[arg-type]
    assert cache.recall("a") is None
    assert len(cache) == 0


def test_sessions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quinde.net.tls.READING_SESSIONS_LEAKS", False)
    cache = SessionCache(max_size=2)
    for key in "ab":
        cache.watch(key, Source(key))  # type: ignore[arg-type]
    assert cache.recall("a") == "a"
    cache.watch("c", Source("c"))  # type: ignore[arg-type]
    assert [cache.recall(key) for key in "abc"] == ["a", None, "c"]
    cache.clear()
    assert len(cache) == 0


class Session:
    """A session as `ssl` gives it."""

    def __init__(self, *, age: float = 0, hint: int = 100, has_ticket: bool = True) -> None:
        self.time = int(time.time() - age)
        self.timeout = 7200
        self.ticket_lifetime_hint = hint
        self.has_ticket = has_ticket


@pytest.mark.parametrize("leaks", [False, True])
def test_a_session_is_taken_anew_where_that_costs_nothing(
    leaks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quinde.net.tls.READING_SESSIONS_LEAKS", leaks)
    cache, sessions = SessionCache(), [Session(), Session()]
    for session in sessions:
        source: Any = Source(session)
        cache.watch("a", source)
        assert cache.recall("a") is (sessions[0] if leaks else session)
        cache.settle("a", source)
    assert cache._sources["a"] is (sessions[0] if leaks else sessions[1])


@pytest.mark.parametrize(
    ("given", "is_taken_again"),
    [
        ({"age": 10}, False),
        ({"age": 200}, True),
        ({"age": 7300, "hint": 100_000}, True),
        ({"age": 200, "hint": 0}, False),
        ({"has_ticket": False}, False),
    ],
)
def test_a_session_that_is_too_old_makes_room(
    given: dict[str, Any], is_taken_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quinde.net.tls.READING_SESSIONS_LEAKS", True)
    cache, first, second = SessionCache(max_size=2), Session(**given), Session()
    for session in (first, second):
        cache.watch("a", Source(session))  # type: ignore[arg-type]
        cache.recall("a")
    assert cache.recall("a") is (second if is_taken_again else first)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert cache.recall("a") is (second if is_taken_again or not first.has_ticket else first)


def test_a_session_that_the_server_does_not_want_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a restart it has other keys; where it never resumes, taking one now and then is little."""
    monkeypatch.setattr("quinde.net.tls.READING_SESSIONS_LEAKS", True)
    cache, first, second = SessionCache(), Session(hint=7200), Session(hint=7200)
    cache.watch("a", Source(first))  # type: ignore[arg-type]
    cache.recall("a")
    cache.watch("a", Source(second, reused=False))  # type: ignore[arg-type]
    assert cache.recall("a") is first
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert cache.recall("a") is second


def test_what_was_taken_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quinde.net.tls.READING_SESSIONS_LEAKS", True)
    cache = SessionCache(max_size=2)
    for key in "abc":
        cache.watch(key, Source(Session()))  # type: ignore[arg-type]
        cache.recall(key)
    assert list(cache._taken) == ["b", "c"]
    cache.watch("d", Source(None))  # type: ignore[arg-type]
    assert cache.recall("d") is None
    assert "d" not in cache._taken
    cache.clear()
    assert not cache._taken


def test_context_that_verifies_nothing_logs_its_keys_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert unverified_context.__wrapped__().keylog_filename == str(tmp_path / "keys")
