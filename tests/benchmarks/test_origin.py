from __future__ import annotations

import pytest

pytest.importorskip("uvloop", reason="the origin runs on uvloop")

from benchmarks.load.origin import Origin, response

GET = b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nab\r\n\r\nyz"
SMALL = response(b"small")
RECEIVED = response(b'{"received": 8}')


class Transport:
    """Takes what the origin writes."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


def connected() -> tuple[Origin, Transport]:
    origin, transport = Origin({b"/small": SMALL}), Transport()
    origin.connection_made(transport)  # type: ignore[arg-type]  # it only writes
    return origin, transport


@pytest.mark.parametrize(("request_", "answer"), [(GET, SMALL), (POST, RECEIVED)])
def test_a_request_is_answered_when_all_of_it_has_come(request_: bytes, answer: bytes) -> None:
    for split in range(1, len(request_)):
        origin, transport = connected()
        origin.data_received(request_[:split])
        assert transport.written == []
        origin.data_received(request_[split:])
        assert transport.written == [answer]


def test_requests_that_come_together_are_all_answered() -> None:
    origin, transport = connected()
    origin.data_received(GET + POST + GET)
    assert transport.written == [SMALL, RECEIVED, SMALL]


def test_what_is_not_there_is_not_found() -> None:
    origin, transport = connected()
    origin.data_received(GET.replace(b"small", b"large"))
    assert transport.written[0].startswith(b"HTTP/1.1 404 ")
