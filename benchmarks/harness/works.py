"""The works that are measured: what is asked, what must come back, and how hard.

Plain data. Servers and the origin are held to `expected` before anything is measured, so that nobody wins by
a wrong answer. Names appear in the result files and in goals.py.
"""

from dataclasses import dataclass

HELLO = b"Hello, world!"
ECHO = b"0123456789abcdef" * 64
USER = b'{"id": "42", "name": "quinde"}'
SMALL = b'{"id": 143, "name": "snorlax", "types": ["normal"]}'


@dataclass(frozen=True)
class ServerWork:
    """One kind of request that the load generator repeats.

    `mode` is what wrk.lua and generator.py are told: get, post, or pipeline.
    """

    name: str
    title: str
    method: str
    path: str
    mode: str
    body: bytes
    expected: bytes


@dataclass(frozen=True)
class ClientWork:
    """One resource of the origin, fetched over and over by `in_flight` tasks at once."""

    name: str
    title: str
    path: str
    size: int
    in_flight: int


SERVER_WORKS = (
    ServerWork("hello", "hello", "GET", "/", "get", b"", HELLO),
    ServerWork("json", "JSON, path parameter", "GET", "/users/42", "get", b"", USER),
    ServerWork("echo", "POST echo 1 KiB", "POST", "/echo", "post", ECHO, ECHO),
    ServerWork("pipeline", "hello, pipelined 16 deep", "GET", "/", "pipeline", b"", HELLO),
)

ORIGIN_FILES = {"/small": SMALL, "/64k": b"q" * 65536, "/1m": b"q" * 1048576}

CLIENT_WORKS = (
    ClientWork("small-1", "GET small, 1 in flight", "/small", len(SMALL), 1),
    ClientWork("small-64", "GET small, 64 in flight", "/small", len(SMALL), 64),
    ClientWork("small-512", "GET small, 512 in flight", "/small", len(SMALL), 512),
    ClientWork("64k", "GET 64 KiB, 16 in flight", "/64k", 65536, 16),
    ClientWork("1m", "GET 1 MiB, 8 in flight", "/1m", 1048576, 8),
)
