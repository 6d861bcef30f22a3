from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from benchmarks.harness.serve import WrongAnswerError, check_answer

if TYPE_CHECKING:
    from collections.abc import Iterator


class Hello(BaseHTTPRequestHandler):
    """Says hello; `/ends` closes the connection, whatever was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        if self.path == "/ends" or self.headers["Connection"] == "close":
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_right_answer_passes(port: int) -> None:
    check_answer(port, "GET", "/", b"", b"hello")
    check_answer(port, "GET", "/", b"", b"hello", close=True)


def test_a_wrong_body_is_quoted(port: int) -> None:
    with pytest.raises(WrongAnswerError, match="GET /: 200 b'hello'"):
        check_answer(port, "GET", "/", b"", b"good day")


def test_a_connection_that_ends_unasked_is_wrong(port: int) -> None:
    with pytest.raises(WrongAnswerError, match="the connection is closed after the answer"):
        check_answer(port, "GET", "/ends", b"", b"hello")
    check_answer(port, "GET", "/ends", b"", b"hello", close=True)


def test_nobody_there_is_wrong_too() -> None:
    with pytest.raises(WrongAnswerError, match="ConnectionRefusedError"):
        check_answer(1, "GET", "/", b"", b"hello")
