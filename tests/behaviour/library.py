"""The server library under test: quinde.

`QUINDE_TEST_LIBRARY=aiohttp` runs the same tests against aiohttp, to see whether what they expect is what it
does; tests marked by `quinde_only` are about what is ours alone.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from tests.support.servers import serve_aiohttp, serve_quinde

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from tests.support.servers import Served

LIBRARY = os.environ.get("QUINDE_TEST_LIBRARY", "quinde")

web: Any
if LIBRARY == "aiohttp":
    from aiohttp import web
else:
    from quinde import web

F = TypeVar("F")


def middleware(function: F) -> F:
    """Mark a middleware: the library's decorator, with a type."""
    marked: F = web.middleware(function)
    return marked


quinde_only = pytest.mark.skipif(LIBRARY != "quinde", reason="aiohttp does otherwise, and ours is meant")


def serve(app: Any, **options: Any) -> AbstractAsyncContextManager[Served]:
    """Serve an application; `options` are for its `AppRunner`."""
    return serve_aiohttp(app, **options) if LIBRARY == "aiohttp" else serve_quinde(app, **options)


def application(handler: Any, *, method: str = "*", path: str = "/{tail:.*}", **options: Any) -> Any:
    """Make an application of one handler, which takes everything unless told otherwise."""
    app = web.Application(**options)
    app.router.add_route(method, path, handler)
    return app


def request(
    method: str = "GET", target: str = "/", *fields: str, body: bytes = b"", version: str = "1.1"
) -> bytes:
    """Write a request: Host is there unless the version is 1.0, Content-Length if there is a body."""
    lines = [f"{method} {target} HTTP/{version}"]
    if version != "1.0":
        lines.append("Host: quinde.test")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, *fields, "", ""]).encode("latin-1") + body
