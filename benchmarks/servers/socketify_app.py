"""socketify, Python over uWebSockets: plain callbacks where nothing is awaited, as its users write them."""

import json
from typing import Any

from options import DOWNLOAD, HELLO, make_parser
from socketify import App, AppListenOptions, AppOptions


def hello(response: Any, request: Any) -> None:
    """Say hello."""
    response.write_header("Content-Type", "text/plain; charset=utf-8")
    response.end(HELLO)


def user(response: Any, request: Any) -> None:
    """Give a user as JSON."""
    response.write_header("Content-Type", "application/json; charset=utf-8")
    response.end(json.dumps({"id": request.get_parameter(0), "name": "quinde"}))


async def echo(response: Any, request: Any) -> None:
    """Give the body back."""
    body = await response.get_data()
    response.cork_end(body.getvalue())


def download(response: Any, request: Any) -> None:
    """Give 100 KiB."""
    response.end(DOWNLOAD)


if __name__ == "__main__":
    chosen = make_parser().parse_args()
    certificate, key = chosen.tls or (None, None)
    app = App(AppOptions(cert_file_name=certificate, key_file_name=key) if chosen.tls else None)
    app.get("/", hello)
    app.get("/users/:id", user)
    app.post("/echo", echo)
    app.get("/download", download)
    app.listen(AppListenOptions(port=chosen.port, host="127.0.0.1"))
    app.run()
