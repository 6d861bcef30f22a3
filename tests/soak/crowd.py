"""The other end of the soak tests: server processes, and thousands of raw sockets on one poller."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.support import certs
from tests.support.servers import closed_port

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = bool(os.environ.get("QUINDE_SOAK"))
HELLO = b"GET / HTTP/1.1\r\nHost: soak\r\nUser-Agent: crowd\r\nAccept: */*\r\n\r\n"
CLOSE = HELLO[:-2] + b"Connection: close\r\n\r\n"
END = b"Hello, world!"
PATIENCE = 60.0
ROOM = 12 * 2**20
"""What a body may take in memory: windows of 512 KiB, pieces on their way, the allocator's share."""


class Column(NamedTuple):
    """How a server is reached."""

    backend: str
    tls: bool = False

    def __str__(self) -> str:
        return f"{self.backend}{'-tls' if self.tls else ''}"


PLAIN = Column("reactor"), Column("transport")
SECURED = Column("reactor", tls=True), Column("transport", tls=True)
COLUMNS = pytest.mark.parametrize("column", [*PLAIN, *SECURED], ids=str)


def tell(what: str) -> None:
    """Show a figure in a full run."""
    if FULL:
        print(f"\n  {what}", end="", flush=True)  # noqa: T201  # what a full run is for


class Server:
    """One server process."""

    def __init__(self, process: subprocess.Popen[str], port: int, *, tls: bool) -> None:
        self.process = process
        self.port = port
        self._tls = tls

    @property
    def url(self) -> str:
        """Where its hello is."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/"

    @property
    def rss(self) -> int:
        """Bytes of its memory that are resident."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def peak(self) -> int:
        """The most that was since `forget_peak`."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def about(self) -> Any:
        """What it tells about itself."""
        with self.connect() as sock:
            sock.sendall(b"GET /about HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n")
            return json.loads(read_to_end(sock).partition(b"\r\n\r\n")[2])

    def connect(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        if not self._tls:
            return sock
        return certs.client_context().wrap_socket(sock, server_hostname="127.0.0.1")


def read_to_end(sock: socket.socket) -> bytes:
    data = b""
    while piece := sock.recv(65_536):
        data += piece
    return data


@contextmanager
def room_for(connections: int) -> Iterator[None]:
    """Let this process and those that it starts have so many descriptors; a shell's usual limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 256
    if wanted > hard != resource.RLIM_INFINITY:
        pytest.skip(f"no more than {hard} descriptors are to be had, of {wanted} (`ulimit -Hn`)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def servers(column: Column, count: int = 1, connections: int = 100) -> Iterator[list[Server]]:
    """Run server processes that listen at the same port, with descriptors for so many connections."""
    with room_for(connections), certs.server_file() as certificate:
        with _servers(column, count, ["--certificate", certificate] if column.tls else []) as started:
            yield started


@contextmanager
def _servers(column: Column, count: int, options: list[str]) -> Iterator[list[Server]]:
    port = closed_port()
    command = [sys.executable, "-m", "tests.soak.application", str(port), *options]
    if count > 1:
        command.append("--reuse-port")
    environment = {**os.environ, "QUINDE_IO": column.backend}
    started = [
        Server(
            subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True),
            port,
            tls=column.tls,
        )
        for _ in range(count)
    ]
    try:
        for server in started:
            assert server.process.stdout is not None
            assert server.process.stdout.readline() == "ready\n"
        yield started
    finally:
        for server in started:
            server.process.send_signal(signal.SIGKILL)
            server.process.communicate()


class Crowd:
    """Many connections to one server, each asking as soon as it has been answered."""

    def __init__(self, server: Server, request: bytes = HELLO, answers_each: int = 1) -> None:
        self._server = server
        self._request = request * answers_each
        self._expected = answers_each
        self._poller = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._missing: dict[int, int] = {}

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self._sockets.values():
            sock.close()
        self._poller.close()

    def join(self, count: int) -> None:
        """Open connections."""
        for _ in range(count):
            sock = self._server.connect()
            sock.setblocking(False)
            self._sockets[sock.fileno()] = sock
            self._poller.register(sock.fileno(), select.EPOLLIN)

    def ask(self, rounds: int = 1) -> None:
        """Ask on each connection, once or some times in a row, and take all answers."""
        for _ in range(rounds):
            self._ask_all()
            while any(self._missing.values()):
                self._take(again=False)

    def ask_for(self, seconds: float) -> int:
        """Keep one request on each connection for some time; give how many were answered."""
        self._ask_all()
        answered, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            answered += self._take(again=True)
        while any(self._missing.values()):
            answered += self._take(again=False)
        return answered

    def _ask_all(self) -> None:
        for number, sock in self._sockets.items():
            self._missing[number] = self._expected
            sock.send(self._request)

    def _take(self, *, again: bool) -> int:
        ready = self._poller.poll(PATIENCE)
        assert ready, "the server has not answered"
        complete = 0
        for number, _ in ready:
            sock = self._sockets[number]
            try:
                data = sock.recv(65_536)
            except ssl.SSLWantReadError:
                continue  # a session for later, and no answer
            assert data, "the server has closed a connection"
            self._missing[number] -= data.count(END)
            if self._missing[number] == 0:
                complete += self._expected
                if again:
                    self._missing[number] = self._expected
                    sock.send(self._request)
        return complete
