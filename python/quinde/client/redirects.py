"""What a redirect leads to: the next URL, method, body and header fields, or why it cannot be followed.

Pure decisions; sending the next request is somebody else's. Each rule stands beside what it comes from.
Credentials never leave the origin that they were given for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from yarl import URL

from quinde import hdrs
from quinde.errors import (
    ClientPayloadError,
    InvalidUrlRedirectClientError,
    NonHttpUrlRedirectClientError,
)

if TYPE_CHECKING:
    from multidict import CIMultiDict, CIMultiDictProxy

    from quinde.client.body import RequestBody

__all__ = ("CREDENTIALS", "REDIRECT_STATUSES", "Hop", "follow", "location_of")

REDIRECT_STATUSES: Final = frozenset({301, 302, 303, 307, 308})

CREDENTIALS: Final = (hdrs.AUTHORIZATION, hdrs.COOKIE, hdrs.PROXY_AUTHORIZATION)
"""Fields that are dropped, all of each, when a redirect leads to another origin."""

_FOLLOWED_SCHEMES: Final = frozenset({"http", "https", ""})

_STRIPPED: Final = "".join(map(chr, range(0x21)))  # white space and controls round a URL
_REMOVED: Final = dict.fromkeys(map(ord, "\t\n\r"))  # and these wherever they stand


class Hop(NamedTuple):
    """What to send next."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: RequestBody | None
    same_origin: bool


def location_of(headers: CIMultiDictProxy[str]) -> str | None:
    """Give where a redirect points to; None if it does not say (the response is then the user's)."""
    return headers.get(hdrs.LOCATION) or headers.get(hdrs.URI)


def follow(
    status: int,
    location: str,
    *,
    method: str,
    url: URL,
    headers: CIMultiDict[str],
    body: RequestBody | None,
    requote: bool,
) -> Hop:
    """Decide what follows a redirect.

    Args:
        status: of the redirect.
        location: what it points to.
        method: of the request that was redirected.
        url: of that request.
        headers: its fields as the caller gave them; they are not changed.
        body: its body.
        requote: whether the location's quoting is normalised.

    Raises:
        ClientPayloadError: the body would have to be sent again and is used up.
        InvalidUrlRedirectClientError: the location is no URL, or has no host.
        NonHttpUrlRedirectClientError: the location's scheme is not http or https.
    """
    headers = headers.copy()
    # RFC 9110 sections 15.4.2 to 15.4.4: 303 becomes GET, and so does POST after 301 and 302, as everybody
    # does.
    if (status == 303 and method != hdrs.METH_HEAD) or (status in {301, 302} and method == hdrs.METH_POST):
        method = hdrs.METH_GET
        body = None
        headers.popall(hdrs.CONTENT_LENGTH, None)
    elif body is not None and body.consumed:
        raise ClientPayloadError(
            "Cannot follow redirect with a consumed request body. "
            "Use bytes or a str, or set allow_redirects=False."
        )
    target = _target(location, url, requote=requote)
    same_origin = target.origin() == url.origin()
    if not same_origin:
        for name in CREDENTIALS:
            headers.popall(name, None)
    return Hop(method, target, headers, body, same_origin)


def _target(location: str, base: URL, *, requote: bool) -> URL:
    try:
        target = URL(location, encoded=not requote)
    except ValueError as error:
        raise InvalidUrlRedirectClientError(
            location, "Server attempted redirecting to a location that does not look like a URL"
        ) from error
    scheme = target.scheme
    if scheme not in _FOLLOWED_SCHEMES:
        raise NonHttpUrlRedirectClientError(location)
    # RFC 3986 section 5.2; "http:path", without an authority, is relative too, as browsers have it.
    if not scheme or (scheme == base.scheme and not _has_authority(location)):
        target = base.join(target)
    try:
        target.origin()
    except ValueError as error:
        raise InvalidUrlRedirectClientError(target, "Invalid redirect URL origin") from error
    return target


def _has_authority(location: str) -> bool:
    """Tell whether `//` follows the scheme, read as browsers do (WHATWG URL section 4.4)."""
    shown = location.strip(_STRIPPED).translate(_REMOVED)
    return shown.partition(":")[2].replace("\\", "/").startswith("//")
