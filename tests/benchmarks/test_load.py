from __future__ import annotations

import pytest

from benchmarks.harness.load import BadAnswersError, LoadResult, parse_answer
from benchmarks.harness.processes import ProcessFailureError

WRK = """Running 10s test @ http://127.0.0.1:8123/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   448.05us  289.96us   4.88ms   95.59%
Requests/sec:  84196.78
"""
LINE = (
    '{"requests": 60000, "seconds": 0.750000, "p50_us": 380, "p99_us": 1229, '
    '"connect": 0, "read": 0, "write": 0, "status": 0, "timeout": 0}\n'
)


def test_the_line_at_the_end_of_wrks_output_counts() -> None:
    result = parse_answer(WRK + LINE, cpu_seconds=0.375, pipelined=False)
    assert result == LoadResult(60000, 0.75, 380, 1229, generator_share=0.5)


def test_pipelined_work_has_no_latencies() -> None:
    result = parse_answer(WRK + LINE, cpu_seconds=0.375, pipelined=True)
    assert (result.p50_us, result.p99_us) == (None, None)


def test_a_generator_that_knows_its_cpu_time_is_believed() -> None:
    line = '{"requests": 10, "seconds": 2.0, "p50_us": 1, "p99_us": 2, "cpu_seconds": 1.5}'
    assert parse_answer(line, cpu_seconds=9.0, pipelined=False).generator_share == 0.75


@pytest.mark.parametrize("kind", ["connect", "read", "write", "status", "timeout"])
def test_any_error_voids_the_measurement(kind: str) -> None:
    with pytest.raises(BadAnswersError, match=f"60000 answers; errors: {kind} 3"):
        parse_answer(LINE.replace(f'"{kind}": 0', f'"{kind}": 3'), cpu_seconds=0.1, pipelined=False)


def test_no_answer_at_all_voids_the_measurement() -> None:
    with pytest.raises(BadAnswersError, match="0 answers; errors: none"):
        parse_answer(LINE.replace("60000", "0"), cpu_seconds=0.1, pipelined=False)


@pytest.mark.parametrize(
    ("output", "said"),
    [("", "silence"), ("unable to connect to 127.0.0.1:1 Connection refused\n", "Connection refused")],
)
def test_a_generator_without_a_result_is_a_failure(output: str, said: str) -> None:
    with pytest.raises(ProcessFailureError, match=said):
        parse_answer(output, cpu_seconds=0.1, pipelined=False)
