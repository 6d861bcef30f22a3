"""The stand-in for requests that were refused."""

from __future__ import annotations

from quinde.web.unparsed import UnparsedRequest
from tests.web.incoming import fake_server


async def test_what_the_access_log_asks() -> None:
    request = UnparsedRequest(("192.0.2.1", 1), fake_server())
    assert (request.method, request.path_qs, tuple(request.version)) == ("UNKNOWN", "/", (1, 0))
    assert request.remote == "192.0.2.1"
    assert dict(request.headers) == {}
    assert request.raw_headers == ()
    assert request.content_type == "application/octet-stream"
    assert not request.keep_alive
    assert not request.body_exists
    assert request.transport is None
