"""Every sample of README.md, the other documents and docs/ runs, each as a program of its own.

A client block is run against the last server block before it in its document; a server block that nobody
asks is asked for a page. What is shown to be printed is compared.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import urllib.request
from typing import TYPE_CHECKING, Literal

import pytest

from quinde.cli.race.acts import first_title, second_title
from quinde.cli.race.contestants import CONTESTANTS, FIRST_ACT, SECOND_ACT
from quinde.cli.race.report import print_act
from quinde.cli.race.result import Act, Row
from quinde.cli.race.sentences import first_act_says, second_act_says
from quinde.cli.race.settings import Settings
from tests.examples.documents import ROOT, Output, Sample, as_shown, asking, samples, samples_in
from tests.examples.running import PATIENCE, at_port, run, serving, serving_pokeapi
from tests.support import certs
from tests.support.servers import closed_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAMPLES = samples()


def server_of(client: Sample) -> Sample:
    """Find the server that a client block asks: the last one before it, else the first of its document."""
    servers = [sample for sample in SAMPLES if sample.document == client.document and sample.is_server]
    assert servers, f"{client} asks a server that its document does not show"
    before = [server for server in servers if server.line < client.line]
    return before[-1] if before else servers[0]


ASKED = {server_of(sample) for sample in SAMPLES if sample.is_client_of_ours and not sample.is_server}
"""The servers that a client of their document asks: they run beside it."""


@pytest.fixture(scope="module")
def pokeapi() -> Iterator[str]:
    with serving_pokeapi() as url:
        yield url


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if sample not in ASKED], ids=str)
def test_a_sample_runs(sample: Sample, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    asked = server_of(sample) if sample.is_client_of_ours and not sample.is_server else None
    programs = [each for each in (sample, asked) if each is not None]
    pokemon = request.getfixturevalue("pokeapi") if any(each.wants_pokemon for each in programs) else None
    if any(each.wants_certificates for each in programs):
        certs.write(tmp_path)
    program, server = tmp_path / "sample.py", tmp_path / "server.py"
    if sample.is_server:
        program.write_text(asking(at_port(sample.code, closed_port()), pokeapi=pokemon), encoding="utf-8")
        with serving(program) as url:
            assert fetch(url + "/world") == b"Hello, world!"
    elif asked is not None:
        server.write_text(asking(at_port(asked.code, closed_port()), pokeapi=pokemon), encoding="utf-8")
        with serving(server) as url:
            program.write_text(asking(sample.code, ours=url, pokeapi=pokemon), encoding="utf-8")
            compare(sample, as_shown(sample, run(program, folder=tmp_path), ours=url, pokeapi=pokemon))
    else:
        program.write_text(asking(sample.code, pokeapi=pokemon), encoding="utf-8")
        compare(sample, as_shown(sample, run(program, folder=tmp_path), pokeapi=pokemon))


def fetch(url: str) -> bytes:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=PATIENCE) as response:
        assert response.status == 200
        body: bytes = response.read()
        return body


def compare(sample: Sample, printed: str) -> None:
    if sample.output is not None:
        sample.output.check(printed)
    elif sample.is_client_of_ours:
        assert printed.strip() != ""


def test_what_is_printed_is_compared_with_what_is_shown() -> None:
    shown = "```python\nprint()\n```\n\nIt prints\n\n```text\none …\n…\nlast\n```\n"
    (sample,) = samples_in("page.md", shown)
    assert sample.output == Output("one …\n…\nlast\n")
    for good in ("one thing\nlast\n", "one \n2\n3\nlast\n"):
        sample.output.check(good)
    for bad in ("one\nlast\n", "one thing\n", "one thing\nlast\nmore\n", "one thing\n\nlast", ""):
        with pytest.raises(AssertionError, match="shown:"):
            sample.output.check(bad)


def test_figures_vary_where_a_document_says_so() -> None:
    printed = "slow  12.5 s\nfast  0.5 s, 0.51 s, 99.9 ms\n"
    shown = f"```python\nprint()\n```\n<!-- figures vary -->\n```text\n{printed}```\n"
    (sample,) = samples_in("page.md", shown)
    output = sample.output
    assert output is not None
    for good in ("slow 2.00 s\nfast 1.9 s, 1.0 s, 0.1 ms\n", "slow  12.5 s\nfast   0.01 s, 0.02 s, 0.1 ms\n"):
        output.check(good)
    for bad in (
        "slow 2.00 s\nfast 2.9 s, 1.0 s, 1.0 ms\n",
        "slow 2.0 s\nfast 1.0 s, 2.5 s, 1.0 ms\n",
        "slow 2 s\nfast 1 s, 1 s, 1.0 ms\n",
    ):
        with pytest.raises(AssertionError, match="shown"):
            output.check(bad)


def test_a_block_that_is_not_next_is_no_output() -> None:
    shown = "```python\nprint()\n```\n```\nbare\n```\n```text\nlater\n```\n"
    assert [sample.output for sample in samples_in("page.md", shown)] == [None]


def test_a_block_is_not_run_for_a_reason_only() -> None:
    block = "```python\nprint()\n```\n"
    assert samples_in("page.md", f"<!-- not run: a fragment -->\n{block}") == []
    for other in ("", "<!-- not run: -->\n", "<!-- not run: a fragment -->\n\n", "text\n"):
        assert len(samples_in("page.md", other + block)) == 1


def test_a_command_with_its_output_is_a_sample() -> None:
    block = "```console\n$ quinde --version\n```\n"
    assert samples_in("page.md", f"{block}```python\nprint()\n```\n")[0].line == 4
    (sample,) = samples_in("page.md", f"{block}\nIt prints\n\n```text\nquinde …\n```\n")
    assert "['quinde', '--version']" in sample.code
    assert sample.output == Output("quinde …\n")


def test_a_server_block_is_not_shown_to_print() -> None:
    """Its output is the banner of `run_app`, which nobody compares."""
    assert [str(sample) for sample in SAMPLES if sample.is_server and sample.output is not None] == []


def test_the_readme_shows_a_server_of_eight_lines_and_a_client_of_four() -> None:
    readme = [sample for sample in SAMPLES if sample.document == "README.md"]
    (server,) = (sample for sample in readme if sample.is_server)
    client = next(sample for sample in readme if sample.is_client_of_ours)
    assert len(lines(server)) <= 8
    assert len([line for line in lines(client) if not line.startswith("import ")]) <= 4


def lines(sample: Sample) -> list[str]:
    """The lines with something on them."""
    return [line for line in sample.code.splitlines() if line.strip()]


_ROW = re.compile(r"^ *(\S.*?) {2,}(?:≈ )?([\d.]+) +([\d,]+) +(?:≈ )?([\d.]+) +(\d+)(?:%| MiB) +[\d.]+ x$")
"""A row of the race's table: name, seconds, requests a second, CPU seconds, waiting or memory."""


def shown_act(lines: list[str], number: Literal[1, 2]) -> Act:
    """Read an act from what was printed, with the sentences that its figures make."""
    settings = Settings()
    keys = {CONTESTANTS[key].name: key for key in CONTESTANTS}
    rows = []
    for match in filter(None, map(_ROW.match, lines)):
        planned = settings.count if number == 1 else settings.requests
        seconds, cpu_seconds = float(match[2]), float(match[4])
        key = keys[match[1]]
        rows.append(
            Row(
                key=key,
                name=match[1],
                library=CONTESTANTS[key].library,
                version="",
                requests=planned,
                planned=planned,
                concurrency=1,
                seconds=seconds,
                cpu_seconds=cpu_seconds,
                peak_bytes=int(match[5]) * 2**20,
            )
        )
    return Act(
        number=number,
        title=first_title(settings, tls=True) if number == 1 else second_title(settings),
        url="",
        round_trip=None,
        tls=True,
        rows=tuple(rows),
        sentences=first_act_says(rows, tls=True) if number == 1 else second_act_says(rows),
        notes=tuple(line.strip() for line in lines if line.endswith((" requests", "it is slower"))),
    )


def test_the_readme_shows_the_race_as_it_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures are of one day; the sentences must follow from them, and the rest be today's program's."""
    shown = (ROOT / "README.md").read_text(encoding="utf-8")
    block = next(block for block in shown.split("```") if "Act 1, why asynchronous" in block)
    lines = block.splitlines()
    middle = next(index for index, line in enumerate(lines) if line.startswith("Act 2, why quinde"))
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stdout", printed)
    print_act(shown_act(lines[:middle], 1))
    print_act(shown_act(lines[middle:], 2))

    def words(text: str) -> list[str]:
        return re.findall(r"[^\W\d][\w.,/]*", text)

    assert [row for row in FIRST_ACT if CONTESTANTS[row].name not in block] == []
    assert [row for row in SECOND_ACT if CONTESTANTS[row].name not in block] == []
    assert words(block) == words(printed.getvalue())


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_sample_imports_quinde_and_nothing_else_from_outside(sample: Sample) -> None:
    imported = set()
    for node in ast.walk(ast.parse(sample.code)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
    # The tutorial compares, and says how to install what it compares with; a race is of aiohttp's programs.
    # `install()` gives quinde to what says `import aiohttp`.
    compares = (
        sample.document.startswith(("docs/tutorial/", "docs/how-to/race-your-script"))
        or "install()" in sample.code
    )
    peers = {"aiohttp", "httpx", "requests"} if compares else set()
    assert imported - sys.stdlib_module_names <= {"quinde"} | peers
