"""Measures what an idle keep-alive connection costs a server: its resident memory before and after 10,000.

Each server is started anew in each round, as memory that was used once is not given back by all of them. The
connections are ours: each asks once, gets its answer and is kept.
"""

from __future__ import annotations

import contextlib
import resource
import select
import socket
import time
from typing import TYPE_CHECKING

from .load import BadAnswersError
from .peers import SERVERS
from .processes import ProcessFailureError, resident_bytes, tree
from .server_race import start
from .works import HELLO, IDLE_CONNECTIONS, PLAIN, SERVER_WORKS

if TYPE_CHECKING:
    from .bench import Bench
    from .peers import Peer
    from .progress import Progress

KIND = "idle"
ROUNDS = 3
# So that a server has made all that it makes once, and what was read is its own code and heap.
_WARM_UP = 0.5
# For servers that give memory back some time after the last answer.
_SETTLE = 1.0
_ANSWER_TIMEOUT = 10.0
_OTHER_FILES = 200
_REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class LostConnectionError(Exception):
    """A connection was refused, closed or not answered, so the memory is not that of all of them."""


def measure_idle(bench: Bench, progress: Progress) -> None:
    """Fill the results with KiB for each idle connection, server by server, and round by round."""
    peers = [peer for peer in SERVERS if bench.plan.wants(KIND, peer.name, quick=False)]
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if peers and most < IDLE_CONNECTIONS + _OTHER_FILES:
        bench.results.missing[KIND] = f"{IDLE_CONNECTIONS} connections, but {most} open files are allowed"
        return
    for _ in bench.rounds(KIND, progress, part_of_limit=1.05, most=ROUNDS):
        for peer in tuple(peers):
            progress.step(f"{peer.name}: idle connections")
            reason = peer.why_missing(bench.environment)
            if reason is None:
                try:
                    used = _measure(bench, peer)
                except (ProcessFailureError, BadAnswersError, LostConnectionError) as failure:
                    reason = str(failure)
                else:
                    bench.results.figures.setdefault((KIND, peer.name), []).append(used)
            if reason is not None:
                peers.remove(peer)
                bench.results.missing[f"{KIND} {peer.name}"] = reason


def _measure(bench: Bench, peer: Peer) -> float:
    """Give the KiB that one connection keeps."""
    child, port = start(bench, peer, PLAIN)
    try:
        bench.generator.load(port, SERVER_WORKS[0], _WARM_UP)
        pids = tree(child.pid)
        before = resident_bytes(pids)
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(open_idle(port)) for _ in range(IDLE_CONNECTIONS)]
            time.sleep(_SETTLE)
            after = resident_bytes(pids)
            check_open(connections)
    finally:
        child.stop()
    return (after - before) / IDLE_CONNECTIONS / 1024


def open_idle(port: int) -> socket.socket:
    """Connect, ask once, and wait for the whole answer.

    Raises:
        LostConnectionError: there was none.
    """
    try:
        with contextlib.ExitStack() as on_failure:
            connection = socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_TIMEOUT)
            on_failure.enter_context(connection)
            connection.sendall(_REQUEST)
            answer = b""
            while not answer.endswith(HELLO):
                piece = connection.recv(4096)
                if not piece:
                    raise LostConnectionError(f"a connection ended after {answer[:60]!r}")
                answer += piece
            on_failure.pop_all()
    except OSError as error:
        raise LostConnectionError(f"{type(error).__name__} {error}") from error
    return connection


def check_open(connections: list[socket.socket]) -> None:
    """Look for connections that the server has closed meanwhile.

    Raises:
        LostConnectionError: there are some.
    """
    poll = select.poll()
    for connection in connections:
        poll.register(connection, select.POLLIN)
    if closed := len(poll.poll(0)):
        raise LostConnectionError(f"{closed} of {len(connections)} connections were closed while idle")
