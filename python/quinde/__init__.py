"""quinde: an asynchronous HTTP toolkit for asyncio, client and server, with aiohttp's public names.

Each public name is imported when somebody first asks for it (PEP 562), by the one table below:
`import quinde` costs next to nothing, and a server never loads the client. No module of the package imports
this one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import hdrs, tracing as tracing, web as web
    from .client.call import (
        ClientHandlerType,
        ClientMiddlewareType,
    )
    from .client.connector import (
        BaseConnector,
        UnixConnector,
    )
    from .client.request import (
        ClientRequest,
        RequestInfo,
    )
    from .client.response import (
        ClientResponse,
    )
    from .client.session import (
        ClientSession,
        request,
    )
    from .client.tcp import (
        AddrInfoType,
        SocketFactoryType,
        TCPConnector,
    )
    from .client.timeouts import (
        ClientTimeout,
    )
    from .client.tracing import (
        TraceConfig,
        TraceConnectionCreateEndParams,
        TraceConnectionCreateStartParams,
        TraceConnectionQueuedEndParams,
        TraceConnectionQueuedStartParams,
        TraceConnectionReuseconnParams,
        TraceDnsCacheHitParams,
        TraceDnsCacheMissParams,
        TraceDnsResolveHostEndParams,
        TraceDnsResolveHostStartParams,
        TraceRequestChunkSentParams,
        TraceRequestEndParams,
        TraceRequestExceptionParams,
        TraceRequestHeadersSentParams,
        TraceRequestRedirectParams,
        TraceRequestStartParams,
        TraceResponseChunkReceivedParams,
        TraceSocketConnectEndParams,
        TraceSocketConnectStartParams,
        TraceTlsHandshakeEndParams,
        TraceTlsHandshakeStartParams,
    )
    from .errors import (
        ClientConnectionError,
        ClientConnectionResetError,
        ClientConnectorCertificateError,
        ClientConnectorDNSError,
        ClientConnectorError,
        ClientConnectorSSLError,
        ClientError,
        ClientHttpProxyError,
        ClientOSError,
        ClientPayloadError,
        ClientProxyConnectionError,
        ClientResponseError,
        ClientSSLError,
        ConnectionTimeoutError,
        ContentTypeError,
        InvalidURL,
        InvalidUrlClientError,
        InvalidUrlRedirectClientError,
        NonHttpUrlClientError,
        NonHttpUrlRedirectClientError,
        RedirectClientError,
        ServerConnectionError,
        ServerDisconnectedError,
        ServerFingerprintMismatch,
        ServerTimeoutError,
        SocketTimeoutError,
        TooManyRedirects,
        UploadAbortedError,
        WSMessageTypeError,
        WSServerHandshakeError,
    )
    from .http.etags import (
        ETag,
    )
    from .http.streams import (
        EMPTY_PAYLOAD,
        EofStream,
        StreamReader,
    )
    from .http.version import (
        HttpVersion,
        HttpVersion10,
        HttpVersion11,
        __version__ as __version__,
    )
    from .net.resolver import (
        DefaultResolver,
        ThreadedResolver,
    )
    from .net.tls import (
        Fingerprint,
    )
    from .web.keys import (
        ChainMapProxy,
    )

__all__ = (
    "EMPTY_PAYLOAD",
    "AddrInfoType",
    "BaseConnector",
    "ChainMapProxy",
    "ClientConnectionError",
    "ClientConnectionResetError",
    "ClientConnectorCertificateError",
    "ClientConnectorDNSError",
    "ClientConnectorError",
    "ClientConnectorSSLError",
    "ClientError",
    "ClientHandlerType",
    "ClientHttpProxyError",
    "ClientMiddlewareType",
    "ClientOSError",
    "ClientPayloadError",
    "ClientProxyConnectionError",
    "ClientRequest",
    "ClientResponse",
    "ClientResponseError",
    "ClientSSLError",
    "ClientSession",
    "ClientTimeout",
    "ConnectionTimeoutError",
    "ContentTypeError",
    "DefaultResolver",
    "ETag",
    "EofStream",
    "Fingerprint",
    "HttpVersion",
    "HttpVersion10",
    "HttpVersion11",
    "InvalidURL",
    "InvalidUrlClientError",
    "InvalidUrlRedirectClientError",
    "NonHttpUrlClientError",
    "NonHttpUrlRedirectClientError",
    "RedirectClientError",
    "RequestInfo",
    "ServerConnectionError",
    "ServerDisconnectedError",
    "ServerFingerprintMismatch",
    "ServerTimeoutError",
    "SocketFactoryType",
    "SocketTimeoutError",
    "StreamReader",
    "TCPConnector",
    "ThreadedResolver",
    "TooManyRedirects",
    "TraceConfig",
    "TraceConnectionCreateEndParams",
    "TraceConnectionCreateStartParams",
    "TraceConnectionQueuedEndParams",
    "TraceConnectionQueuedStartParams",
    "TraceConnectionReuseconnParams",
    "TraceDnsCacheHitParams",
    "TraceDnsCacheMissParams",
    "TraceDnsResolveHostEndParams",
    "TraceDnsResolveHostStartParams",
    "TraceRequestChunkSentParams",
    "TraceRequestEndParams",
    "TraceRequestExceptionParams",
    "TraceRequestHeadersSentParams",
    "TraceRequestRedirectParams",
    "TraceRequestStartParams",
    "TraceResponseChunkReceivedParams",
    "TraceSocketConnectEndParams",
    "TraceSocketConnectStartParams",
    "TraceTlsHandshakeEndParams",
    "TraceTlsHandshakeStartParams",
    "UnixConnector",
    "UploadAbortedError",
    "WSMessageTypeError",
    "WSServerHandshakeError",
    "__version__",
    "hdrs",
    "request",
)

_NAMES_OF = {
    "client.call": (
        "ClientHandlerType",
        "ClientMiddlewareType",
    ),
    "client.connector": (
        "BaseConnector",
        "UnixConnector",
    ),
    "client.request": (
        "ClientRequest",
        "RequestInfo",
    ),
    "client.response": ("ClientResponse",),
    "client.session": (
        "ClientSession",
        "request",
    ),
    "client.tcp": (
        "AddrInfoType",
        "SocketFactoryType",
        "TCPConnector",
    ),
    "client.timeouts": ("ClientTimeout",),
    "client.tracing": (
        "TraceConfig",
        "TraceConnectionCreateEndParams",
        "TraceConnectionCreateStartParams",
        "TraceConnectionQueuedEndParams",
        "TraceConnectionQueuedStartParams",
        "TraceConnectionReuseconnParams",
        "TraceDnsCacheHitParams",
        "TraceDnsCacheMissParams",
        "TraceDnsResolveHostEndParams",
        "TraceDnsResolveHostStartParams",
        "TraceRequestChunkSentParams",
        "TraceRequestEndParams",
        "TraceRequestExceptionParams",
        "TraceRequestHeadersSentParams",
        "TraceRequestRedirectParams",
        "TraceRequestStartParams",
        "TraceResponseChunkReceivedParams",
        "TraceSocketConnectEndParams",
        "TraceSocketConnectStartParams",
        "TraceTlsHandshakeEndParams",
        "TraceTlsHandshakeStartParams",
    ),
    "errors": (
        "ClientConnectionError",
        "ClientConnectionResetError",
        "ClientConnectorCertificateError",
        "ClientConnectorDNSError",
        "ClientConnectorError",
        "ClientConnectorSSLError",
        "ClientError",
        "ClientHttpProxyError",
        "ClientOSError",
        "ClientPayloadError",
        "ClientProxyConnectionError",
        "ClientResponseError",
        "ClientSSLError",
        "ConnectionTimeoutError",
        "ContentTypeError",
        "InvalidURL",
        "InvalidUrlClientError",
        "InvalidUrlRedirectClientError",
        "NonHttpUrlClientError",
        "NonHttpUrlRedirectClientError",
        "RedirectClientError",
        "ServerConnectionError",
        "ServerDisconnectedError",
        "ServerFingerprintMismatch",
        "ServerTimeoutError",
        "SocketTimeoutError",
        "TooManyRedirects",
        "UploadAbortedError",
        "WSMessageTypeError",
        "WSServerHandshakeError",
    ),
    "http.etags": ("ETag",),
    "http.streams": (
        "EMPTY_PAYLOAD",
        "EofStream",
        "StreamReader",
    ),
    "http.version": (
        "HttpVersion",
        "HttpVersion10",
        "HttpVersion11",
        "__version__",
    ),
    "net.resolver": (
        "DefaultResolver",
        "ThreadedResolver",
    ),
    "net.tls": ("Fingerprint",),
    "web.keys": ("ChainMapProxy",),
}
"""The one table: where each public name lives."""

_HOMES = {name: home for home, names in _NAMES_OF.items() for name in names}
_SUBMODULES = frozenset({"hdrs", "tracing", "web"})


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value  # the next look-up finds it without coming here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
