"""Race quinde against its peers in one run, on the same work, and compare with the goals.

    python benchmarks/run.py --quick        three minutes at most, once the environment is made
    python benchmarks/run.py                everything, more rounds: 25 minutes at most
    python benchmarks/run.py --only server:quinde --only server:aiohttp-uvloop:hello
    python benchmarks/run.py --publish      put the tables of the latest full run into README.md

Runs on any Python ≥ 3.11 with the standard library alone; the peers run in benchmarks/.venv, made by this.
Writes latest.json, latest.md and latest.svg (partial.* with --only). benchmarks/README.md tells the method.
"""

from __future__ import annotations

import argparse
import math
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import environment, machine, picture, report
from harness.bench import Bench, Plan
from harness.client_race import measure_clients, origin_name
from harness.idle_race import measure_idle
from harness.import_race import measure_imports
from harness.load import Generator
from harness.processes import on_cores
from harness.progress import Progress
from harness.publish import UnfitRunError, publish
from harness.server_race import measure_servers

HERE = environment.BENCHMARKS
QUICK = Plan(rounds=3, server_seconds=0.6, client_seconds=0.4, warm_up=0.15, import_runs=15, limit=170)
UNSTEADY = 1.15
FULL = Plan(rounds=5, server_seconds=1.0, client_seconds=0.9, warm_up=0.2, import_runs=15, limit=1380)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    arguments = argparse.ArgumentParser(description="Race quinde against its peers.")
    arguments.add_argument("--quick", action="store_true", help="short windows: three minutes at most")
    arguments.add_argument("--rounds", type=int, help="rounds of each measurement; the median counts")
    arguments.add_argument("--seconds", type=float, help="length of each measured window (at least 0.3)")
    arguments.add_argument(
        "--only", action="append", default=[], metavar="PART", help="only what has PART in kind:peer:work"
    )
    arguments.add_argument("--no-install", action="store_true", help="take the environment as it is")
    arguments.add_argument("--own-load", action="store_true", help="our own generator in place of wrk")
    arguments.add_argument("--venv", type=Path, default=HERE / ".venv", help="another environment")
    arguments.add_argument("--out", type=Path, default=HERE, help="directory for the results")
    arguments.add_argument(
        "--publish",
        action="store_true",
        help="measure nothing; put the latest full run's tables into README.md",
    )
    return arguments.parse_args()


def make_plan(chosen: argparse.Namespace) -> Plan:
    """Make the plan of the run from the command line."""
    base = QUICK if chosen.quick else FULL
    return Plan(
        rounds=max(1, chosen.rounds or base.rounds),
        server_seconds=max(0.3, chosen.seconds or base.server_seconds),
        client_seconds=max(0.3, chosen.seconds or base.client_seconds),
        warm_up=base.warm_up,
        import_runs=base.import_runs,
        only=tuple(chosen.only),
        quick=chosen.quick,
        limit=math.inf if chosen.rounds or chosen.seconds else base.limit,
    )


def measure(bench: Bench, progress: Progress) -> None:
    """Run the three parts."""
    progress.title(f"servers, loaded by {bench.generator.name}")
    measure_servers(bench, progress)
    progress.title(f"clients, against {origin_name()}")
    measure_clients(bench, progress)
    progress.title("idle connections")
    measure_idle(bench, progress)
    progress.title("imports")
    measure_imports(bench, progress)
    progress.clear()


def describe_speed(loops: list[float]) -> dict[str, str]:
    """Say how fast and how steady the core under test was, by the fixed loop of each round."""
    return {"fixed loop, CPU ms": f"{min(loops):.0f} to {max(loops):.0f}"} if loops else {}


def gather_facts(bench: Bench, mode: str, before: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Collect what the figures depend on."""
    plan = bench.plan
    return {
        "run": {
            "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "mode": mode,
            "rounds": plan.rounds,
            "window": f"servers {plan.server_seconds:g} s, clients {plan.client_seconds:g} s",
            "load": bench.generator.name,
            "origin": origin_name(),
            "seconds": round(seconds),
        },
        "machine": {**before, **describe_speed(bench.results.core_speed)},
        "versions": bench.environment.versions(),
    }


def show(bench: Bench, facts: dict[str, Any]) -> None:
    """Print the tables, the goals last."""
    results = bench.results
    for title, table in report.tables(results):
        print(f"\n{title}\n{report.aligned(table)}")
    print(f"\n{report.NOTES}")
    for table in (report.peer_ratio_table(results), report.goal_table(results)):
        if len(table) > 1:
            print(f"\n{report.aligned(table, ends_in_text=table[0][-1] == '')}")
    for name, why in results.missing.items():
        print(f"not measured: {name}: {why}")
    if loops := results.core_speed:
        advice = ": unsteady, run again when it is quieter" if max(loops) > UNSTEADY * min(loops) else ""
        print(
            f"a fixed loop took {min(loops):.0f} to {max(loops):.0f} ms of CPU on the core under test{advice}"
        )
    if bench.cores.shared:
        print("only one core: load and server share it, so req/s and latency mean little here")
    print(f"{facts['run']['seconds']} s in all")


def write(bench: Bench, facts: dict[str, Any], directory: Path) -> None:
    """Write the three result files."""
    name = "partial" if bench.plan.only else "latest"
    heading = f"{facts['run']['date']}, Python {facts['versions']['Python']}, {facts['machine']['cpu']}"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.json").write_text(report.as_json(bench.results, facts))
    (directory / f"{name}.md").write_text(report.page(bench.results, facts, f"{name}.svg"))
    (directory / f"{name}.svg").write_text(picture.draw(bench.results, heading))
    print(f"written: {directory / name}.json, .md, .svg")


def publish_latest(directory: Path) -> int:
    """Put latest.md of a directory into README.md; 0 when it is done."""
    latest, readme = directory / "latest.md", HERE / "README.md"
    try:
        readme.write_text(publish(latest.read_text(), readme.read_text()))
    except (OSError, UnfitRunError) as error:
        print(f"not published: {error}", file=sys.stderr)
        return 1
    print(f"{latest} is in {readme}")
    return 0


def main() -> int:
    """Do a run; 0 when it ran, whatever the goals say, for a shared machine must not fail a build."""
    chosen = read_arguments()
    if chosen.publish:
        return publish_latest(chosen.out)
    # So that the children end with us when we are told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        ready = environment.prepare(chosen.venv, install=not chosen.no_install)
    except RuntimeError as error:
        print(f"no environment for the peers: {error}", file=sys.stderr)
        return 1
    machine.raise_open_file_limit()
    cores = machine.pick_cores()
    before = machine.describe_machine(cores)
    bench = Bench(ready, cores, Generator(ready.python, cores, chosen.own_load), make_plan(chosen))
    progress = Progress()
    try:
        # We share the load's core, where we sleep most of the time, and leave the other one alone.
        with on_cores(cores.load):
            measure(bench, progress)
        facts = gather_facts(bench, "quick" if chosen.quick else "full", before, progress.seconds())
        show(bench, facts)
        write(bench, facts, chosen.out)
    except KeyboardInterrupt:
        print("\nstopped; nothing was written", file=sys.stderr)
        return 130
    finally:
        bench.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
