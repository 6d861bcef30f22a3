"""Writes what a run found: tables for people (the same on stdout and in latest.md) and JSON for machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .goals import CPU, LIMITS, P99, SPEED, judge
from .peers import CLIENTS, SERVERS
from .results import ratio
from .works import CLIENT_WORKS, IDLE_CONNECTIONS, SERVER_WORKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .goals import Goal, Limit, Verdict
    from .peers import Peer
    from .results import Cell, Results
    from .works import ClientWork, ServerWork

Table = list[list[str]]
METRIC_NAMES = {SPEED: "req/s", CPU: "CPU", P99: "p99"}
TIMES = "\N{MULTIPLICATION SIGN}"

HEADINGS = {
    "server": [
        "server",
        "req/s",
        "CPU µs",
        "user",
        "sys",
        "p50 ms",
        "p99 ms",
        "RSS MiB",
        "load core",
        "foreign",
    ],
    "client": [
        "client",
        "req/s",
        "CPU µs",
        "user",
        "sys",
        "p50 ms",
        "p99 ms",
        "RSS MiB",
        "origin core",
        "foreign",
    ],
}
NOTES = (
    "CPU µs: CPU time per request of the whole process tree, user + sys. load core, origin core: how much of "
    "its core the other side used; `*`: all of it, so that req/s is a lower bound. foreign: how much of the "
    "core under test went to other programs or the hypervisor; above some per cent, run again."
)


def tables(results: Results) -> list[tuple[str, Table]]:
    """Build a table for each work, the first row of each being its heading."""
    found = []
    plans: tuple[tuple[str, Sequence[ServerWork | ClientWork], Sequence[Peer]], ...] = (
        ("server", SERVER_WORKS, SERVERS),
        ("client", CLIENT_WORKS, CLIENTS),
    )
    for kind, works, peers in plans:
        for work in works:
            rows = [
                _row(peer.name, cell)
                for peer in peers
                if (cell := results.cells.get((kind, peer.name, work.name))) is not None
            ]
            if rows:
                found.append((f"{kind}: {work.title}", [HEADINGS[kind], *rows]))
    for kind, title, heading in (
        ("idle", f"server: {IDLE_CONNECTIONS:,} idle keep-alive connections", ["server", "KiB each"]),
        ("import", "import, beyond asyncio", ["package", "ms"]),
    ):
        if names := results.names(kind):
            rows = [[name, f"{results.figure(kind, name):.1f}"] for name in names]
            found.append((title, [heading, *rows]))
    return found


def _row(name: str, cell: Cell) -> list[str]:
    speed = cell.median(SPEED)
    if speed is None:
        return [name, "n/a", cell.problem or "not measured"]

    def show(metric: str, form: str, scale: float = 1.0) -> str:
        value = cell.median(metric)
        return "-" if value is None else format(value * scale, form)

    return [
        name,
        f"{speed:,.0f}" + ("*" if cell.load_limited else ""),
        show(CPU, ".1f"),
        show("user_us", ".1f"),
        show("system_us", ".1f"),
        show("p50_us", ".2f", 1e-3),
        show("p99_us", ".2f", 1e-3),
        show("rss_mib", ".0f"),
        show("load_share", ".0%"),
        show("foreign_share", ".0%"),
    ]


def goal_table(results: Results) -> Table:
    """Put every goal that this run asked for beside what it found."""
    rows = [["goal", "of", "must be", "target", "is", ""]]
    rows += [_goal_row(verdict) for verdict in judge(results) if _asked(verdict.goal, results)]
    rows += [_limit_row(limit, results) for limit in LIMITS if _wanted(limit, results)]
    return rows


def _asked(goal: Goal, results: Results) -> bool:
    """Was the goal's own side a part of the run? A short run leaves some out."""
    return (goal.kind, goal.peer, goal.work) in results.cells


def _wanted(limit: Limit, results: Results) -> bool:
    """Was the figure a part of the run? It is there then, or there is a reason why not."""
    return bool(results.names(limit.kind)) or any(name.startswith(limit.kind) for name in results.missing)


def _limit_row(limit: Limit, results: Results) -> list[str]:
    value = results.figure(limit.kind, limit.name)
    bound = f"< {limit.bound:g}"
    if value is None:
        return [limit.title, limit.unit, bound, "", "-", "not measured"]
    return [limit.title, limit.unit, bound, "", f"{value:.1f}", limit.word(value)]


def _goal_row(verdict: Verdict) -> list[str]:
    goal: Goal = verdict.goal
    sign = "≥" if goal.at_least else "≤"
    word = verdict.word
    if verdict.cpu_value is not None:
        limit = "; req/s held back by the load core" if verdict.load_limited else ""
        word += f" ({verdict.cpu_value:.2f} {TIMES} by CPU{limit})"
    return [
        f"{goal.kind}: {goal.title}",
        METRIC_NAMES[goal.metric],
        f"{sign} {goal.bound:g} {TIMES}",
        f"{sign} {goal.target:g} {TIMES}" if goal.target is not None else "",
        "-" if verdict.value is None else f"{verdict.value:.2f} {TIMES}",
        word,
    ]


def peer_ratio_table(results: Results) -> Table:
    """Put every server and client beside aiohttp on uvloop, at the lightest work of each."""
    rows = [["beside aiohttp on uvloop", "req/s", "CPU"]]
    for kind, peers, work in (("server", SERVERS, "hello"), ("client", CLIENTS, "small-64")):
        base = results.find(kind, "aiohttp-uvloop", work)
        for peer in peers:
            cell = results.find(kind, peer.name, work)
            speed, cpu = ratio(cell, base, SPEED), ratio(cell, base, CPU)
            if speed is not None and cpu is not None:
                rows.append([f"{kind} {work}: {peer.name}", f"{speed:.2f} {TIMES}", f"{cpu:.2f} {TIMES}"])
    return rows


def aligned(table: Table, ends_in_text: bool = False) -> str:
    """Lay a table out in columns for a terminal; a row that is short ends in free text, or all do."""
    columns = len(table[0])
    widths = [max(len(row[i]) for row in table if len(row) == columns) for i in range(columns)]
    lines = []
    for row in table:
        first, *middle = (
            text.rjust(width) if i else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=False))
        )
        if ends_in_text or len(row) < columns:
            middle[-1] = row[-1]
        lines.append("  ".join([first, *middle]).rstrip())
    lines.insert(1, "─" * (sum(widths) + 2 * (columns - 1)))
    return "\n".join(lines)


def markdown(table: Table) -> str:
    """Lay a table out as Markdown."""
    columns = len(table[0])
    lines = ["| " + " | ".join(row + [""] * (columns - len(row))) + " |" for row in table]
    lines.insert(1, "|" + "|".join(["---"] + ["--:"] * (columns - 1)) + "|")
    return "\n".join(lines)


def page(results: Results, facts: dict[str, Any], picture: str) -> str:
    """Write the Markdown page of a run; `picture` is the picture's file name beside it."""
    parts = [
        "# The latest run",
        "Written by `benchmarks/run.py`; do not edit. What the words mean stands in [README.md](README.md).",
        " · ".join(f"{name}: {value}" for name, value in facts["run"].items()),
        " · ".join(f"{name}: {value}" for name, value in facts["machine"].items()),
        " · ".join(f"{name} {version}" for name, version in facts["versions"].items()),
        f"![{facts['run']['mode']} run]({picture})",
        "## Goals",
        markdown(goal_table(results)),
    ]
    for title, table in tables(results):
        parts += [f"## {title}", markdown(table)]
    if results.missing:
        parts += ["## Not measured", "\n".join(f"- {name}: {why}" for name, why in results.missing.items())]
    return "\n\n".join([*parts, NOTES]) + "\n"


def as_json(results: Results, facts: dict[str, Any]) -> str:
    """Write everything for machines: facts, every round of every cell, goals."""
    cells: dict[str, dict[str, dict[str, Any]]] = {}
    for (kind, peer, work), cell in results.cells.items():
        cells.setdefault(kind, {}).setdefault(work, {})[peer] = cell.summary()
    goals = [
        {
            "kind": verdict.goal.kind,
            "title": verdict.goal.title,
            "metric": verdict.goal.metric,
            "at_least": verdict.goal.at_least,
            "bound": verdict.goal.bound,
            "target": verdict.goal.target,
            "value": verdict.value,
            "cpu_value": verdict.cpu_value,
            "load_limited": verdict.load_limited,
            "reached": verdict.reached,
        }
        for verdict in judge(results)
    ]
    whole = {
        **facts,
        "core_speed_ms": results.core_speed,
        "goals": goals,
        "cells": cells,
        "imports_ms": {name: results.figures["import", name] for name in results.names("import")},
        "idle_kib": {name: results.figures["idle", name] for name in results.names("idle")},
        "missing": results.missing,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
