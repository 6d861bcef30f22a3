"""Every Python block of README.md, the other documents and docs/ runs, each as a program of its own.

A server block is asked for a page. A client block is run against the last server block before it in its
document.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

from quinde.cli.contestants import CONTESTANTS
from quinde.cli.report import print_report
from quinde.cli.result import Row
from tests.examples.documents import ROOT, SHOWN_ADDRESS, Sample, samples
from tests.examples.running import PATIENCE, at_port, run, serving
from tests.support.servers import closed_port

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = samples()


def server_of(client: Sample) -> Sample:
    """Find the server that a client block asks: the last one before it, else the first of its document."""
    servers = [sample for sample in SAMPLES if sample.document == client.document and sample.is_server]
    assert servers, f"{client} asks a server that its document does not show"
    before = [server for server in servers if server.line < client.line]
    return before[-1] if before else servers[0]


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_sample_runs(sample: Sample, tmp_path: Path) -> None:
    program = tmp_path / "sample.py"
    if sample.is_server:
        program.write_text(at_port(sample.code, closed_port()), encoding="utf-8")
        with serving(program) as url:
            direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with direct.open(url + "/world", timeout=PATIENCE) as response:
                assert response.status == 200
                assert response.read() == b"Hello, world!"
    elif sample.is_client_of_ours:
        server = tmp_path / "server.py"
        server.write_text(at_port(server_of(sample).code, closed_port()), encoding="utf-8")
        with serving(server) as url:
            program.write_text(sample.code.replace(SHOWN_ADDRESS, url), encoding="utf-8")
            assert run(program).strip() != ""
    else:
        program.write_text(sample.code, encoding="utf-8")
        run(program)


def test_the_readme_shows_a_server_of_eight_lines_and_a_client_of_four() -> None:
    readme = [sample for sample in SAMPLES if sample.document == "README.md"]
    (server,) = (sample for sample in readme if sample.is_server)
    client = next(sample for sample in readme if sample.is_client_of_ours)
    assert len(lines(server)) <= 8
    assert len([line for line in lines(client) if not line.startswith("import ")]) <= 4


def lines(sample: Sample) -> list[str]:
    """The lines with something on them."""
    return [line for line in sample.code.splitlines() if line.strip()]


def test_the_readmes_client_prints_what_the_readme_says(tmp_path: Path) -> None:
    client = next(sample for sample in SAMPLES if sample.document == "README.md" and sample.is_client_of_ours)
    server = tmp_path / "server.py"
    server.write_text(at_port(server_of(client).code, closed_port()), encoding="utf-8")
    program = tmp_path / "client.py"
    with serving(server) as url:
        program.write_text(client.code.replace(SHOWN_ADDRESS, url), encoding="utf-8")
        printed = run(program)
    assert f"```\n{printed}```" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_shows_the_race_as_it_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures are of one day; title, headings, rows and bars must be those of today's program."""
    rows = [
        Row(name=each.name, library="", version="", requests=151, concurrency=1, seconds=1.0, cpu_seconds=1.0)
        for each in CONTESTANTS.values()
    ]
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stdout", printed)
    print_report("151 requests to the embedded PokéAPI, 20 ms each", rows)
    shown = (ROOT / "README.md").read_text(encoding="utf-8")

    def words(text: str) -> list[str]:
        return re.findall(r"[^\W\d][\w.,/]*", text)

    block = next(block for block in shown.split("```") if "151 requests" in block)
    assert words(block) == words(printed.getvalue())


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_sample_imports_quinde_and_nothing_else_from_outside(sample: Sample) -> None:
    imported = set()
    for node in ast.walk(ast.parse(sample.code)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
    assert imported <= {"asyncio", "collections", "json", "pathlib", "quinde", "sys", "time", "typing"}
