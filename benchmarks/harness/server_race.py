"""Measures the servers: each started once in each setup and parked, then loaded by turns, one at a time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from .bench import Window, running
from .load import BadAnswersError
from .peers import SERVERS
from .processes import Child, ProcessFailureError
from .serve import WrongAnswerError, check_answer, start_server
from .works import SERVER_WORKS

if TYPE_CHECKING:
    from pathlib import Path

    from .bench import Bench
    from .peers import Peer
    from .progress import Progress
    from .works import ServerWork, Setup

KIND = "server"


def measure_servers(bench: Bench, progress: Progress) -> None:
    """Fill the results with every server at every work, round by round, so that all meet the same weather."""
    turns = bench.plan.pairs(KIND, SERVER_WORKS, SERVERS)
    setups: dict[tuple[Peer, Setup], list[ServerWork]] = {}
    for work, peer in turns:
        setups.setdefault((peer, work.setup), []).append(work)
    with contextlib.ExitStack() as stack:
        started = {
            (peer, setup): _start(bench, peer, setup, works, stack) for (peer, setup), works in setups.items()
        }
        for _ in bench.rounds(KIND, progress, part_of_limit=0.5):
            for work, peer in turns:
                if (server := started[peer, work.setup]) is not None:
                    progress.step(f"{peer.name}: {work.title}")
                    _measure(bench, peer, work, *server)


def _start(
    bench: Bench, peer: Peer, setup: Setup, works: list[ServerWork], stack: contextlib.ExitStack
) -> tuple[Child, int] | None:
    """Start one server, hold it to its works, and park it; None with the reason in the results."""
    wanted = [work for work in works if not _lacks(bench, peer, work)]
    if not wanted:
        return None
    reason = peer.why_missing(bench.environment)
    if reason is None:
        try:
            child, port = start(bench, peer, setup)
        except (ProcessFailureError, RuntimeError) as failure:
            reason = str(failure)
        else:
            stack.callback(child.stop)
            for work in wanted:
                _check(bench, peer, work, port)
            child.park()
            return child, port
    bench.results.missing[f"{KIND} {peer.name}, {setup.name}"] = reason
    for work in wanted:
        bench.results.cell(KIND, peer.name, work.name).problem = reason
    return None


def start(bench: Bench, peer: Peer, setup: Setup) -> tuple[Child, int]:
    """Start one server in one setup; give it and its port.

    Raises:
        ProcessFailureError: it ended or takes no connections.
        RuntimeError: there are no certificates for it.
    """
    certificates = bench.certificates if setup.tls else None
    return start_server(
        f"{peer.name}, {setup.name}",
        lambda port: peer.server_command(bench.environment, port, setup, certificates),
        bench.cores.under_test(setup.spread),
        {**peer.environment, "TMPDIR": str(bench.scratch)},
        bench.scratch / f"server-{peer.name}-{setup.name.replace(' ', '-')}.log",
    )


def _lacks(bench: Bench, peer: Peer, work: ServerWork) -> bool:
    """Make the cell, and mark a work that this server is known not to do."""
    cell = bench.results.cell(KIND, peer.name, work.name)
    cell.problem = peer.lacks.get(work.name)
    return cell.problem is not None


def _check(bench: Bench, peer: Peer, work: ServerWork, port: int) -> None:
    """Mark a work that this server answers wrongly."""
    authority: Path | None = bench.certificates.authority if work.setup.tls else None
    close = work.mode == "close"
    try:
        check_answer(port, work.method, work.path, work.body, work.expected, close, authority)
    except WrongAnswerError as wrong:
        bench.results.cell(KIND, peer.name, work.name).problem = str(wrong)


def _measure(bench: Bench, peer: Peer, work: ServerWork, child: Child, port: int) -> None:
    """Add one round to the cell; a work that failed once is not tried again."""
    cell = bench.results.cell(KIND, peer.name, work.name)
    if cell.problem is not None:
        cell.samples.append(None)
        return
    try:
        with running(child):
            # What is wrong in it shows in the window too, but for no answer at all in so short a time.
            with contextlib.suppress(BadAnswersError):
                bench.generator.load(port, work, bench.plan.warm_up * work.stretch)
            window = Window(child.pid, bench.cores.under_test(work.setup.spread))
            load = bench.generator.load(port, work, bench.plan.server_seconds * work.stretch)
            window.finish()
    except (ProcessFailureError, BadAnswersError) as failure:
        cell.problem = str(failure) if child.alive else f"{peer.name} ended: {child.last_words()}"
        cell.samples.append(None)
        return
    cell.samples.append(
        window.sample(load.requests, load.seconds, load.p50_us, load.p99_us, load.generator_share)
    )
