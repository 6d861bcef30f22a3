"""Measures imports: how long one takes in a fresh process that has imported asyncio before."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from .peers import IMPORTS
from .processes import on_cores

if TYPE_CHECKING:
    from .bench import Bench
    from .progress import Progress

KIND = "import"
_CODE = """
import asyncio, time
start = time.perf_counter()
{statement}
print((time.perf_counter() - start) * 1000)
"""


def measure_imports(bench: Bench, progress: Progress) -> None:
    """Time each import in fresh processes, by turns; the first, which fills caches, does not count."""
    results, problem = bench.results, bench.environment.quinde_problem
    names = [name for name in IMPORTS if bench.plan.wants(KIND, name)]
    if problem:
        results.missing.update({f"import {name}": problem for name in names if name.startswith("quinde")})
        names = [name for name in names if not name.startswith("quinde")]
    for turn in range(bench.plan.import_runs + 1):
        if turn > 1 and progress.seconds() > bench.plan.limit:
            return
        for name in tuple(names):
            progress.step(f"import {name}")
            command = [str(bench.environment.python), "-I", "-c", _CODE.format(statement=IMPORTS[name])]
            with on_cores(bench.cores.test):
                answer = subprocess.run(command, capture_output=True, text=True, check=False)
            if answer.returncode:
                names.remove(name)
                results.missing[f"import {name}"] = (answer.stderr.strip().splitlines() or ["failed"])[-1]
            elif turn:
                results.figures.setdefault((KIND, name), []).append(float(answer.stdout))
