"""The same requests to the same handlers on both servers: status line, fields and body must be the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web as aiohttp_web

from quinde import web
from tests.support.servers import serve_aiohttp, serve_quinde
from tests.support.wire import open_wire

if TYPE_CHECKING:
    from tests.support.modes import Mode
    from tests.support.wire import Answer


def application(library: Any) -> Any:
    """One application, made with either library."""

    async def respond(request: Any) -> Any:
        return RESPONSES[request.match_info["name"]](library)

    async def echo(request: Any) -> Any:
        return library.Response(body=await request.read(), content_type=request.content_type)

    async def stream(request: Any) -> Any:
        response = library.StreamResponse(headers={"X-A": "b"})
        await response.prepare(request)
        for piece in (b"one", b"two", b"three"):
            await response.write(piece)
        await response.write_eof()
        return response

    async def describe(request: Any) -> Any:
        return library.json_response(
            {
                "path": request.path,
                "path_qs": request.path_qs,
                "raw_path": request.raw_path,
                "query": list(request.query.items()),
                "query_string": request.query_string,
                "url": str(request.url),
                "rel_url": str(request.rel_url),
                "host": request.host,
                "headers": [[name, value] for name, value in request.headers.items()],
                "content_type": request.content_type,
                "charset": request.charset,
                "keep_alive": request.keep_alive,
                "match_info": dict(request.match_info),
                "body_exists": request.body_exists,
                "version": list(request.version),
            }
        )

    app = library.Application(client_max_size=100)
    app.router.add_route("*", "/respond/{name}", respond)
    app.router.add_post("/echo", echo)
    app.router.add_route("*", "/stream", stream)
    app.router.add_get("/describe/{tail:.*}", describe)
    return app


RESPONSES: dict[str, Any] = {
    "text": lambda library: library.Response(text="hello"),
    "empty": lambda library: library.Response(),
    "empty-text": lambda library: library.Response(text=""),
    "bytes": lambda library: library.Response(body=b"\x00"),
    "typed": lambda library: library.Response(body=b"{}", content_type="application/json"),
    "created": lambda library: library.Response(text="x", status=201, headers={"Location": "/x"}),
    "no-content": lambda library: library.Response(status=204),
    "no-content-with-text": lambda library: library.Response(status=204, text="x"),
    "not-modified": lambda library: library.Response(status=304, headers={"ETag": '"x"'}),
    "reset": lambda library: library.Response(status=205),
    "teapot": lambda library: library.Response(status=418, text="short and stout"),
    "too-large": lambda library: library.Response(status=413),
    "unknown": lambda library: library.Response(status=599, text="x"),
    "reason": lambda library: library.Response(reason="All Right", text="x"),
    "json": lambda library: library.json_response([1, {"ü": None}]),
    "length": lambda library: library.Response(headers={"Content-Length": "0"}),
    "many": lambda library: library.Response(headers=[("X-A", "1"), ("x-b", "2"), ("X-A", "3")], text="x"),
    "stream": lambda library: library.StreamResponse(status=202),
    "sized": lambda library: library.StreamResponse(headers={"Content-Length": "0"}),
}


def requests() -> dict[str, bytes]:
    """Request heads and bodies by a name for each."""
    made: dict[str, bytes] = {}
    for name in RESPONSES:
        for method in ("GET", "HEAD", "POST"):
            made[f"{name} {method}"] = f"{method} /respond/{name} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
        for field in ("", "Connection: keep-alive\r\n"):
            if name != "stream":  # aiohttp leaves it without an end
                head = f"GET /respond/{name} HTTP/1.0\r\nHost: h\r\n{field}\r\n"
                made[f"{name} 1.0 {field.strip()}"] = head.encode()
        made[f"{name} close"] = (
            f"GET /respond/{name} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()
        )
    made |= {
        "stream": b"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n",
        "stream close": b"GET /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "missing": b"GET /missing HTTP/1.1\r\nHost: h\r\n\r\n",
        "missing head": b"HEAD /missing HTTP/1.1\r\nHost: h\r\n\r\n",
        "not allowed": b"DELETE /echo HTTP/1.1\r\nHost: h\r\n\r\n",
        "echo": b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Type: text/x\r\n\r\nhello",
        "echo nothing": b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        "echo chunks": b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nhi\r\n0\r\n\r\n",
        "echo too much": b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n" + bytes(101),
        "encoded": b"GET /describe/a%20b%2Fc/%C3%BC+d?x=1&y=%26&x=a+b HTTP/1.1\r\nHost: h:1\r\n\r\n",
        "fragment": b"GET /describe/a?b#c HTTP/1.1\r\nHost: h\r\n\r\n",
        "absolute": b"GET http://other:81/describe/a?b HTTP/1.1\r\nHost: other:81\r\n\r\n",
        "fields": b"GET /describe/x HTTP/1.1\r\nHost: h\r\nA: 1\r\na:  2 \r\nB: \xc3\xbc\r\nEmpty:\r\n\r\n",
        "type": b'GET /describe/x HTTP/1.1\r\nHost: h\r\nContent-Type: Text/A; charset="x"; b=c\r\n\r\n',
        "1.0": b"GET /describe/x HTTP/1.0\r\nHost: h\r\n\r\n",
        "dots": b"GET /describe/../a/./b HTTP/1.1\r\nHost: h\r\n\r\n",
        "odd characters": b'GET /describe/<">|^{} HTTP/1.1\r\nHost: h\r\n\r\n',
    }
    return made


REQUESTS = requests()


def comparable(answer: Answer, name: str) -> Any:
    """What must be the same: the fields in order, but for the values of Date and Server."""
    fields = [(key, "*" if key in {"Date", "Server"} else value) for key, value in answer.raw_headers]
    if name.startswith("bytes "):
        fields.sort()  # a Content-Type that nobody chose is behind Content-Length in aiohttp, before it here
    return answer.version, answer.status, answer.reason, fields, answer.body


async def ask(serve: Any, library: Any) -> dict[str, Any]:
    """Send every request, each on a connection of its own; say also whether that stays open."""
    answers = {}
    async with serve(application(library)) as served:
        for name, data in REQUESTS.items():
            async with open_wire(served) as wire:
                await wire.send(data)
                answer = await wire.read_answer(data.split(b" ")[0].decode())
                await wire.send(b"GET /respond/text HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                try:
                    stays = (await wire.read_to_end()).endswith(b"hello")
                except ConnectionResetError:
                    stays = False
                answers[name] = (*comparable(answer, name), stays)
    return answers


@pytest.fixture
def _in_each_mode(mode: Mode) -> None:
    """Bring in `mode`."""


@pytest.mark.usefixtures("_in_each_mode")
async def test_answers_are_the_same() -> None:
    theirs = await ask(serve_aiohttp, aiohttp_web)
    ours = await ask(serve_quinde, web)
    different = {name: (ours[name], theirs[name]) for name in REQUESTS if ours[name] != theirs[name]}
    assert different == {}
