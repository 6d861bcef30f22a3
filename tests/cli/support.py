"""What the tests of the program share: running it as a process, in a pipe or a terminal, and servers to race.

The program and its contestants are processes of their own and block, so the servers here are threads. Whether
a process is gone is seen from the end of a connection or pipe that it held, never by waiting some time.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 30.0
"""Seconds after which a process that should have spoken or ended is a failure."""

QUINDE = [sys.executable, "-m", "quinde"]


def quinde(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program to its end, with pipes for stdout and stderr."""
    return subprocess.run(
        [*QUINDE, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"} | environment,
        check=False,
    )


def heeding_interrupts(command: list[str], own_terminal: bool = False) -> list[str]:
    """Prefix a command so that SIGINT ends it, also if pytest was started with SIGINT ignored, as `&` does.

    Args:
        command: what to run in the end, in the same process.
        own_terminal: make stdin the controlling terminal of the (new) session first.
    """
    take = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); " if own_terminal else ""
    heed = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    code = heed + take + "os.execv(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-ISc", code, *command]


class Terminal:
    """The program on a terminal of its own: the far end of a pty, whose keys the test presses."""

    def __init__(self, *command: str) -> None:
        self._keys, screen = pty.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            heeding_interrupts(list(command), own_terminal=True),
            stdin=screen,
            stdout=screen,
            stderr=screen,
            start_new_session=True,
            env={key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "COLUMNS"}}
            | {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"},
        )
        os.close(screen)
        self.seen = b""

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._keys, keys)

    def read_until(self, wanted: bytes) -> None:
        """Read the screen until `wanted` was shown."""
        deadline = time.monotonic() + PATIENCE
        while wanted not in self.seen:
            if not self._read(deadline):
                raise AssertionError(f"ended without showing {wanted!r}: {self.seen!r}")

    def read_to_end(self) -> int:
        """Read until nobody has the terminal open any more, and return the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        return self.process.wait(PATIENCE)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._keys], [], [], max(deadline - time.monotonic(), 0))
        assert ready, f"silent for too long: {self.seen!r}"
        try:
            data = os.read(self._keys, 65536)
        except OSError:  # EIO: the last process that had the terminal open is gone
            return False
        self.seen += data
        return bool(data)

    def close(self) -> None:
        """End the program, if it still runs, and close the terminal."""
        self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self._keys)


@contextmanager
def terminal(*command: str) -> Iterator[Terminal]:
    """Run a command on a terminal of its own."""
    opened = Terminal(*command)
    try:
        yield opened
    finally:
        opened.close()


def session_members(session: int) -> list[int]:
    """Name the living processes of a session, as Linux's /proc knows them."""
    members = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                    state, _parent, _group, its_session = stat.read().rpartition(")")[2].split()[:4]
            except OSError:
                continue  # it has ended meanwhile
            if int(its_session) == session and state != "Z":
                members.append(int(entry))
    return members


@contextmanager
def answering(answer: Callable[[str], tuple[int, str, bytes]]) -> Iterator[str]:
    """Serve `answer(path)`, a status, a reason and a body, for every GET; give the URL without a slash."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, reason, body = answer(self.path)
            self.send_response(status, reason)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        # A connection that a contestant keeps open must not keep the test.
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a contestant went away

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def pokemon(path: str) -> tuple[int, str, bytes]:
    """Answer as a PokéAPI would whose Pokémon are called after their number."""
    return 200, "OK", json.dumps({"name": f"mon-{path.rpartition('/')[2]}"}).encode()


@contextmanager
def listening() -> Iterator[socket.socket]:
    """Listen on a free port, with `accept` and its connections bounded by PATIENCE."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        yield listener


def accept(listener: socket.socket) -> socket.socket:
    """Accept a connection and read the head of its first request."""
    connection, _ = listener.accept()
    connection.settimeout(PATIENCE)
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(65536)
        assert data, "the peer went before it asked"
        head += data
    return connection


def wait_for_end(connection: socket.socket) -> None:
    """Wait until the peer of a connection is gone."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass  # gone with bytes unread
