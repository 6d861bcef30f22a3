"""HTTP answers that are raised: one exception class a status, each also a `Response`.

The plain ones carry a status and nothing else; those that need more (a location, the allowed methods, sizes,
a link) have constructors. Every class is written as a statement of its own, so that type checkers and readers
find it.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from yarl import URL

from quinde.web.response import Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quinde.typedefs import LooseHeaders

__all__ = (
    "HTTPAccepted",
    "HTTPBadGateway",
    "HTTPBadRequest",
    "HTTPClientError",
    "HTTPConflict",
    "HTTPCreated",
    "HTTPError",
    "HTTPException",
    "HTTPExpectationFailed",
    "HTTPFailedDependency",
    "HTTPForbidden",
    "HTTPFound",
    "HTTPGatewayTimeout",
    "HTTPGone",
    "HTTPInsufficientStorage",
    "HTTPInternalServerError",
    "HTTPLengthRequired",
    "HTTPMethodNotAllowed",
    "HTTPMisdirectedRequest",
    "HTTPMove",
    "HTTPMovedPermanently",
    "HTTPMultipleChoices",
    "HTTPNetworkAuthenticationRequired",
    "HTTPNoContent",
    "HTTPNonAuthoritativeInformation",
    "HTTPNotAcceptable",
    "HTTPNotExtended",
    "HTTPNotFound",
    "HTTPNotImplemented",
    "HTTPNotModified",
    "HTTPOk",
    "HTTPPartialContent",
    "HTTPPaymentRequired",
    "HTTPPermanentRedirect",
    "HTTPPreconditionFailed",
    "HTTPPreconditionRequired",
    "HTTPProxyAuthenticationRequired",
    "HTTPRedirection",
    "HTTPRequestEntityTooLarge",
    "HTTPRequestHeaderFieldsTooLarge",
    "HTTPRequestRangeNotSatisfiable",
    "HTTPRequestTimeout",
    "HTTPRequestURITooLong",
    "HTTPResetContent",
    "HTTPSeeOther",
    "HTTPServerError",
    "HTTPServiceUnavailable",
    "HTTPSuccessful",
    "HTTPTemporaryRedirect",
    "HTTPTooManyRequests",
    "HTTPUnauthorized",
    "HTTPUnavailableForLegalReasons",
    "HTTPUnprocessableEntity",
    "HTTPUnsupportedMediaType",
    "HTTPUpgradeRequired",
    "HTTPUseProxy",
    "HTTPVariantAlsoNegotiates",
    "HTTPVersionNotSupported",
)


class HTTPException(Response, Exception):
    """Base of the answers that a handler raises.

    Args:
        headers: Header fields, as a mapping or pairs.
        reason: The reason phrase; None is the standard one.
        body: The body as bytes; deprecated, use `text`.
        text: The body; None is ``"<status>: <reason>"``, unless the status has no body.
        content_type: The media type of `text`.

    Raises:
        ValueError: The reason holds control characters.
    """

    status_code = -1
    empty_body = False

    # A handler that *returns* such an exception is told to raise it.
    __http_exception__ = True

    def __init__(
        self,
        *,
        headers: LooseHeaders | None = None,
        reason: str | None = None,
        body: Any = None,
        text: str | None = None,
        content_type: str | None = None,
    ) -> None:
        if body is not None:
            warnings.warn("body argument is deprecated for HTTP exceptions", DeprecationWarning, stacklevel=2)
        Response.__init__(
            self,
            status=self.status_code,
            headers=headers,
            reason=reason,
            body=body,
            text=text,
            content_type=content_type,
        )
        Exception.__init__(self, self.reason)
        if self.body is None and not self.empty_body:
            self.text = f"{self.status}: {self.reason}"

    def __bool__(self) -> bool:
        return True


class HTTPError(HTTPException):
    """Base of the answers in the 400s and 500s."""


class HTTPRedirection(HTTPException):
    """Base of the answers in the 300s."""


class HTTPSuccessful(HTTPException):
    """Base of the answers in the 200s."""


# --- 2xx ----------------------------------------------------------------------------------------------------


class HTTPOk(HTTPSuccessful):
    """200: the request succeeded."""

    status_code = 200


class HTTPCreated(HTTPSuccessful):
    """201: something new exists."""

    status_code = 201


class HTTPAccepted(HTTPSuccessful):
    """202: taken, but not done yet."""

    status_code = 202


class HTTPNonAuthoritativeInformation(HTTPSuccessful):
    """203: a transforming proxy changed the answer."""

    status_code = 203


class HTTPNoContent(HTTPSuccessful):
    """204: done, and there is nothing to say."""

    status_code = 204
    empty_body = True


class HTTPResetContent(HTTPSuccessful):
    """205: done, and the client should clear its form."""

    status_code = 205
    empty_body = True


class HTTPPartialContent(HTTPSuccessful):
    """206: the range that was asked for."""

    status_code = 206


# --- 3xx ----------------------------------------------------------------------------------------------------


class HTTPMove(HTTPRedirection):
    """Base of the answers that name another place.

    Args:
        location: Where to, put into `Location` percent-encoded as needed.
        headers: As of `HTTPException`; so are the others.

    Raises:
        ValueError: `location` is empty.
    """

    def __init__(
        self,
        location: str | URL,
        *,
        headers: LooseHeaders | None = None,
        reason: str | None = None,
        body: Any = None,
        text: str | None = None,
        content_type: str | None = None,
    ) -> None:
        if not location:
            raise ValueError("HTTP redirects need a location to redirect to.")
        super().__init__(headers=headers, reason=reason, body=body, text=text, content_type=content_type)
        self.headers["Location"] = str(URL(location))
        self.location = location


class HTTPMultipleChoices(HTTPMove):
    """300: there are several representations."""

    status_code = 300


class HTTPMovedPermanently(HTTPMove):
    """301: moved for good; clients may turn POST into GET."""

    status_code = 301


class HTTPFound(HTTPMove):
    """302: moved for now; clients may turn POST into GET."""

    status_code = 302


class HTTPSeeOther(HTTPMove):
    """303: the result is over there, to be fetched with GET."""

    status_code = 303


class HTTPNotModified(HTTPRedirection):
    """304: what the client has is still good."""

    status_code = 304
    empty_body = True


class HTTPUseProxy(HTTPMove):
    """305: deprecated by RFC 9110 section 15.4.6."""

    status_code = 305


class HTTPTemporaryRedirect(HTTPMove):
    """307: moved for now; the method stays."""

    status_code = 307


class HTTPPermanentRedirect(HTTPMove):
    """308: moved for good; the method stays."""

    status_code = 308


# --- 4xx ----------------------------------------------------------------------------------------------------


class HTTPClientError(HTTPError):
    """Base of the answers in the 400s."""


class HTTPBadRequest(HTTPClientError):
    """400: the request makes no sense."""

    status_code = 400


class HTTPUnauthorized(HTTPClientError):
    """401: who are you?"""

    status_code = 401


class HTTPPaymentRequired(HTTPClientError):
    """402: reserved."""

    status_code = 402


class HTTPForbidden(HTTPClientError):
    """403: not for you."""

    status_code = 403


class HTTPNotFound(HTTPClientError):
    """404: nothing here."""

    status_code = 404


class HTTPMethodNotAllowed(HTTPClientError):
    """405: not with this method.

    Args:
        method: The method that was tried.
        allowed_methods: The methods that would work, for `Allow`.
        headers: As of `HTTPException`; so are the others.
    """

    status_code = 405

    def __init__(
        self,
        method: str,
        allowed_methods: Iterable[str],
        *,
        headers: LooseHeaders | None = None,
        reason: str | None = None,
        body: Any = None,
        text: str | None = None,
        content_type: str | None = None,
    ) -> None:
        super().__init__(headers=headers, reason=reason, body=body, text=text, content_type=content_type)
        self.allowed_methods: set[str] = set(allowed_methods)
        self.headers["Allow"] = ",".join(sorted(self.allowed_methods))
        self.method = method.upper()


class HTTPNotAcceptable(HTTPClientError):
    """406: nothing that the client accepts."""

    status_code = 406


class HTTPProxyAuthenticationRequired(HTTPClientError):
    """407: who are you, asks the proxy."""

    status_code = 407


class HTTPRequestTimeout(HTTPClientError):
    """408: the request took too long to come."""

    status_code = 408


class HTTPConflict(HTTPClientError):
    """409: the present state does not allow it."""

    status_code = 409


class HTTPGone(HTTPClientError):
    """410: nothing here any more, for good."""

    status_code = 410


class HTTPLengthRequired(HTTPClientError):
    """411: a Content-Length is missing."""

    status_code = 411


class HTTPPreconditionFailed(HTTPClientError):
    """412: a condition in the headers does not hold."""

    status_code = 412


class HTTPRequestEntityTooLarge(HTTPClientError):
    """413: the body is too large.

    Args:
        max_size: How many bytes are allowed.
        actual_size: How many there were, as far as known.
        kwargs: As of `HTTPException`.
    """

    status_code = 413

    def __init__(self, max_size: float, actual_size: float = 0, **kwargs: Any) -> None:
        kwargs.setdefault("text", f"Maximum request body size {max_size} exceeded.")
        super().__init__(**kwargs)
        self.max_size = max_size
        self.actual_size = actual_size


class HTTPRequestURITooLong(HTTPClientError):
    """414: the URL is too long."""

    status_code = 414


class HTTPUnsupportedMediaType(HTTPClientError):
    """415: a body of this type is not taken."""

    status_code = 415


class HTTPRequestRangeNotSatisfiable(HTTPClientError):
    """416: nothing lies in the range that was asked for."""

    status_code = 416


class HTTPExpectationFailed(HTTPClientError):
    """417: what `Expect` asks for cannot be done."""

    status_code = 417


class HTTPMisdirectedRequest(HTTPClientError):
    """421: this server does not answer for that host."""

    status_code = 421


class HTTPUnprocessableEntity(HTTPClientError):
    """422: well formed, yet wrong."""

    status_code = 422


class HTTPFailedDependency(HTTPClientError):
    """424: another action that this one needs has failed."""

    status_code = 424


class HTTPUpgradeRequired(HTTPClientError):
    """426: only by another protocol."""

    status_code = 426


class HTTPPreconditionRequired(HTTPClientError):
    """428: only as a conditional request."""

    status_code = 428


class HTTPTooManyRequests(HTTPClientError):
    """429: slow down."""

    status_code = 429


class HTTPRequestHeaderFieldsTooLarge(HTTPClientError):
    """431: the header is too large."""

    status_code = 431


class HTTPUnavailableForLegalReasons(HTTPClientError):
    """451: somebody's law forbids it.

    Args:
        link: Who demands it, for `Link`; None leaves that field out.
        headers: As of `HTTPException`; so are the others.
    """

    status_code = 451

    def __init__(
        self,
        link: str | URL | None,
        *,
        headers: LooseHeaders | None = None,
        reason: str | None = None,
        body: Any = None,
        text: str | None = None,
        content_type: str | None = None,
    ) -> None:
        super().__init__(headers=headers, reason=reason, body=body, text=text, content_type=content_type)
        self._link = URL(link) if link else None
        if self._link is not None:
            self.headers["Link"] = f'<{self._link}>; rel="blocked-by"'

    @property
    def link(self) -> URL | None:
        """Who demands it."""
        return self._link


# --- 5xx ----------------------------------------------------------------------------------------------------


class HTTPServerError(HTTPError):
    """Base of the answers in the 500s."""


class HTTPInternalServerError(HTTPServerError):
    """500: the server has failed."""

    status_code = 500


class HTTPNotImplemented(HTTPServerError):
    """501: this server cannot do that."""

    status_code = 501


class HTTPBadGateway(HTTPServerError):
    """502: the server behind gave nonsense."""

    status_code = 502


class HTTPServiceUnavailable(HTTPServerError):
    """503: not now."""

    status_code = 503


class HTTPGatewayTimeout(HTTPServerError):
    """504: the server behind was too slow."""

    status_code = 504


class HTTPVersionNotSupported(HTTPServerError):
    """505: not with this version of HTTP."""

    status_code = 505


class HTTPVariantAlsoNegotiates(HTTPServerError):
    """506: content negotiation runs in a circle."""

    status_code = 506


class HTTPInsufficientStorage(HTTPServerError):
    """507: no room."""

    status_code = 507


class HTTPNotExtended(HTTPServerError):
    """510: the request lacks an extension."""

    status_code = 510


class HTTPNetworkAuthenticationRequired(HTTPServerError):
    """511: who are you, asks the network."""

    status_code = 511
