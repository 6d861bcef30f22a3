"""Measures the clients: each a process that drive.py runs, by turns, one at a time, against a fast origin."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from .bench import Window, running
from .environment import BENCHMARKS
from .machine import find_program
from .peers import CLIENTS
from .processes import Child, ProcessFailureError, cpu_time, tree
from .serve import WrongAnswerError, check_answer, start_server
from .works import CLIENT_WORKS, ORIGIN_FILES

if TYPE_CHECKING:
    from .bench import Bench
    from .peers import Peer
    from .progress import Progress
    from .works import ClientWork

KIND = "client"
# Beyond the window itself: 512 connections to open on a slow machine, the last answers of slow clients.
_GRACE = 20.0


def measure_clients(bench: Bench, progress: Progress) -> None:
    """Fill the results with every client at every work, round by round, so that all meet the same weather."""
    wants = bench.plan.wants
    turns = [(work, peer) for work in CLIENT_WORKS for peer in CLIENTS if wants(KIND, peer.name, work.name)]
    if not turns:
        return
    with contextlib.ExitStack() as stack:
        try:
            origin, port = _start_origin(bench, stack)
        except (ProcessFailureError, WrongAnswerError) as failure:
            bench.results.missing["client origin"] = str(failure)
            return
        started = {
            peer: _start(bench, peer, port, stack) for peer in dict.fromkeys(peer for _, peer in turns)
        }
        for _ in bench.rounds(KIND, progress, part_of_limit=0.95):
            for work, peer in turns:
                if (client := started[peer]) is not None:
                    progress.step(f"{peer.name}: {work.title}")
                    _measure(bench, peer, work, client, origin)


def origin_name() -> str:
    """What serves the clients here."""
    return "nginx" if find_program("nginx") else "our own origin on uvloop"


def _start_origin(bench: Bench, stack: contextlib.ExitStack) -> tuple[Child, int]:
    """Start nginx, or our own raw server where there is none, on the load core."""
    files = bench.scratch / "files"
    files.mkdir()
    for path, content in ORIGIN_FILES.items():
        (files / path[1:]).write_bytes(content)
    nginx = find_program("nginx")
    script = ["servers/nginx.py", f"--program={nginx}"] if nginx else ["load/origin.py"]

    def command(port: int) -> list[str]:
        name, *options = script
        options += [f"--port={port}", f"--files={files}"]
        return [str(bench.environment.python), str(BENCHMARKS / name), *options]

    directory = {"TMPDIR": str(bench.scratch)}
    child, port = start_server(
        "the origin", command, bench.cores.load, directory, bench.scratch / "origin.log"
    )
    stack.callback(child.stop)
    for path, content in ORIGIN_FILES.items():
        check_answer(port, "GET", path, b"", content)
    return child, port


def _start(bench: Bench, peer: Peer, port: int, stack: contextlib.ExitStack) -> Child | None:
    """Start one client and park it; None with the reason in the results."""
    reason = peer.why_missing(bench.environment)
    if reason is None:
        child = Child(
            peer.name,
            peer.client_command(bench.environment, f"http://127.0.0.1:{port}"),
            bench.cores.test,
            peer.environment,
            bench.scratch / f"client-{peer.name}.log",
            talks=True,
        )
        stack.callback(child.stop)
        try:
            _hear(child, _GRACE)
        except ProcessFailureError as failure:
            reason = str(failure)
        else:
            child.park()
            return child
    bench.results.missing[f"{KIND} {peer.name}"] = reason
    return None


def _measure(bench: Bench, peer: Peer, work: ClientWork, child: Child, origin: Child) -> None:
    """Add one round to the cell; a work that failed once is not tried again."""
    cell = bench.results.cell(KIND, peer.name, work.name)
    if not child.alive:
        cell.problem = cell.problem or f"{peer.name} has ended: {child.last_words()}"
    if cell.problem is not None:
        cell.samples.append(None)
        return
    try:
        with running(child):
            sample = _run_window(bench, work, child, origin)
    except ProcessFailureError as failure:
        cell.problem = str(failure)
        cell.samples.append(None)
        if child.alive and "kept silent" in cell.problem:
            child.stop()
        return
    cell.samples.append(sample)


def _run_window(bench: Bench, work: ClientWork, child: Child, origin: Child) -> Any:
    """Lead one client through one work, as drive.py describes, and read the CPU times at the edges."""
    seconds, warm_up = bench.plan.client_seconds, bench.plan.warm_up
    child.send(
        {
            "path": work.path,
            "size": work.size,
            "in_flight": work.in_flight,
            "seconds": seconds,
            "warm_up": warm_up,
        }
    )
    _hear(child, warm_up + _GRACE)
    origin_pids = tree(origin.pid)
    origin_before = cpu_time(origin_pids)
    window = Window(child.pid, bench.cores.test)
    child.send({"go": True})
    _hear(child, seconds + _GRACE)
    window.finish()
    origin_used = cpu_time(origin_pids) - origin_before
    child.send({"report": True})
    report = _hear(child, _GRACE)
    return window.sample(
        report["requests"],
        report["seconds"],
        report["p50_us"],
        report["p99_us"],
        origin_used.total / report["seconds"],
    )


def _hear(child: Child, timeout: float) -> dict[str, Any]:
    """Receive what a client says next, and raise what it reports as an error."""
    message = child.receive(timeout)
    if "error" in message:
        raise ProcessFailureError(message["error"])
    return message
