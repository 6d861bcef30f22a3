"""What can go wrong on either end, as Python exceptions with aiohttp's names, bases and constructors.

Two families live here: the client's errors (`ClientError` and below) and the protocol's
(`HttpProcessingError` and below, raised for messages that break HTTP's rules). This is the bottom layer:
client, web and the compiled core all raise from it, so it imports nothing of the package and knows requests
and responses by their types' names only.
"""

from __future__ import annotations

import asyncio
import ssl
import warnings
from textwrap import indent
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from multidict import MultiMapping
    from yarl import URL

__all__ = (
    "BadHttpMessage",
    "BadHttpMethod",
    "BadStatusLine",
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
    "ContentEncodingError",
    "ContentLengthError",
    "ContentTypeError",
    "DecompressSizeError",
    "HttpBadRequest",
    "HttpProcessingError",
    "InvalidHeader",
    "InvalidURL",
    "InvalidURLError",
    "InvalidUrlClientError",
    "InvalidUrlRedirectClientError",
    "LineTooLong",
    "NonHttpUrlClientError",
    "NonHttpUrlRedirectClientError",
    "PayloadEncodingError",
    "RedirectClientError",
    "ServerConnectionError",
    "ServerDisconnectedError",
    "ServerFingerprintMismatch",
    "ServerTimeoutError",
    "SocketTimeoutError",
    "TooManyRedirects",
    "TransferEncodingError",
    "UnixClientConnectorError",
    "UploadAbortedError",
    "WSMessageTypeError",
    "WSServerHandshakeError",
    "cert_errors",
    "ssl_errors",
)

cert_errors = (ssl.CertificateError,)
ssl_errors = (ssl.SSLError,)


# --- a message that breaks the rules of HTTP
# ---------------------------------------------------------------------


class HttpProcessingError(Exception):
    """Report a message that cannot be processed.

    Args:
        code: the status a server would answer with; the class's own if not given.
        message: what was wrong, in words.
        headers: fields to send along with such an answer.
    """

    code: int = 0
    message: str = ""
    headers: Any = None

    def __init__(self, *, code: int | None = None, message: str = "", headers: Any = None) -> None:
        if code is not None:
            self.code = code
        self.message = message
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.code}, message:\n{indent(self.message, '  ')}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.code}, message={self.message!r}>"


class BadHttpMessage(HttpProcessingError):
    """Report a malformed message (status 400)."""

    code = 400
    message = "Bad Request"

    def __init__(self, message: str, *, headers: Any = None) -> None:
        super().__init__(message=message, headers=headers)
        self.args = (message,)


class HttpBadRequest(BadHttpMessage):
    """Report a request that makes no sense (status 400)."""


class PayloadEncodingError(BadHttpMessage):
    """Report a body that is not what its fields say."""


class ContentEncodingError(PayloadEncodingError):
    """Report a body that does not decode by its Content-Encoding."""


class TransferEncodingError(PayloadEncodingError):
    """Report broken chunked framing, or chunked framing that ended early."""


class ContentLengthError(PayloadEncodingError):
    """Report a body that ended before its Content-Length was reached."""


class DecompressSizeError(PayloadEncodingError):
    """Report a body that grew too large while it was decoded (aiohttp has deprecated it)."""


class LineTooLong(BadHttpMessage):
    """Report a line or field above the limit.

    Args:
        line: its beginning.
        limit: how many bytes were allowed.
        actual_size: how many there were, if known.
    """

    def __init__(self, line: str | bytes, limit: str | int = "Unknown", actual_size: str = "Unknown") -> None:
        super().__init__(f"Got more than {limit} bytes when reading: {line!r}.")
        self.args = (line, limit, actual_size)


class InvalidHeader(BadHttpMessage):
    """Report a header field that breaks the grammar. `hdr` is the field as text."""

    def __init__(self, hdr: bytes | str) -> None:
        super().__init__(f"Invalid HTTP header: {hdr!r}")
        self.hdr = hdr.decode(errors="backslashreplace") if isinstance(hdr, bytes) else hdr
        self.args = (hdr,)


class BadStatusLine(BadHttpMessage):
    """Report a first line that is neither a request's nor a response's. `line` is that line."""

    def __init__(self, line: str = "", error: str | None = None) -> None:
        text = line if isinstance(line, str) else repr(line)
        super().__init__(error or f"Bad status line {text!r}")
        self.args = (text,)
        self.line = text


class BadHttpMethod(BadStatusLine):
    """Report a request line whose method is no token; names TLS traffic on a plain port as what it is."""

    def __init__(self, line: str = "", error: str | None = None) -> None:
        # A TLS record opens with the handshake type 22 and major version 3 (RFC 8446, section 5.1).
        if error is None and line.startswith("\x16\x03"):
            error = "Received HTTPS traffic on an HTTP port"
        super().__init__(line, error or f"Bad HTTP method in status line {line!r}")


class InvalidURLError(BadHttpMessage):
    """Report a request target that is no URL."""


# --- the client: responses
# ------------------------------------------------------------------------------------------


class ClientError(Exception):
    """Base of everything that the client raises on its own account."""


class ClientResponseError(ClientError):
    """Report a response that came and cannot be used.

    Args:
        request_info: the request that it answers.
        history: the redirects that led to it, oldest first.
        code: old name of `status`; deprecated.
        status: HTTP status, 0 when there is none.
        message: the reason phrase, or what was wrong.
        headers: the response's header fields.

    Raises:
        ValueError: both `code` and `status` are given; drop `code`.
    """

    def __init__(
        self,
        request_info: Any,
        history: Sequence[Any],
        *,
        code: int | None = None,
        status: int | None = None,
        message: str = "",
        headers: MultiMapping[str] | None = None,
    ) -> None:
        if code is not None:
            if status is not None:
                raise ValueError("code is the deprecated name of status: give status alone, not both")
            _warn_of_code(stacklevel=3)
            status = code
        self.request_info = request_info
        self.history = history
        self.status = 0 if status is None else status
        self.message = message
        self.headers = headers
        self.args = (request_info, history)

    def __str__(self) -> str:
        return f"{self.status}, message={self.message!r}, url={str(self.request_info.real_url)!r}"

    def __repr__(self) -> str:
        parts = [repr(self.request_info), repr(self.history)]
        if self.status != 0:
            parts.append(f"status={self.status!r}")
        if self.message != "":
            parts.append(f"message={self.message!r}")
        if self.headers is not None:
            parts.append(f"headers={self.headers!r}")
        return f"{type(self).__name__}({', '.join(parts)})"

    @property
    def code(self) -> int:
        """The status, under its deprecated name."""
        _warn_of_code(stacklevel=3)
        return self.status

    @code.setter
    def code(self, value: int) -> None:
        _warn_of_code(stacklevel=3)
        self.status = value


def _warn_of_code(*, stacklevel: int) -> None:
    warnings.warn(
        "ClientResponseError: code is deprecated, use status", DeprecationWarning, stacklevel=stacklevel
    )


class ContentTypeError(ClientResponseError):
    """Report a Content-Type other than the one asked for. `json(content_type=None)` accepts any."""


class WSServerHandshakeError(ClientResponseError):
    """Report a server that did not take up the WebSocket."""


class ClientHttpProxyError(ClientResponseError):
    """Report a proxy that answered CONNECT with anything but 200."""


class TooManyRedirects(ClientResponseError):
    """Report a chain of redirects longer than `max_redirects`."""


# --- the client: connections
# ----------------------------------------------------------------------------------------


class ClientConnectionError(ClientError):
    """Base of the errors of a connection."""


class ClientConnectionResetError(ClientConnectionError, ConnectionResetError):
    """Report a connection that is closing or gone where something was to be written."""


class _ClosedWhileReadError(ClientConnectionError, RuntimeError):
    """Report a body that is read after its connector, or its connection, was closed by this end.

    aiohttp raises RuntimeError then, and lets who waits already wait on.
    """


class ClientOSError(ClientConnectionError, OSError):
    """Report an error of the operating system on a connection; `errno` and `strerror` say which."""


class ClientConnectorError(ClientOSError):
    """Report a connection that could not be opened.

    Args:
        connection_key: where to (has host, port, ssl).
        os_error: what the system said.
    """

    def __init__(self, connection_key: Any, os_error: OSError) -> None:
        self._conn_key = connection_key
        self._os_error = os_error
        super().__init__(os_error.errno, os_error.strerror)
        self.args = (connection_key, os_error)

    @property
    def os_error(self) -> OSError:
        """The error as the operating system gave it."""
        return self._os_error

    @property
    def host(self) -> str:
        """The host as the URL has it."""
        host: str = self._conn_key.host
        return host

    @property
    def port(self) -> int | None:
        """The port."""
        port: int | None = self._conn_key.port
        return port

    @property
    def ssl(self) -> Any:
        """The TLS setting of the request: True (default), False, a context or a fingerprint."""
        return self._conn_key.ssl

    def __str__(self) -> str:
        tls = "default" if self.ssl is True else self.ssl
        return f"Cannot connect to host {self.host}:{self.port} ssl:{tls} [{self.strerror}]"

    # OSError rebuilds itself from errno and strerror alone when unpickled and would lose the key.
    __reduce__ = BaseException.__reduce__


class ClientConnectorDNSError(ClientConnectorError):
    """Report a host name that did not resolve."""


class ClientProxyConnectionError(ClientConnectorError):
    """Report a proxy that could not be reached."""


class UnixClientConnectorError(ClientConnectorError):
    """Report a Unix socket that could not be reached.

    Args:
        path: its path.
        connection_key: what was asked for.
        os_error: what the system said.
    """

    def __init__(self, path: str, connection_key: Any, os_error: OSError) -> None:
        self._path = path
        super().__init__(connection_key, os_error)

    @property
    def path(self) -> str:
        """The path of the socket."""
        return self._path

    def __str__(self) -> str:
        tls = "default" if self.ssl is True else self.ssl
        return f"Cannot connect to unix socket {self.path} ssl:{tls} [{self.strerror}]"


class ClientSSLError(ClientConnectorError):
    """Base of the errors of a TLS handshake."""


class ClientConnectorSSLError(ClientSSLError, ssl.SSLError):
    """Report a TLS handshake that failed."""


class ClientConnectorCertificateError(ClientSSLError, ssl.CertificateError):
    """Report a certificate that was not accepted.

    Args:
        connection_key: where to.
        certificate_error: what the TLS library said.
    """

    def __init__(self, connection_key: Any, certificate_error: Exception) -> None:
        os_error = certificate_error if isinstance(certificate_error, OSError) else OSError()
        super().__init__(connection_key, os_error)
        self._certificate_error = certificate_error
        self.args = (connection_key, certificate_error)

    @property
    def certificate_error(self) -> Exception:
        """The error as the TLS library gave it."""
        return self._certificate_error

    @property
    def ssl(self) -> bool:
        """Whether the connection is a TLS one."""
        is_ssl: bool = self._conn_key.is_ssl
        return is_ssl

    def __str__(self) -> str:
        cause = self.certificate_error
        return (
            f"Cannot connect to host {self.host}:{self.port} ssl:{self.ssl} "
            f"[{type(cause).__name__}: {cause.args}]"
        )


class ServerConnectionError(ClientConnectionError):
    """Base of the errors for which the server's end of a connection is to blame."""


class ServerDisconnectedError(ServerConnectionError):
    """Report a server that closed the connection before it answered.

    Args:
        message: what had come of the answer, or words.
    """

    def __init__(self, message: Any = None) -> None:
        if message is None:
            message = "Server disconnected"
        self.message = message
        self.args = (message,)


class ServerTimeoutError(ServerConnectionError, asyncio.TimeoutError):
    """Base of the timeouts for which the server is to blame."""


class ConnectionTimeoutError(ServerTimeoutError):
    """Report a connection that took too long (`connect` or `sock_connect` of `ClientTimeout`)."""


class SocketTimeoutError(ServerTimeoutError):
    """Report a server that was silent for longer than `sock_read` of `ClientTimeout`."""


class ServerFingerprintMismatch(ServerConnectionError):
    """Report a certificate other than the pinned one.

    Args:
        expected: the pinned digest.
        got: the digest of what the server showed.
        host: the peer's address.
        port: the peer's port.
    """

    def __init__(self, expected: bytes, got: bytes, host: str, port: int) -> None:
        self.expected = expected
        self.got = got
        self.host = host
        self.port = port
        self.args = (expected, got, host, port)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} expected={self.expected!r} got={self.got!r} "
            f"host={self.host!r} port={self.port!r}>"
        )


class ClientPayloadError(ClientError):
    """Report a response body that ended early, does not decode, or is larger than allowed."""


class UploadAbortedError(ClientError):
    """Report a request body that was never sent in full."""


# --- the client: URLs
# -----------------------------------------------------------------------------------------------


class InvalidURL(ClientError, ValueError):
    """Report a URL that cannot be fetched.

    Args:
        url: the URL, as it was given.
        description: what is wrong with it.
    """

    def __init__(self, url: URL | str, description: str | None = None) -> None:
        self._url = url
        self._description = description
        if description:
            super().__init__(url, description)
        else:
            super().__init__(url)

    @property
    def url(self) -> URL | str:
        """The URL as it was given: a string when it could not be parsed."""
        return self._url

    @property
    def description(self) -> str | None:
        """What is wrong with it, if there is more to say than its class does."""
        return self._description

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

    def __str__(self) -> str:
        return f"{self._url} - {self._description}" if self._description else str(self._url)


class InvalidUrlClientError(InvalidURL):
    """Report a URL of the caller's that cannot be fetched."""


class RedirectClientError(ClientError):
    """Base of the errors of a redirect's target."""


class NonHttpUrlClientError(ClientError):
    """Report a URL whose scheme the connector does not serve."""


class InvalidUrlRedirectClientError(InvalidUrlClientError, RedirectClientError):
    """Report a redirect to something that is no URL."""


class NonHttpUrlRedirectClientError(NonHttpUrlClientError, RedirectClientError):
    """Report a redirect to a scheme other than http and https."""


class WSMessageTypeError(TypeError):
    """Report a WebSocket message of another type than the one asked for."""
