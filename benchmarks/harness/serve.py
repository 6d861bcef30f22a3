"""Starts servers: finds a port, waits until they answer, and holds them to right answers before that."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from typing import TYPE_CHECKING

from .processes import Child, ProcessFailureError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

START_TIMEOUT = 15.0
_ANSWER_TIMEOUT = 5.0


class WrongAnswerError(Exception):
    """A server gives something else than the work expects; measuring it would be unfair."""


def start_server(
    name: str,
    command: Callable[[int], list[str]],
    cores: Collection[int],
    environment: Mapping[str, str],
    log: Path,
) -> tuple[Child, int]:
    """Start a server and wait until it takes connections.

    Args:
        name: for messages.
        command: gives the command line for a port.
        cores: where it and its children run.
        environment: added to ours.
        log: takes its output.

    Returns:
        The child and its port; the caller stops it.

    Raises:
        ProcessFailureError: it ended, or took no connection for 15 s.
    """
    port = _free_port()
    child = Child(name, command(port), cores, environment, log)
    deadline = time.monotonic() + START_TIMEOUT
    try:
        while not _answers(port):
            if not child.alive:
                raise ProcessFailureError(f"{name} ended: {child.last_words()}")
            if time.monotonic() > deadline:
                raise ProcessFailureError(
                    f"{name} took no connection for {START_TIMEOUT:g} s: {child.last_words()}"
                )
            time.sleep(0.02)
    except ProcessFailureError:
        child.stop()
        raise
    return child, port


def check_answer(
    port: int,
    method: str,
    path: str,
    body: bytes,
    expected: bytes,
    close: bool = False,
    authority: Path | None = None,
) -> None:
    """Ask twice and compare.

    Args:
        port: of the server, on 127.0.0.1.
        method, path, body: what to ask.
        expected: the body that must come back.
        close: ask for the end of the connection, and expect it.
        authority: ask by https, and verify the server against this PEM file.

    Raises:
        WrongAnswerError: not 200, another body, or kept alive where it should end or the other way round; the
            message says what came.
    """
    connection = _connect(port, authority)
    fields = {"Content-Type": "application/octet-stream"} if body else {}
    if close:
        fields["Connection"] = "close"
    try:
        for _ in range(2):
            connection.request(method, path, body or None, fields)
            response = connection.getresponse()
            got = response.read()
            if response.status != 200 or got != expected:
                raise WrongAnswerError(f"{method} {path}: {response.status} {got[:60]!r}")
            if response.will_close is not close:
                word = "closed" if response.will_close else "kept"
                raise WrongAnswerError(f"{method} {path}: the connection is {word} after the answer")
    except (OSError, http.client.HTTPException) as error:
        raise WrongAnswerError(f"{method} {path}: {type(error).__name__} {error}".rstrip()) from error
    finally:
        connection.close()


def _connect(port: int, authority: Path | None) -> http.client.HTTPConnection:
    if authority is None:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_TIMEOUT)
    context = ssl.create_default_context(cafile=authority)
    return http.client.HTTPSConnection("localhost", port, timeout=_ANSWER_TIMEOUT, context=context)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
