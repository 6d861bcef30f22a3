from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("uvloop", reason="the generator runs on uvloop")

from benchmarks.load.generator import Asker, Tally, request_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWER = b"HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length: 3\r\n\r\nabc"


class Transport:
    """Takes what the generator writes."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def abort(self) -> None:
        self.aborted = True


def asker(depth: int, renew: Callable[[], None] | None = None) -> tuple[Asker, Tally, Transport]:
    tally = Tally(b"GET", depth, renew)
    one, transport = Asker(tally), Transport()
    one.connection_made(transport)  # type: ignore[arg-type]  # it only writes
    return one, tally, transport


def test_a_post_says_its_length() -> None:
    assert request_bytes("post", 80, "/echo", "body") == (
        b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1:80\r\n"
        b"Content-Type: application/octet-stream\r\nContent-Length: 4\r\n\r\nbody"
    )


def test_who_wants_a_connection_each_says_so() -> None:
    assert (
        request_bytes("close", 80, "/", "")
        == b"GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\nConnection: close\r\n\r\n"
    )


def test_a_connection_that_served_once_is_replaced() -> None:
    replaced: list[str] = []
    one, tally, transport = asker(1, lambda: replaced.append("once"))
    one.data_received(ANSWER)
    one.connection_lost(None)
    assert (transport.written, transport.aborted, replaced) == ([b"GET"], True, ["once"])
    assert (len(tally.latencies), tally.lost) == (1, 0)


def test_the_next_request_follows_a_complete_answer_at_every_split() -> None:
    for split in range(1, len(ANSWER)):
        one, tally, transport = asker(depth=1)
        one.data_received(ANSWER[:split])
        assert transport.written == [b"GET"]
        one.data_received(ANSWER[split:])
        assert transport.written == [b"GET", b"GET"]
        assert (len(tally.latencies), tally.bad_status) == (1, 0)


def test_a_batch_follows_when_all_answers_of_the_last_one_came() -> None:
    one, tally, transport = asker(depth=3)
    one.data_received(ANSWER * 2)
    assert transport.written == [b"GETGETGET"]
    one.data_received(ANSWER)
    assert transport.written == [b"GETGETGET"] * 2
    assert len(tally.latencies) == 3


def test_errors_are_counted() -> None:
    one, tally, _ = asker(depth=1)
    one.data_received(ANSWER.replace(b"200 OK", b"500 No"))
    one.connection_lost(None)
    assert (tally.bad_status, tally.lost) == (1, 1)


def test_an_answer_without_a_length_is_refused() -> None:
    one, _, _ = asker(depth=1)
    with pytest.raises(ValueError, match="Content-Length"):
        one.data_received(b"HTTP/1.1 200 OK\r\n\r\n")
