"""`BaseRequest` and `Request`: what a handler sees of a received message.

A view of the core's `IncomingRequest`: making one costs two attributes, everything else is read or built when
somebody asks. May know the server that made it and, of routing, the match. Must not know sockets or
protocols.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from multidict import CIMultiDict
from propcache.api import cached_property

from quinde._core import BodyTooLarge
from quinde.errors import HttpProcessingError
from quinde.http.compression import DecodedBody, coding_to_decode
from quinde.http.streams import EMPTY_PAYLOAD, StreamReader
from quinde.http.version import HttpVersion11
from quinde.web.clone import AS_IT_IS, clone
from quinde.web.exceptions import HTTPRequestEntityTooLarge
from quinde.web.head import RequestHead
from quinde.web.keys import ChainMapProxy, NotAppKeyWarning, RequestKey, StateMapping
from quinde.web.limits import PER_REQUEST, Limits, core_limits
from quinde.web.routing.matchinfo import found_match_info

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from quinde._core import IncomingRequest
    from quinde.typedefs import JSONDecoder, LooseHeaders, StrOrURL
    from quinde.web.application import Application
    from quinde.web.protocol import RequestHandler
    from quinde.web.routing import AbstractRoute, UrlMappingMatchInfo
    from quinde.web.routing.matchinfo import Values
    from quinde.web.server import Server
    from quinde.web.stream import StreamResponse

__all__ = ("BaseRequest", "PayloadAccessError", "Request", "RequestPayloadError")

T = TypeVar("T")


class RequestPayloadError(Exception):
    """Report a request body that cannot be read: broken framing or a broken content coding."""


class PayloadAccessError(Exception):
    """Report a request body that is read after its request has been answered."""


class BaseRequest(RequestHead, StateMapping[str | RequestKey[Any], Any]):
    """A received request, as a `web.Server` handler gets it.

    Values may be stored on it by key, for middlewares, signals and handlers.

    Args:
        incoming: The core's request.
        server: The server that received it.
    """

    _content: StreamReader | None = None
    _limits: Limits | None = None
    _read_bytes: bytes | None = None
    _state: dict[str | RequestKey[Any], Any] | None = None
    _seen_str_keys: ClassVar[set[str]] = set()

    def __init__(self, incoming: IncomingRequest, server: Server) -> None:
        self._incoming = incoming
        self._server = server

    # --- who asks, and by which connection ------------------------------------------------------------------

    @property
    def client_max_size(self) -> int:
        """Bytes of body that `read()` takes at most; 0 is no limit."""
        return self.limits.client_max_size

    @property
    def limits(self) -> Limits:
        """What this request may cost: the limits of its site, and what `change_limits` made of them."""
        limits: Limits = self._limits or self._incoming.limits
        return limits

    def change_limits(self, **changes: float) -> None:
        """Change limits for the rest of this request.

            request.change_limits(client_max_size=50 * 2**20, body_timeout=300)

        Args:
            changes: `client_max_size`, `body_timeout`, `min_body_rate`, `write_timeout`, as of `web.Limits`.

        Raises:
            TypeError: There is no limit of that name.
            ValueError: A value is no number or out of range; or it is too late for this limit when a handler
                starts, and only a site or the server can set it.
            RuntimeError: The body has been read: `client_max_size` has done its work.
        """
        wanted = Limits(**changes)  # type: ignore[arg-type]  # checked there
        late = sorted(set(changes) - PER_REQUEST)
        if late:
            raise ValueError(
                f"{', '.join(late)} cannot be changed any more when a handler runs, only for a site or the "
                f"server; a request can change {', '.join(sorted(PER_REQUEST))}"
            )
        if "client_max_size" in changes and self._read_bytes is not None:
            raise RuntimeError("client_max_size cannot be changed any more: the body has been read")
        self._limits = wanted.over(self.limits)
        self._incoming.change_limits(core_limits(self._limits))

    @property
    def _server_header(self) -> str:
        return self._server.server_header

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The task that runs the handler."""
        # The core learns of a task after its first step, which is where most handlers end.
        return self._incoming.task or asyncio.current_task()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop; deprecated, as `asyncio.get_running_loop()` gives it."""
        warnings.warn("request.loop property is deprecated", DeprecationWarning, stacklevel=2)
        return self._server.loop

    @property
    def protocol(self) -> RequestHandler:
        """The protocol object of the connection, the same for each of its requests."""
        return self._server.protocol_of(self._incoming.connection)

    @property
    def transport(self) -> asyncio.Transport | None:
        """The connection's transport, or None after a disconnect."""
        if self._incoming.disconnected:
            return None
        return self.protocol.transport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Ask the transport, as `asyncio.BaseTransport.get_extra_info`; the default after a disconnect."""
        transport = self.transport
        return default if transport is None else transport.get_extra_info(name, default)

    @cached_property
    def remote(self) -> str | None:
        """The peer's IP address (of the proxy, if there is one); the path for a Unix socket."""
        peername = self._incoming.peername
        if peername is None:
            return None
        return str(peername[0]) if isinstance(peername, (list, tuple)) else str(peername)

    def clone(
        self,
        *,
        method: str = AS_IT_IS,
        rel_url: StrOrURL = AS_IT_IS,
        headers: LooseHeaders = AS_IT_IS,
        scheme: str = AS_IT_IS,
        host: str = AS_IT_IS,
        remote: str = AS_IT_IS,
        client_max_size: int = AS_IT_IS,
    ) -> Self:
        """Make a request for the same exchange that says other things of itself.

        For middlewares behind a proxy, for example: `request.clone(scheme="https", remote=address)`. Body and
        answer are those of the original; values stored by key are copied.

        Args:
            method: The method.
            rel_url: The target, relative or absolute.
            headers: All header fields.
            scheme: The scheme.
            host: The host, maybe with a port.
            remote: The peer's address.
            client_max_size: Bytes of body that `read()` takes.

        Raises:
            RuntimeError: The body has been read.
        """
        changes = {name: value for name, value in locals().items() if name != "self"}
        return clone(self, changes)

    # --- the body -------------------------------------------------------------------------------------------

    @property
    def content(self) -> StreamReader:
        """The body as a stream; an empty stream if there is none."""
        if self._content is None:
            self._content = self._open_content()
        return self._content

    def _open_content(self) -> StreamReader:
        body = self._incoming.body
        if body is None:
            return EMPTY_PAYLOAD
        limit = self.limits.read_bufsize
        coding = self._coding()
        if coding is None:
            return StreamReader(self.protocol, limit, loop=self._server.loop, body=body)
        decoded = DecodedBody(body, coding, RequestPayloadError)
        return StreamReader(self.protocol, limit, loop=self._server.loop, body=decoded)

    def _coding(self) -> str | None:
        """Name the content coding to undo, or None.

        Raises:
            RequestPayloadError: It is a known one that this version cannot undo.
        """
        if not self._server.auto_decompress:
            return None
        try:
            return coding_to_decode(self._incoming.header("Content-Encoding"))
        except HttpProcessingError as exc:
            raise RequestPayloadError(exc.message) from exc

    @property
    def body_exists(self) -> bool:
        """Whether the request came with a body, be it read by now or not."""
        return self._incoming.body is not None

    @property
    def can_read_body(self) -> bool:
        """Whether there is something of the body left to read, or still to come."""
        if self._content is not None:
            return not self._content.at_eof()
        body = self._incoming.body
        return body is not None and not (body.eof and not body.buffered)

    @property
    def has_body(self) -> bool:
        """Deprecated: `can_read_body` under its old name."""
        warnings.warn("has_body is deprecated, use can_read_body", DeprecationWarning, stacklevel=2)
        return self.can_read_body

    async def read(self) -> bytes:
        """Read the body to its end; a second call gives the same bytes.

        Raises:
            HTTPRequestEntityTooLarge: It is larger than `client_max_size`; let it through, it answers 413.
            RequestPayloadError: Its framing or its coding is broken.
            ConnectionResetError: The client has gone before it was complete.
        """
        data = self._read_bytes
        if data is None:
            body = self._incoming.body
            if body is None:
                data = b""
            elif self._content is not None or self._incoming.header("Content-Encoding") is not None:
                data = await self._read_content()
            else:
                limit = self.limits.client_max_size
                try:
                    collected = body.collect(limit)
                    data = collected if isinstance(collected, bytes) else await collected
                except BodyTooLarge:
                    raise self._too_large(limit, body.total) from None
                except HttpProcessingError as exc:
                    raise RequestPayloadError(exc.message) from exc
            self._read_bytes = data
        return data

    async def _read_content(self) -> bytes:
        """Read the rest of the stream piece by piece: a decoded body must not outgrow the limit."""
        limit = self.limits.client_max_size
        content = self.content
        body = bytearray()
        try:
            while piece := await content.readany():
                body += piece
                if limit and len(body) > limit:
                    raise self._too_large(limit, len(body))
        except HttpProcessingError as exc:
            raise RequestPayloadError(exc.message) from exc
        return bytes(body)

    def _too_large(self, limit: int, size: int) -> HTTPRequestEntityTooLarge:
        """Count a body that is larger than it may be, and make the answer."""
        self._server.service.count_large_body()
        return HTTPRequestEntityTooLarge(limit, size)

    async def text(self) -> str:
        """Read the body as text, in the charset of Content-Type or UTF-8.

        Raises:
            UnicodeDecodeError: It is not text of that charset.
            HTTPRequestEntityTooLarge: As of `read()`, and so are its others.
        """
        data = await self.read()
        return data.decode(self.charset or "utf-8")

    async def json(self, *, loads: JSONDecoder = json.loads) -> Any:
        """Read the body as JSON, whatever its Content-Type.

        Args:
            loads: Makes the value of the text.

        Raises:
            ValueError: It is no JSON (`json.JSONDecodeError`).
            HTTPRequestEntityTooLarge: As of `read()`, and so are its others.
        """
        return loads(await self.text())

    async def release(self) -> None:
        """Read the rest of the body and throw it away."""
        content = self.content
        while not content.at_eof():
            await content.readany()

    def _close_body(self) -> None:
        """Let nobody wait for a body that is thrown away, now that the request has been answered."""
        body = self._incoming.body
        if body is not None and not (body.eof and not body.buffered):
            body.set_exception(PayloadAccessError("The request has been answered: its body is gone"))

    # --- the answer -----------------------------------------------------------------------------------------

    async def send_informational(self, status: int, headers: LooseHeaders = ()) -> None:
        """Send an interim response before the final one, for example 103 with `Link` fields (RFC 8297).

        A client of HTTP/1.0 does not understand them (RFC 9110 section 15.2): nothing is sent to it.

        Args:
            status: 100 to 199, but not 101.
            headers: Header fields, as a mapping or pairs.

        Raises:
            ValueError: The status or a field cannot be sent; nothing was sent.
            RuntimeError: The final response has been started.
            ClientConnectionResetError: The peer has gone.
        """
        if not 100 <= status <= 199 or status == 101:
            raise ValueError(f"{status} is no status of an interim response (100 to 199, without 101)")
        if self.version < HttpVersion11:
            return
        self._incoming.informational(status, list(CIMultiDict(headers).items()))
        waiter = self._incoming.drain()
        if waiter is not None:
            await waiter

    async def _prepare_hook(self, response: StreamResponse) -> None:
        """Let others see and change a response before its head is sent."""

    # --- a mapping by identity ------------------------------------------------------------------------------

    def __repr__(self) -> str:
        path = self.path.encode("ascii", "backslashreplace").decode("ascii")
        return f"<{type(self).__name__} {self.method} {path} >"

    @overload
    def __getitem__(self, key: RequestKey[T]) -> T: ...
    @overload
    def __getitem__(self, key: str) -> Any: ...
    def __getitem__(self, key: str | RequestKey[T]) -> Any:
        if self._state is None:
            raise KeyError(key)
        return self._state[key]

    @overload
    def __setitem__(self, key: RequestKey[T], value: T) -> None: ...
    @overload
    def __setitem__(self, key: str, value: Any) -> None: ...
    def __setitem__(self, key: str | RequestKey[T], value: Any) -> None:
        if isinstance(key, str) and key not in BaseRequest._seen_str_keys:
            BaseRequest._seen_str_keys.add(key)
            warnings.warn(
                "It is recommended to use web.RequestKey instances for keys", NotAppKeyWarning, stacklevel=2
            )
        if self._state is None:
            self._state = {}
        self._state[key] = value

    def __delitem__(self, key: str | RequestKey[Any]) -> None:
        if self._state is None:
            raise KeyError(key)
        del self._state[key]

    def __len__(self) -> int:
        return 0 if self._state is None else len(self._state)

    def __iter__(self) -> Iterator[str | RequestKey[Any]]:
        return iter(() if self._state is None else self._state)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __bool__(self) -> bool:
        return True


class Request(BaseRequest):
    """A received request, as a handler of an `Application` gets it."""

    _found: tuple[AbstractRoute, Values | None] | None = None
    _match_info: UrlMappingMatchInfo | None = None

    @property
    def match_info(self) -> UrlMappingMatchInfo:
        """What the routing found: a mapping of the path's names, with the route and the handler.

        Raises:
            RuntimeError: The request has not been routed yet.
        """
        match_info = self._match_info
        if match_info is None:
            if self._found is None or self._server.app is None:
                raise RuntimeError("The request has not been routed yet")
            self._match_info = match_info = found_match_info(*self._found, self._server.app)
        return match_info

    @property
    def app(self) -> Application:
        """The application whose handler or middleware is running.

        Raises:
            RuntimeError: The request was not made by an application.
        """
        if self._match_info is not None:
            current: Application = self._match_info.current_app
            return current
        if self._server.app is None:
            raise RuntimeError("The request was not made by an application")
        return self._server.app

    @property
    def config_dict(self) -> ChainMapProxy:
        """What is stored on `app`, and on the applications around it where it has no such key.

        Raises:
            RuntimeError: As of `match_info`.
        """
        apps, current = self.match_info.apps, self.app
        return ChainMapProxy(reversed(apps[: apps.index(current) + 1]))

    def clone(self, **changes: Any) -> Self:
        """Make a clone, as `BaseRequest.clone`, which has found the same route."""
        made = super().clone(**changes)
        made._found = self._found
        if self._match_info is not None or self._found is not None:
            made._match_info = self.match_info  # the very same: what is said of one holds for both
        return made

    async def _prepare_hook(self, response: StreamResponse) -> None:
        apps = (self._server.app,) if self._match_info is None else self._match_info.apps
        for app in apps:
            if app is not None and app.on_response_prepare:
                await app.on_response_prepare.send(self, response)
