"""Measures the clients: each a process that drive.py runs, by turns, one at a time, against a fast origin."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .bench import Window, running
from .environment import BENCHMARKS
from .machine import find_program
from .peers import CLIENTS
from .processes import Child, ProcessFailureError, cpu_time, tree
from .serve import WrongAnswerError, check_answer, start_server
from .works import BODY_1K, CLIENT_WORKS, ORIGIN_FILES, ORIGIN_POST, RECEIVED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .bench import Bench
    from .peers import Peer
    from .progress import Progress
    from .works import ClientWork

KIND = "client"
# glibc gives memory at the heap's end back to the system and asks for fresh pages for the next body. Whether
# it does is luck of the heap's layout, and can cost as much as the rest of a request for 1 MiB. None does it.
_KEPT_HEAP = {"MALLOC_TRIM_THRESHOLD_": str(2**30), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
# Beyond the window itself: 512 connections to open on a slow machine, the last answers of slow clients.
_GRACE = 20.0


@dataclass(frozen=True)
class Origin:
    """A running origin; `authority` is what its certificate is verified against, None for http."""

    child: Child
    port: int
    authority: Path | None

    def options(self) -> list[str]:
        """What drive.py must be told to find it."""
        if self.authority is None:
            return [f"--origin=http://127.0.0.1:{self.port}"]
        return [f"--tls-origin=https://127.0.0.1:{self.port}", f"--authority={self.authority}"]


def measure_clients(bench: Bench, progress: Progress) -> None:
    """Fill the results with every client at every work, round by round, so that all meet the same weather."""
    turns = bench.plan.pairs(KIND, CLIENT_WORKS, CLIENTS)
    if not turns:
        return
    with contextlib.ExitStack() as stack:
        origins = {tls: _start_origin(bench, tls, stack) for tls in sorted({work.tls for work, _ in turns})}
        started = {
            peer: _start(bench, peer, origins, stack) for peer in dict.fromkeys(peer for _, peer in turns)
        }
        for work, peer in turns:
            bench.results.cell(KIND, peer.name, work.name).problem = _why_not(
                peer, work, origins[work.tls], started[peer]
            )
        for _ in bench.rounds(KIND, progress, part_of_limit=0.95):
            for work, peer in turns:
                client, origin = started[peer], origins[work.tls]
                if isinstance(client, Child) and isinstance(origin, Origin):
                    progress.step(f"{peer.name}: {work.title}")
                    _measure(bench, peer, work, client, origin.child)


def _why_not(peer: Peer, work: ClientWork, origin: Origin | str, client: Child | str) -> str | None:
    """Say why a client cannot be measured at a work; None when it can be tried."""
    if work.name in peer.lacks:
        return peer.lacks[work.name]
    return next((reason for reason in (client, origin) if isinstance(reason, str)), None)


def origin_name() -> str:
    """What serves the clients here."""
    return "nginx" if find_program("nginx") else "our own origin on uvloop"


def _start_origin(bench: Bench, tls: bool, stack: contextlib.ExitStack) -> Origin | str:
    """Start nginx, or our own raw server where there is none, on the load core; else say why not."""
    files = bench.scratch / "files"
    files.mkdir(exist_ok=True)
    for path, content in ORIGIN_FILES.items():
        (files / path[1:]).write_bytes(content)
    nginx = find_program("nginx")
    script = ["servers/nginx.py", f"--program={nginx}"] if nginx else ["load/origin.py"]
    name = "origin, TLS" if tls else "origin"
    try:
        certificates = bench.certificates if tls else None

        def command(port: int) -> list[str]:
            file, *options = script
            options += [f"--port={port}", f"--files={files}"]
            if certificates:
                options += ["--tls", str(certificates.certificate), str(certificates.key)]
            return [str(bench.environment.python), str(BENCHMARKS / file), *options]

        directory = {"TMPDIR": str(bench.scratch)}
        log = bench.scratch / f"{name.replace(', ', '-')}.log"
        child, port = start_server(f"the {name}", command, bench.cores.of_load(), directory, log)
        stack.callback(child.stop)
        authority = certificates.authority if certificates else None
        for path, content in ORIGIN_FILES.items():
            check_answer(port, "GET", path, b"", content, authority=authority)
        check_answer(port, "POST", ORIGIN_POST, BODY_1K, RECEIVED, authority=authority)
    except (ProcessFailureError, WrongAnswerError, RuntimeError) as failure:
        bench.results.missing[f"{KIND} {name}"] = str(failure)
        return str(failure)
    return Origin(child, port, authority)


def _start(
    bench: Bench, peer: Peer, origins: Mapping[bool, Origin | str], stack: contextlib.ExitStack
) -> Child | str:
    """Start one client and park it; else say why not, in the results too."""
    options = []
    for origin in origins.values():
        if isinstance(origin, Origin):
            options += origin.options()
    reason = peer.why_missing(bench.environment)
    if reason is None:
        child = Child(
            peer.name,
            peer.client_command(bench.environment, options),
            bench.cores.under_test(),
            {**_KEPT_HEAP, **peer.environment},
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
    return reason


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
            sample = _run_window(bench, peer, work, child, origin)
    except ProcessFailureError as failure:
        cell.problem = str(failure)
        cell.samples.append(None)
        if child.alive and "kept silent" in cell.problem:
            child.stop()
        return
    cell.samples.append(sample)


def _run_window(bench: Bench, peer: Peer, work: ClientWork, child: Child, origin: Child) -> Any:
    """Lead one client through one work, as drive.py describes, and read the CPU times at the edges."""
    seconds, warm_up = bench.plan.client_seconds, bench.plan.warm_up
    child.send(
        {
            "path": work.path,
            "size": work.size,
            "in_flight": peer.in_flight or work.in_flight,
            "body": work.body.decode(),
            "session": work.session,
            "tls": work.tls,
            "seconds": seconds,
            "warm_up": warm_up,
        }
    )
    _hear(child, warm_up + _GRACE)
    origin_pids = tree(origin.pid)
    origin_before = cpu_time(origin_pids)
    window = Window(child.pid, bench.cores.under_test())
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
