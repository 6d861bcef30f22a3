"""The verbs of a session, `get` to `delete`: each gives a request that is about to be made.

They only name the method and the defaults that go with it; everything goes through the one `_request`, which
third-party code overrides and wraps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quinde.client.pending import PendingRequest

if TYPE_CHECKING:
    from typing import Unpack

    from quinde.client.options import RequestOptions
    from quinde.client.response import ClientResponse
    from quinde.typedefs import StrOrURL

__all__ = ("Verbs",)


class Verbs:
    """Offer the methods of HTTP as methods. The class beneath makes the requests."""

    async def _request(
        self, method: str, str_or_url: StrOrURL, *, allow_redirects: bool = True, **options: Any
    ) -> ClientResponse:
        """Make a request and give its final response."""
        raise NotImplementedError

    def request(
        self, method: str, url: StrOrURL, **kwargs: Unpack[RequestOptions]
    ) -> PendingRequest[ClientResponse]:
        """Make a request; await it, or enter it by `async with`, for a response whose head has come.

        Args:
            method: a token; becomes upper case.
            url: absolute, or relative to `base_url`.
            kwargs: see `RequestOptions`.

        Raises:
            ClientError: the request failed; see the classes below it.
            InvalidURL: the URL cannot be fetched.
            TimeoutError: the time is over.
            ValueError: something cannot be sent as it is.
            RuntimeError: the session is closed.
        """
        return PendingRequest(self._request(method, url, **kwargs))

    def get(
        self, url: StrOrURL, *, allow_redirects: bool = True, **kwargs: Any
    ) -> PendingRequest[ClientResponse]:
        """Make a GET request, see `request`."""
        return PendingRequest(self._request("GET", url, allow_redirects=allow_redirects, **kwargs))

    def options(
        self, url: StrOrURL, *, allow_redirects: bool = True, **kwargs: Any
    ) -> PendingRequest[ClientResponse]:
        """Make an OPTIONS request, see `request`."""
        return PendingRequest(self._request("OPTIONS", url, allow_redirects=allow_redirects, **kwargs))

    def head(
        self, url: StrOrURL, *, allow_redirects: bool = False, **kwargs: Any
    ) -> PendingRequest[ClientResponse]:
        """Make a HEAD request, see `request`; redirects are not followed unless asked for."""
        return PendingRequest(self._request("HEAD", url, allow_redirects=allow_redirects, **kwargs))

    def post(self, url: StrOrURL, *, data: Any = None, **kwargs: Any) -> PendingRequest[ClientResponse]:
        """Make a POST request, see `request`."""
        return PendingRequest(self._request("POST", url, data=data, **kwargs))

    def put(self, url: StrOrURL, *, data: Any = None, **kwargs: Any) -> PendingRequest[ClientResponse]:
        """Make a PUT request, see `request`."""
        return PendingRequest(self._request("PUT", url, data=data, **kwargs))

    def patch(self, url: StrOrURL, *, data: Any = None, **kwargs: Any) -> PendingRequest[ClientResponse]:
        """Make a PATCH request, see `request`."""
        return PendingRequest(self._request("PATCH", url, data=data, **kwargs))

    def delete(self, url: StrOrURL, **kwargs: Any) -> PendingRequest[ClientResponse]:
        """Make a DELETE request, see `request`."""
        return PendingRequest(self._request("DELETE", url, **kwargs))
