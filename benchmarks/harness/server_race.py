"""Measures the servers: each started once and parked, then loaded by turns, one at a time."""

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
    from .bench import Bench
    from .peers import Peer
    from .progress import Progress
    from .works import ServerWork

KIND = "server"


def measure_servers(bench: Bench, progress: Progress) -> None:
    """Fill the results with every server at every work, round by round, so that all meet the same weather."""
    wants = bench.plan.wants
    turns = [(work, peer) for work in SERVER_WORKS for peer in SERVERS if wants(KIND, peer.name, work.name)]
    with contextlib.ExitStack() as stack:
        started = {peer: _start(bench, peer, stack) for peer in dict.fromkeys(peer for _, peer in turns)}
        for _ in bench.rounds(KIND, progress, part_of_limit=0.5):
            for work, peer in turns:
                if (server := started[peer]) is not None:
                    progress.step(f"{peer.name}: {work.title}")
                    _measure(bench, peer, work, *server)


def _start(bench: Bench, peer: Peer, stack: contextlib.ExitStack) -> tuple[Child, int] | None:
    """Start one server, hold it to every work, and park it; None with the reason in the results."""
    reason = peer.why_missing(bench.environment)
    if reason is None:
        try:
            child, port = start_server(
                peer.name,
                lambda port: peer.server_command(bench.environment, port),
                bench.cores.test,
                {**peer.environment, "TMPDIR": str(bench.scratch)},
                bench.scratch / f"server-{peer.name}.log",
            )
        except ProcessFailureError as failure:
            reason = str(failure)
        else:
            stack.callback(child.stop)
            _check(bench, peer, port)
            child.park()
            return child, port
    bench.results.missing[f"{KIND} {peer.name}"] = reason
    return None


def _check(bench: Bench, peer: Peer, port: int) -> None:
    """Mark each work that this server lacks or answers wrongly."""
    for work in SERVER_WORKS:
        if not bench.plan.wants(KIND, peer.name, work.name):
            continue
        cell = bench.results.cell(KIND, peer.name, work.name)
        cell.problem = peer.lacks.get(work.name)
        if cell.problem is None:
            try:
                check_answer(port, work.method, work.path, work.body, work.expected)
            except WrongAnswerError as wrong:
                cell.problem = str(wrong)


def _measure(bench: Bench, peer: Peer, work: ServerWork, child: Child, port: int) -> None:
    """Add one round to the cell; a work that failed once is not tried again."""
    cell = bench.results.cell(KIND, peer.name, work.name)
    if cell.problem is not None:
        cell.samples.append(None)
        return
    try:
        with running(child):
            bench.generator.load(port, work, bench.plan.warm_up)
            window = Window(child.pid, bench.cores.test)
            load = bench.generator.load(port, work, bench.plan.server_seconds)
            window.finish()
    except (ProcessFailureError, BadAnswersError) as failure:
        cell.problem = str(failure) if child.alive else f"{peer.name} ended: {child.last_words()}"
        cell.samples.append(None)
        return
    cell.samples.append(
        window.sample(load.requests, load.seconds, load.p50_us, load.p99_us, load.generator_share)
    )
