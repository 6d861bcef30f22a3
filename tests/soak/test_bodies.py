"""Many requests and large bodies: memory does not grow with either."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.soak.crowd import COLUMNS, FULL, ROOM, Column, Crowd, read_to_end, servers, tell

if TYPE_CHECKING:
    import socket

REQUESTS = 1_000_000 if FULL else 50_000
BODY = 2**30 if FULL else 2**25
PIECE = bytes(range(256)) * 1024


@COLUMNS
def test_memory_is_flat_over_many_requests(column: Column) -> None:
    with servers(column) as (server,), Crowd(server, answers_each=25) as crowd:
        crowd.join(20)
        blocks = []
        started = time.monotonic()
        for _ in range(10):
            crowd.ask(REQUESTS // 10 // 500)
            blocks.append(server.rss)
        rate = REQUESTS / (time.monotonic() - started)
        shown = " ".join(f"{rss / 2**20:.2f}" for rss in blocks)
        tell(f"{column}: {REQUESTS} requests, {rate:.0f}/s, MiB after each tenth: {shown}")
        assert server.about()["statistics"]["requests"] == REQUESTS + 1
        assert blocks[-1] - blocks[2] < 256 * 1024


@COLUMNS
@pytest.mark.parametrize("way", ["up", "down"])
def test_a_large_body_to_or_from_one_who_is_slow(column: Column, way: str) -> None:
    with servers(column) as (server,), server.connect() as sock:
        server.about()
        before = server.rss
        server.forget_peak()
        started = time.monotonic()
        (upload if way == "up" else download)(sock)
        took, grown = time.monotonic() - started, server.peak - before
        tell(
            f"{column}: {way}load of {BODY >> 20} MiB, "
            f"{BODY / took / 2**20:.0f} MiB/s, grown {grown >> 10} KiB"
        )
        assert grown < ROOM


def upload(sock: socket.socket) -> None:
    """Send as fast as it goes; the handler reads more slowly."""
    sock.sendall(b"PUT /take HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % BODY)
    digest = hashlib.md5(usedforsecurity=False)
    for _ in range(BODY // len(PIECE)):
        sock.sendall(PIECE)
        digest.update(PIECE)
    assert f'"size": {BODY}, "digest": "{digest.hexdigest()}"'.encode() in read_to_end(sock)


def download(sock: socket.socket) -> None:
    """Read with pauses; the handler writes as fast as it goes."""
    sock.sendall(b"GET /give?size=%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % BODY)
    received, pauses = 0, 0
    gate = threading.Event()  # never set: only its time-out ends a wait
    while data := sock.recv(2**20):
        received += len(data)
        if received >> 22 != pauses:
            pauses = received >> 22
            gate.wait(0.001)
    assert received > BODY


@COLUMNS
def test_a_reader_that_stops_stops_the_handler(column: Column) -> None:
    """Not only slow: as long as nothing is read, the server makes no more than fits into its windows."""
    with servers(column) as (server,), server.connect() as sock:
        server.about()
        before = server.rss
        server.forget_peak()
        sock.sendall(b"GET /give?size=%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % BODY)
        sent, steady = -1, 0
        while steady < 5:
            now = server.about()["statistics"]["bytes_sent"]
            # Each question adds its answer's size.
            steady = steady + 1 if now - sent < 4096 else 0
            sent = now
        assert sent < BODY / 2
        assert server.peak - before < ROOM
        received = 0
        while data := sock.recv(2**20):
            received += len(data)
        assert received > BODY
