from __future__ import annotations

import socket
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from benchmarks.harness.idle_race import LostConnectionError, check_open, open_idle

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def answering(*pieces: bytes, ends: bool = False) -> Iterator[int]:
    """Serve one connection with these pieces, and end it then or with the block; give the port."""
    over = threading.Event()

    def serve_one() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            for piece in pieces:
                connection.sendall(piece)
            if not ends:
                over.wait()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve_one)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join()


def test_a_connection_is_idle_when_its_whole_answer_came() -> None:
    pieces = (b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello,", b" world!")
    with answering(*pieces) as port, closing(open_idle(port)) as connection:
        check_open([connection])


def test_a_connection_that_ends_before_its_answer_is_lost() -> None:
    with answering(b"HTTP/1.1 200", ends=True) as port:
        with pytest.raises(LostConnectionError, match=r"ended after b'HTTP/1\.1 200'"):
            open_idle(port)


def test_closed_connections_are_counted() -> None:
    pairs = [socket.socketpair() for _ in range(3)]
    ours = [one for one, _ in pairs]
    check_open(ours)
    pairs[1][1].close()
    with pytest.raises(LostConnectionError, match="1 of 3 connections were closed"):
        check_open(ours)
    for one, other in pairs:
        one.close()
        other.close()
