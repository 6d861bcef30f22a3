"""The works that are measured: what is asked, what must come back, how hard, and of a server started how.

Plain data. Servers and the origin are held to `expected` before anything is measured, so that nobody wins by
a wrong answer. Names appear in the result files and in goals.py.
"""

from dataclasses import dataclass

HELLO = b"Hello, world!"
BODY_1K = b"0123456789abcdef" * 64
USER = b'{"id": "42", "name": "quinde"}'
SMALL = b'{"id": 143, "name": "snorlax", "types": ["normal"]}'
# What the origin says to a POST of BODY_1K: who sent no length, or a wrong one, gets something else.
RECEIVED = b'{"received": 1024}'
DOWNLOAD = b"q" * 102400
IDLE_CONNECTIONS = 10_000


@dataclass(frozen=True)
class Setup:
    """One way to start a server; each server is started once in each setup that its works ask for.

    Attributes:
        name: in log files and messages.
        options: for the server's command line.
        tls: the server gets a certificate, and is asked by https.
        spread: server and load have all cores, which they share.
    """

    name: str
    options: tuple[str, ...] = ()
    tls: bool = False
    spread: bool = False


PLAIN = Setup("plain")
TLS = Setup("TLS", tls=True)
LOGGED = Setup("access log", ("--access-log=plain",))
BUFFERED = Setup("buffered access log", ("--access-log=buffered",))
TWO = Setup("two processes", ("--processes=2",), spread=True)


@dataclass(frozen=True)
class ServerWork:
    """One kind of request that the load generator repeats.

    Attributes:
        mode: what wrk.lua and generator.py are told: get, post, pipeline, or close (a connection a request).
        stretch: how many times longer its windows are.
        quick: a part of the short run.
    """

    name: str
    title: str
    method: str
    path: str
    mode: str
    body: bytes
    expected: bytes
    setup: Setup = PLAIN
    connections: int = 64
    stretch: float = 1.0
    quick: bool = False


@dataclass(frozen=True)
class ClientWork:
    """One resource of the origin, asked for over and over by `in_flight` tasks at once.

    Attributes:
        size: of the body that must come back.
        body: is sent by POST; none means GET.
        session: what one round of a task is, beside the request: `kept` (one session for all of them), `new`
            (a session is made, asks once and is closed) or `unused` (made and closed, and nothing is asked).
        tls: the origin is asked by https, and its certificate verified.
        quick: a part of the short run.
    """

    name: str
    title: str
    path: str
    size: int
    in_flight: int
    body: bytes = b""
    session: str = "kept"
    tls: bool = False
    quick: bool = False


SERVER_WORKS = (
    ServerWork("hello", "hello", "GET", "/", "get", b"", HELLO, quick=True),
    # Next to what they are compared with: the machine of a minute later may be another one.
    ServerWork("logged", "hello, access log through logging", "GET", "/", "get", b"", HELLO, LOGGED),
    ServerWork("buffered", "hello, access log in batches", "GET", "/", "get", b"", HELLO, BUFFERED),
    ServerWork("json", "JSON, path parameter", "GET", "/users/42", "get", b"", USER, quick=True),
    ServerWork("echo", "POST echo 1 KiB", "POST", "/echo", "post", BODY_1K, BODY_1K, quick=True),
    ServerWork("pipeline", "hello, pipelined 16 deep", "GET", "/", "pipeline", b"", HELLO, quick=True),
    ServerWork("download", "GET 100 KiB", "GET", "/download", "get", b"", DOWNLOAD),
    # Longer, for there a slow server gives each connection few answers.
    ServerWork("c512", "hello, 512 connections", "GET", "/", "get", b"", HELLO, connections=512, stretch=1.5),
    ServerWork("churn", "hello, a connection each", "GET", "/", "close", b"", HELLO),
    ServerWork("churn-two", "hello, a connection each, two processes", "GET", "/", "close", b"", HELLO, TWO),
    # Longer, as the handshakes of its 64 connections are a part of each window.
    ServerWork("tls", "hello over TLS", "GET", "/", "get", b"", HELLO, TLS, stretch=2.5),
)

# What the origin answers to GET, and to POST of BODY_1K.
ORIGIN_FILES = {"/small": SMALL, "/64k": b"q" * 65536, "/1m": b"q" * 1048576}
ORIGIN_POST = "/post"

CLIENT_WORKS = (
    ClientWork("small-1", "GET small, 1 in flight", "/small", len(SMALL), 1, quick=True),
    ClientWork("small-64", "GET small, 64 in flight", "/small", len(SMALL), 64, quick=True),
    ClientWork("small-512", "GET small, 512 in flight", "/small", len(SMALL), 512, quick=True),
    ClientWork("64k", "GET 64 KiB, 16 in flight", "/64k", 65536, 16, quick=True),
    ClientWork("1m", "GET 1 MiB, 8 in flight", "/1m", 1048576, 8, quick=True),
    ClientWork("post", "POST 1 KiB, 64 in flight", ORIGIN_POST, len(RECEIVED), 64, BODY_1K),
    ClientWork("tls-small", "GET small over TLS, 64 in flight", "/small", len(SMALL), 64, tls=True),
    ClientWork("tls-1m", "GET 1 MiB over TLS, 8 in flight", "/1m", 1048576, 8, tls=True),
    ClientWork("session", "new session, GET small, close; 8 at once", "/small", len(SMALL), 8, session="new"),
    ClientWork("session-alone", "new session, close; nothing asked", "", 0, 1, session="unused"),
)
