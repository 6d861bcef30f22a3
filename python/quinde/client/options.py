"""What may be asked for in a call, and what may not be yet.

Arguments of aiohttp's that this version has no use for are refused by name as soon as they ask for anything:
a request that silently lacks its proxy or its cookies would be worse than none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypedDict

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import Iterable, Mapping, Sequence

    from quinde.client.call import ClientMiddlewareType, RaiseForStatus
    from quinde.client.timeouts import ClientTimeout
    from quinde.net.tls import SSLChoice
    from quinde.typedefs import LooseHeaders, Query

__all__ = (
    "DEFAULT_MAX_DECOMPRESSED_SIZE",
    "RequestOptions",
    "refuse",
    "refuse_call",
    "refuse_hooks",
    "refuse_session",
)

DEFAULT_MAX_DECOMPRESSED_SIZE: Final = 256 * 1024 * 1024
"""Bytes that `read()` decodes a body to at most, unless told otherwise."""


class RequestOptions(TypedDict, total=False):
    """Keywords of a call; those that are not given are the session's.

    Args:
        params: added to the URL's query: mapping, pairs or text.
        data: the body: bytes, str or an async iterable of bytes.
        json: an object that becomes the body; not together with `data`.
        headers: added to the session's fields, or in their place.
        skip_auto_headers: automatic fields to leave out, besides the session's.
        allow_redirects: follow redirects.
        max_redirects: that many at most.
        chunked: send the body in chunks even if its length is known.
        expect100: wait for 100 Continue before the body is sent.
        raise_for_status: raise for a status of 400 or above, or a coroutine function that decides.
        timeout: `ClientTimeout`, or a number of seconds for the whole call; None for no limit.
        read_bufsize: low-water mark of the body's buffer in bytes.
        auto_decompress: decode the body by its Content-Encoding.
        max_decompressed_size: bytes that `read()`, `text()` and `json()` decode to at most; None for no
            limit.
        max_line_size: bytes of the status line at most.
        max_field_size: bytes of a header field at most.
        max_headers: header fields at most.
        middlewares: in place of the session's.
        trace_request_ctx: handed to the session's `trace_configs`, for this call.
        ssl: how the server is verified: True as the connector says (by default with the system's store),
            False not at all, an `ssl.SSLContext`, or a `Fingerprint`.
        server_hostname: whom the certificate must be for, and SNI's name, in place of the URL's host.
        verify_ssl: deprecated, use `ssl=False`.
        ssl_context: deprecated, use `ssl`.
        fingerprint: deprecated, use `ssl=Fingerprint(…)`.
    """

    params: Query
    data: Any
    json: Any
    headers: LooseHeaders | None
    skip_auto_headers: Iterable[str] | None
    allow_redirects: bool
    max_redirects: int
    chunked: bool | None
    expect100: bool
    raise_for_status: RaiseForStatus
    timeout: ClientTimeout | float | None
    read_bufsize: int | None
    auto_decompress: bool | None
    max_decompressed_size: int | None
    max_line_size: int | None
    max_field_size: int | None
    max_headers: int | None
    middlewares: Sequence[ClientMiddlewareType] | None
    trace_request_ctx: object
    ssl: SSLChoice
    server_hostname: str | None
    verify_ssl: bool | None
    ssl_context: ssl_module.SSLContext | None
    fingerprint: bytes | None


_COMING: Final = {
    "auth": "pass headers={'Authorization': …} instead",
    "compress": "compress the data yourself and name it in Content-Encoding",
    "cookie_jar": "there are no cookies yet",
    "cookies": "pass headers={'Cookie': …} instead",
    "proxy": "there are no proxies yet",
    "proxy_auth": "there are no proxies yet",
    "proxy_headers": "there are no proxies yet",
    "read_until_eof": "a body without a length is read to the end of the connection",
    "ssl": "give ssl to the connector, or to each call",
    "trust_env": "the environment's proxies and netrc are not read yet",
    "upload_tracker": "there is no upload tracking yet",
    "ws_response_class": "there are no WebSockets yet",
}

# Values that ask for nothing: aiohttp's defaults.
_HARMLESS: Final[Mapping[str, tuple[Any, ...]]] = {
    "read_until_eof": (True,),
    "ssl": (True,),
    "trust_env": (False,),
    "cookies": ({}, (), []),
    "compress": (False,),
}

_OF_SESSION: Final = frozenset(
    [
        "auth",
        "cookie_jar",
        "cookies",
        "proxy",
        "proxy_auth",
        "ssl",
        "trust_env",
        "ws_response_class",
    ]
)
_OF_CALL: Final = frozenset(
    [
        "auth",
        "compress",
        "cookies",
        "proxy",
        "proxy_auth",
        "proxy_headers",
        "read_until_eof",
        "upload_tracker",
    ]
)


# Methods of aiohttp's requests by which they make and send themselves; here the core does.
_HOOKS: Final = frozenset(
    [
        "send",
        "terminate",
        "update_auth",
        "update_auto_headers",
        "update_body_from_data",
        "update_content_encoding",
        "update_cookies",
        "update_expect_continue",
        "update_headers",
        "update_host",
        "update_proxy",
        "update_transfer_encoding",
        "update_version",
        "write_bytes",
    ]
)


def refuse_hooks(request_class: type) -> None:
    """Refuse a class of requests that wants to be asked what nobody will ask it.

    Raises:
        NotImplementedError: it has a method of aiohttp's `ClientRequest` that is never called here.
    """
    hooks = sorted(name for name in _HOOKS if hasattr(request_class, name))
    if hooks:
        raise NotImplementedError(
            f"request_class: {request_class.__name__}.{hooks[0]} would never be called, use middlewares="
        )


def refuse(name: str, value: Any) -> None:
    """Refuse an argument of aiohttp's that has no meaning yet, unless its value asks for nothing.

    Raises:
        NotImplementedError: it asks for something; the message says what to do instead.
    """
    if value is None or any(value is harmless or value == harmless for harmless in _HARMLESS.get(name, ())):
        return
    raise NotImplementedError(f"{name} is not part of this version: {_COMING[name]}")


def refuse_session(extra: Mapping[str, Any]) -> None:
    """Refuse what a session was given beyond its own arguments.

    Raises:
        NotImplementedError: an argument of aiohttp's that has no meaning yet.
        TypeError: an argument that aiohttp does not know either.
    """
    _refuse_all("ClientSession()", extra, _OF_SESSION)


def refuse_call(extra: Mapping[str, Any]) -> None:
    """Refuse what a call was given beyond `RequestOptions`; raises as `refuse_session` does."""
    _refuse_all("ClientSession._request()", extra, _OF_CALL)


def _refuse_all(function: str, extra: Mapping[str, Any], known: frozenset[str]) -> None:
    for name, value in extra.items():
        if name not in known:
            raise TypeError(f"{function} got an unexpected keyword argument {name!r}")
        refuse(name, value)
