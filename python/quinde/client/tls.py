"""How a client's connection is secured: what a request and its connector ask for, as one value, and the
handshake on either backend.

May know `ssl`, the core's connections and asyncio's; must not know addresses or pools.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, NamedTuple

from quinde._core import TlsSettings
from quinde.errors import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ServerFingerprintMismatch,
)
from quinde.net import layer, reactor
from quinde.net.tls import (
    HANDSHAKE_TIMEOUT,
    SHUTDOWN_TIMEOUT,
    Fingerprint,
    SessionCache,
    SSLChoice,
    context_for,
)

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable, Hashable

    from quinde.client.protocol import ResponseHandler
    from quinde.client.request import ClientRequest, ConnectionKey

__all__ = ("Security", "check_fingerprint", "connect_error", "hand_over", "security_for")


class Security(NamedTuple):
    """Say how a connection is secured.

    Args:
        context: the user's, or one of the shared ones.
        server_hostname: asked for by SNI, and what the certificate must be for.
        fingerprint: the one certificate that is accepted, if it is pinned.
        connection_key: what the connection is good for.
    """

    context: ssl.SSLContext
    server_hostname: str
    fingerprint: Fingerprint | None
    connection_key: ConnectionKey

    @property
    def session_key(self) -> Hashable:
        """Name all that a session of this server may be resumed for."""
        return (self.context, self.server_hostname, self.connection_key)


def security_for(req: ClientRequest, of_connector: SSLChoice = True) -> Security | None:
    """Give what a request's connection needs: its own setting, else its connector's; None without TLS."""
    if not req.is_ssl():
        return None
    context = context_for(req.ssl, of_connector)
    pinned = next((choice for choice in (req.ssl, of_connector) if isinstance(choice, Fingerprint)), None)
    # A dot at the end says that a name is complete; no certificate has it (RFC 6066 section 3).
    hostname = (req.server_hostname or req.host).rstrip(".")
    return Security(context, hostname, pinned, req.connection_key)


async def hand_over(
    sock: socket.socket,
    factory: Callable[[], ResponseHandler],
    loop: asyncio.AbstractEventLoop,
    security: Security | None,
    sessions: SessionCache,
    shutdown_timeout: float,
) -> ResponseHandler:
    """Make a connection of a connected socket, on the backend that the loop has, and secure it.

    Args:
        sock: connected; it belongs to the connection afterwards, also when this fails.
        factory: makes the handler.
        loop: the running loop.
        security: as `security_for` gives it.
        sessions: those that can be resumed.
        shutdown_timeout: seconds to wait for the peer's close_notify at the end; 0 closes without one.

    Raises:
        OSError: the handshake failed (`ssl.SSLError`) or took too long, or the peer has gone.
    """
    handler = factory()
    if reactor.backend() == "transport":
        try:
            await _hand_to_loop(sock, handler, loop, security, shutdown_timeout)
        except BaseException:
            # uvloop closes a transport whose making is cancelled, and tells nobody.
            handler.abort()
            raise
        return handler
    if security is None:
        handler.attach(sock)
        return handler
    settings = TlsSettings(
        security.context,
        server_hostname=security.server_hostname,
        session=sessions.recall(security.session_key),
        handshake_timeout=HANDSHAKE_TIMEOUT,
        shutdown_timeout=shutdown_timeout,
    )
    handler.attach(sock, settings)
    connection = handler.connection
    assert connection is not None
    try:
        await connection.secure()
    except BaseException:
        handler.abort()
        raise
    handler.watch_session(sessions, security.session_key)
    return handler


async def _hand_to_loop(
    sock: socket.socket,
    handler: ResponseHandler,
    loop: asyncio.AbstractEventLoop,
    security: Security | None,
    shutdown_timeout: float,
) -> None:
    if security is None:
        await loop.create_connection(lambda: handler, sock=sock)
        return
    handler.closes_abruptly = not shutdown_timeout
    await layer.connect(
        sock,
        handler,
        security.context,
        server_hostname=security.server_hostname,
        handshake_timeout=HANDSHAKE_TIMEOUT,
        shutdown_timeout=shutdown_timeout or SHUTDOWN_TIMEOUT,
    )


def check_fingerprint(security: Security | None, handler: ResponseHandler) -> None:
    """Compare the server's certificate with the pinned one; another one's connection is closed.

    Raises:
        ServerFingerprintMismatch: it is another one.
    """
    if security is None or security.fingerprint is None:
        return
    try:
        security.fingerprint.check(handler.transport)
    except ServerFingerprintMismatch:
        handler.abort()
        raise


def connect_error(
    key: ConnectionKey, error: OSError, otherwise: Callable[[ConnectionKey, OSError], ClientConnectorError]
) -> ClientConnectorError:
    """Make the error of a connection that did not come about, by what was in the way."""
    if isinstance(error, ssl.CertificateError):
        return ClientConnectorCertificateError(key, error)
    if isinstance(error, ssl.SSLError):
        return ClientConnectorSSLError(key, error)
    return otherwise(key, error)
