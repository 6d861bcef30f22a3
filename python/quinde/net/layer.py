"""TLS between a transport of the loop's and a protocol that wants to know what it has still to send.

`loop.create_server(ssl=…)` and its like put TLS there that hides the transport below: it takes whatever it
is given, shows as its write buffer only what it has not encrypted, and tells neither that the transport below
has something to send nor that it has failed. So the transport backend puts its own layer there: asyncio's,
but one that lets the protocol above see the transport below.

Knows asyncio's TLS and nothing of HTTP, pools or sites.
"""

from __future__ import annotations

import asyncio
import errno
from asyncio import sslproto
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    import socket
    import ssl

_LEFT: Final = "the peer closed the connection during the TLS handshake"

__all__ = ("Carried", "TlsLayer", "connect")


class Carried(asyncio.Protocol):
    """A protocol that can stand on the layer: it is told what carries it before it is connected.

    Its `pause_writing` and `resume_writing` tell of the carrier then, and no more of the layer.
    """

    carrier: asyncio.BaseTransport | None = None

    def carrier_lost(self, exc: BaseException | None) -> None:
        """Be told that there is no carrier any more.

        Before `connection_made` that is all there is, and the handshake has failed: if it took too long, by a
        ConnectionAbortedError.
        """


class TlsLayer(sslproto.SSLProtocol):
    """Secure one connection.

    Args:
        protocol: what stands on it.
        context: the certificates and rules.
        is_server: which end this is.
        server_hostname: for clients, who the server must be.
        waiter: done when the handshake is, or failed with it.
        handshake_timeout: seconds that the handshake may take.
        shutdown_timeout: seconds that the peer's close_notify is waited for.
    """

    # Of a buffer that each connection has for its life: asyncio's 256 KiB are most of what an idle one costs.
    max_size = 64 * 1024

    def __init__(
        self,
        protocol: Carried,
        context: ssl.SSLContext,
        *,
        is_server: bool,
        handshake_timeout: float,
        shutdown_timeout: float,
        server_hostname: str | None = None,
        waiter: asyncio.Future[None] | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        timeouts: dict[str, Any] = {  # which may be float, whatever typeshed says
            "ssl_handshake_timeout": handshake_timeout,
            "ssl_shutdown_timeout": shutdown_timeout,
        }
        super().__init__(loop, protocol, context, cast(Any, waiter), is_server, server_hostname, **timeouts)
        self._above: Carried | None = protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Name the carrier to the protocol, and begin the handshake."""
        if self._above is not None:
            self._above.carrier = transport
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Pass the end on."""
        if self._above is not None:
            self._above.carrier_lost(exc)
            self._above.carrier = None
            self._above = None
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on that the carrier has too much to send; what is encrypted goes there all the same."""
        if self._above is not None:
            self._above.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the carrier has room again."""
        if self._above is not None:
            self._above.resume_writing()


async def connect(
    sock: socket.socket,
    protocol: Carried,
    context: ssl.SSLContext,
    *,
    server_hostname: str,
    handshake_timeout: float,
    shutdown_timeout: float,
) -> None:
    """Secure a client's connected socket, and let `protocol` speak on it.

    Args:
        sock: connected; it belongs to the connection afterwards, also when this fails.
        protocol: as of `TlsLayer`, as the others.
        context: the certificates and rules.
        server_hostname: who the server must be.
        handshake_timeout: seconds that the handshake may take.
        shutdown_timeout: seconds that the peer's close_notify is waited for.

    Raises:
        OSError: the handshake failed (`ssl.SSLError`) or took too long, or the peer has gone.
    """
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()
    layer = TlsLayer(
        protocol,
        context,
        is_server=False,
        server_hostname=server_hostname,
        waiter=waiter,
        handshake_timeout=handshake_timeout,
        shutdown_timeout=shutdown_timeout,
    )
    carrier: asyncio.Transport | None = None
    try:
        carrier, _ = await loop.create_connection(lambda: layer, sock=sock)
        try:
            await waiter
        except ConnectionResetError as error:
            if not error.args:
                raise ConnectionResetError(errno.ECONNRESET, _LEFT) from None
            raise
        if carrier.is_closing():  # asyncio's TLS takes that for a success if there was no error
            raise ConnectionResetError(errno.ECONNRESET, _LEFT)
    except BaseException:
        waiter.cancel()
        if carrier is None:
            layer.connection_lost(None)  # nobody else will tell it
        else:
            carrier.abort()
        raise
