"""The client at scale: many requests, many connections, large bodies; its memory grows with none of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.soak.crowd import COLUMNS, FULL, ROOM, Column, Server, servers, tell
from tests.support import certs

if TYPE_CHECKING:
    from pathlib import Path

REQUESTS = 1_000_000 if FULL else 4_000
CHURN = 20_000 if FULL else 400
BODY = 2**30 if FULL else 2**25
PATIENCE = 1200 if FULL else 60


def visit(server: Server, column: Column, work: str, size: int, folder: Path) -> dict[str, Any]:
    """Let a client process do a work, and give what it tells."""
    command = [sys.executable, "-m", "tests.soak.visitor", server.url, work, str(size)]
    if column.tls:
        certs.write(folder)
        command.append(f"--authority={folder / 'ca.pem'}")
    ended = subprocess.run(
        command,
        env={**os.environ, "QUINDE_IO": column.backend},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


@COLUMNS
@pytest.mark.parametrize("work", ["ask", "churn"])
def test_memory_is_flat_over_many_requests(column: Column, work: str, tmp_path: Path) -> None:
    """On kept connections, or on one for each request."""
    count = REQUESTS if work == "ask" else CHURN // 10 if column.tls and not FULL else CHURN
    count = max(200, count - count % 200)
    with servers(column) as (server,):
        started = time.monotonic()
        told = visit(server, column, work, count, tmp_path)
        rate = count / (time.monotonic() - started)
    blocks = told["blocks"]
    shown = " ".join(f"{rss / 2**20:.2f}" for rss in blocks)
    tell(f"{column}, client, {work}: {count} requests, {rate:.0f}/s, MiB after each tenth: {shown}")
    counted = told["statistics"]
    assert (counted["requests"], counted["responses_2xx"]) == (count + 1, count + 1)
    assert counted["connections"] == (count + 1 if work == "churn" else 20)
    assert told["opened"] <= (0 if work == "churn" else 19)
    assert blocks[-1] - blocks[2] < 2**20


@COLUMNS
@pytest.mark.parametrize("way", ["upload", "download"])
def test_a_large_body_is_never_held(column: Column, way: str, tmp_path: Path) -> None:
    """A download by who reads slowly, an upload to a handler that does."""
    with servers(column) as (server,):
        started = time.monotonic()
        grown = visit(server, column, way, BODY, tmp_path)["grown"]
        rate = BODY / 2**20 / (time.monotonic() - started)
    tell(f"{column}, client: {way} of {BODY >> 20} MiB, {rate:.0f} MiB/s, grown {grown >> 10} KiB")
    assert grown < ROOM
