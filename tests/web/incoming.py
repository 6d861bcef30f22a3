"""A core's request without a core: what the server's Python half reads, and a record of what it sends."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict, CIMultiDictProxy

from quinde.web.limits import Limits
from quinde.web.request import Request

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from quinde._core import Body


DEFAULT_LIMITS = Limits(client_max_size=1024)


class FakeIncoming:
    """Stand for `_core.IncomingRequest`.

    Args:
        target: The request target.
        method: The method.
        headers: The fields.
        body: The body, or None.
        http_version: The version.
        limits: Those of its site.
    """

    def __init__(
        self,
        target: str = "/",
        *,
        method: str = "GET",
        headers: Iterable[tuple[str, str]] = (),
        body: Body | None = None,
        http_version: tuple[int, int] = (1, 1),
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.target = target
        self.method = method
        self.raw_path = target.partition("#")[0].partition("?")[0]
        self.headers = CIMultiDictProxy(CIMultiDict(headers))
        self.raw_headers = tuple(
            (name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in self.headers.items()
        )
        self.body = body
        self.http_version = http_version
        self.keep_alive = http_version == (1, 1)
        self.expect_continue = self.headers.get("Expect", "").lower() == "100-continue"
        self.expect = self.headers.get("Expect")
        self.peername: Any = ("192.0.2.1", 4711)
        self.sockname: Any = ("192.0.2.2", 80)
        self.connection = None
        self.secure = False
        self.disconnected = False
        self.task = None
        self.started = False
        self.ended = False
        self.elapsed = 0.0
        self.sent: list[Any] = []
        self.flowing = True
        self.drained: asyncio.Future[None] | None = None
        self.failure: Exception | None = None
        self.limits = limits

    @property
    def content_length(self) -> int | None:
        value = self.header("Content-Length")
        return None if value is None else int(value)

    @property
    def output_size(self) -> int:
        return sum(len(piece) for piece in self.sent if isinstance(piece, bytes))

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    def informational(self, status: int, items: Iterable[tuple[str, str]]) -> None:
        self.sent.append((status, list(items)))

    def start(
        self,
        status: int,
        reason: str | None,
        items: Iterable[tuple[str, str]],
        length: int | None,
        chunked: bool,
        close: bool,
    ) -> None:
        if self.failure is not None:
            raise self.failure
        self.started = True
        self.sent.append(SimpleNamespace(**{**locals(), "items": dict(items)}))

    def change_limits(self, limits: Any) -> None:
        self.sent.append(limits)

    def flush(self) -> None:
        """Do nothing: what is sent is noted when it is said."""

    def write(self, data: bytes) -> bool:
        self.sent.append(data)
        return self.flowing

    def write_eof(self, data: bytes = b"") -> None:
        self.sent.append(data)
        self.sent.append("eof")

    def drain(self) -> asyncio.Future[None] | None:
        return self.drained

    def respond(self, status: int, content_type: str | None, body: bytes) -> None:
        if self.failure is not None:
            raise self.failure
        self.started = True
        self.sent.append((status, content_type, body))
        self.done()

    def done(self) -> None:
        self.ended = True


def fake_server(**options: Any) -> Any:
    """What requests ask of their server."""
    defaults = {
        "app": None,
        "auto_decompress": True,
        "server_header": "quinde",
        "debug": False,
        "service": SimpleNamespace(count_large_body=lambda: None),
    }
    return SimpleNamespace(**{**defaults, **options})


def fake_request(target: str = "/", *, server: Any = None, **options: Any) -> Any:
    """A `Request` on a fake of the core; `request._incoming.sent` is what was sent."""
    incoming: Any = FakeIncoming(target, **options)
    return Request(incoming, server or fake_server())
