from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.harness.processes import (
    Child,
    CpuTime,
    ProcessFailureError,
    cores_busy,
    cpu_time,
    on_cores,
    resident_bytes,
    tree,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Start = Callable[[str], Child]

CORE = min(os.sched_getaffinity(0))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    children: list[Child] = []

    def run(code: str) -> Child:
        command = [sys.executable, "-c", code]
        children.append(Child("the child", command, (CORE,), {"SAID": "hi"}, tmp_path / "log", talks=True))
        return children[-1]

    yield run
    for child in children:
        child.stop()


def test_ticks_divide_the_precise_sum() -> None:
    used = CpuTime(3.0, user_ticks=0.6, system_ticks=0.2) - CpuTime(1.0, user_ticks=0.3, system_ticks=0.1)
    assert used.per_request(100_000) == pytest.approx((15.0, 5.0))


def test_without_ticks_all_counts_as_user_time() -> None:
    assert CpuTime(0.001, 0.0, 0.0).per_request(100) == (10.0, 0.0)


def test_a_child_talks_in_lines_on_its_own_core(start: Start) -> None:
    ours = os.sched_getaffinity(0)
    child = start(
        "import json, os, sys\n"
        "for line in sys.stdin:\n"
        "    cores = list(os.sched_getaffinity(0))\n"
        "    print(json.dumps([json.loads(line), os.environ['SAID'], cores]), flush=True)\n"
    )
    child.send({"a": 1})
    assert child.receive(20) == [{"a": 1}, "hi", [CORE]]
    assert os.sched_getaffinity(0) == ours


def test_a_child_that_ends_is_quoted(start: Start) -> None:
    child = start("raise SystemExit('no such peer')")
    with pytest.raises(ProcessFailureError, match="the child ended: exit status 1: no such peer"):
        child.receive(20)


def test_a_child_that_talks_nonsense_is_a_failure(start: Start) -> None:
    with pytest.raises(ProcessFailureError, match="nonsense"):
        start("print('nonsense')").receive(20)


def test_a_silent_child_is_a_failure(start: Start) -> None:
    child = start("import sys; sys.stdin.read()")
    with pytest.raises(ProcessFailureError, match="kept silent for 0 s"):
        child.receive(0)


def test_a_tree_holds_grandchildren_and_what_they_cost(start: Start) -> None:
    child = start(
        "import subprocess, sys\n"
        "code = 'print(sum(range(1000)), flush=True); input()'\n"
        "subprocess.run([sys.executable, '-c', code], stdin=sys.stdin)\n"
    )
    assert child.receive(20) == 499500
    pids = tree(child.pid)
    assert len(pids) == 2
    whole, part = cpu_time(pids), cpu_time(pids[:1])
    assert whole.total > part.total > 0
    assert resident_bytes(pids) > resident_bytes(pids[:1]) > 0


def test_the_cores_are_those_from_before_afterwards() -> None:
    before = os.sched_getaffinity(0)
    with on_cores(CORE):
        assert os.sched_getaffinity(0) == {CORE}
    assert os.sched_getaffinity(0) == before


def test_several_cores_are_busier_than_one() -> None:
    cores = os.sched_getaffinity(0)
    one, all_of_them, again = cores_busy([CORE]), cores_busy(cores), cores_busy([CORE])
    assert 0 < one <= again
    assert all_of_them >= one
    with pytest.raises(ValueError, match="cpu99999"):
        cores_busy([CORE, 99999])


def test_stopping_ends_a_parked_child_too(start: Start) -> None:
    child = start("import sys; sys.stdin.read()")
    child.park()
    child.stop()
    assert not child.alive
    child.stop()


def test_a_process_that_has_gone_costs_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    assert cpu_time([gone.pid]) == CpuTime(0.0, 0.0, 0.0)
