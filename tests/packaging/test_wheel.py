"""A wheel as its users meet it: in an environment with nothing else, without Rust, without the sources.

`QUINDE_WHEEL` names it, or the folder where the newest one for this Python is taken: `make test-wheel`.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.examples.documents import SHOWN_ADDRESS, samples
from tests.examples.running import at_port, run, serving
from tests.packaging.environment import SOURCE, TAG, Environment, package_files
from tests.support.servers import closed_port


def wheel_of_this_python() -> Path:
    """Find the wheel to test."""
    named = Path(os.environ["QUINDE_WHEEL"])
    if named.is_file():
        return named.resolve()
    found = sorted(named.glob(f"quinde-*-{TAG}-{TAG}-*.whl"), key=lambda path: path.stat().st_mtime)
    if not found:
        pytest.exit(f"no wheel for {TAG} in {named}: `make wheel`", returncode=1)
    return found[-1].resolve()


WHEEL = wheel_of_this_python()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment after `pip install quinde`."""
    environment = Environment(tmp_path_factory.mktemp("plain"))
    environment.pip("install", "--only-binary=:all:", str(WHEEL))
    return environment


@pytest.fixture(scope="module")
def with_race(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment after `pip install "quinde[race]"`."""
    environment = Environment(tmp_path_factory.mktemp("with-race"))
    environment.pip("install", "--only-binary=:all:", f"{WHEEL}[race]")
    return environment


@pytest.fixture(scope="module")
def content() -> dict[str, bytes]:
    """The files of the wheel."""
    with ZipFile(WHEEL) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def metadata(content: dict[str, bytes]) -> list[str]:
    (name,) = (name for name in content if name.endswith(".dist-info/METADATA"))
    return content[name].decode().partition("\n\n")[0].splitlines()


def test_it_is_for_one_python_and_no_abi3() -> None:
    _, _, python, abi, _ = WHEEL.stem.split("-")
    assert (python, abi) == (TAG, TAG)


def test_the_package_is_the_one_of_the_sources_and_an_extension(content: dict[str, bytes]) -> None:
    packed = {name for name in content if ".dist-info/" not in name}
    extensions = {name for name in packed if name.endswith((".so", ".pyd"))}
    assert packed - extensions == package_files()
    assert len(extensions) == 1
    assert {"quinde/py.typed", "quinde/_core.pyi"} <= packed
    for name in packed - extensions:
        assert content[name] == (SOURCE / name).read_bytes(), name


def test_the_compilers_flags_were_in_force(content: dict[str, bytes]) -> None:
    """Without .cargo/config.toml PyO3 keeps a pool of references, and the extension names its functions."""
    (extension,) = (data for name, data in content.items() if name.endswith((".so", ".pyd")))
    assert b"quinde" in extension
    assert b"ReferencePool" not in extension


def test_beside_the_package_there_are_metadata_licences_and_a_bill_of_materials(
    content: dict[str, bytes],
) -> None:
    beside = {name.partition(".dist-info/")[2] for name in content if ".dist-info/" in name}
    assert beside == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
        "licenses/NOTICES.md",
        "sboms/quinde-binding.cyclonedx.json",
    }


def test_the_metadata_says_what_it_is(content: dict[str, bytes]) -> None:
    fields = metadata(content)
    assert "Name: quinde" in fields
    assert "License-Expression: Apache-2.0" in fields
    assert "Requires-Python: >=3.11" in fields
    assert "Description-Content-Type: text/markdown; charset=UTF-8; variant=GFM" in fields
    assert not [field for field in fields if field.startswith("Classifier: License ::")]


def test_what_it_needs_is_there_after_pip(plain: Environment) -> None:
    assert plain.pip("check") == "No broken requirements found.\n"
    installed = {each["name"] for each in json.loads(plain.pip("list", "--format=json"))}
    assert not installed & {"click", "rich", "requests", "aiohttp", "pytest"}


def test_every_module_imports(plain: Environment) -> None:
    """Those of the program need the extra; all others nothing."""
    names = sorted(
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in package_files()
        if name.endswith(".py") and not name.startswith(("quinde/cli/", "quinde/__main__"))
    )
    code = f"import quinde._core, {', '.join(names)}; print(quinde.__version__, quinde._core.__file__)"
    ended = plain.run(plain.python, "-W", "error", "-c", code)
    assert (ended.returncode, ended.stderr) == (0, "")
    version, _, path = ended.stdout.strip().partition(" ")
    assert version == WHEEL.name.split("-")[1]
    assert "site-packages" in path


def test_the_samples_of_the_readme(plain: Environment, tmp_path: Path) -> None:
    """Server and client are a process each, and what the client prints is what the reader was told."""
    of_readme = [sample for sample in samples() if sample.document == "README.md"]
    (server,) = (sample for sample in of_readme if sample.is_server)
    (client,) = (sample for sample in of_readme if sample.is_client_of_ours)
    program = tmp_path / "server.py"
    program.write_text(at_port(server.code, closed_port()), encoding="utf-8")
    with serving(program, python=plain.python) as url:
        asking = tmp_path / "client.py"
        asking.write_text(client.code.replace(SHOWN_ADDRESS, url), encoding="utf-8")
        printed = run(asking, python=plain.python)
    assert client.output is not None
    client.output.check(printed)


@pytest.mark.parametrize("command", ["quinde --version", "python -m quinde --version"])
def test_the_program_says_its_version(plain: Environment, command: str) -> None:
    program, *arguments = command.split()
    ended = plain.run(plain.program(program), *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"quinde {WHEEL.name.split('-')[1]}\n"


@pytest.mark.parametrize(("command", "extra"), [("race", "race"), ("--help", "cli")])
def test_without_the_extra_one_line_tells_how_to_get_it(plain: Environment, command: str, extra: str) -> None:
    ended = plain.run(plain.program("quinde"), command)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f'quinde: click and rich not installed: pip install "quinde[{extra}]"\n'


def test_the_program_with_its_extra(with_race: Environment) -> None:
    helped = with_race.run(with_race.program("quinde"), "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "Usage: quinde [OPTIONS]" in helped.stdout
    versioned = with_race.run(with_race.program("quinde"), "--version")
    assert re.fullmatch(r"quinde \S+\n", versioned.stdout)


def test_a_race(with_race: Environment) -> None:
    raced = with_race.run(
        with_race.program("quinde"), "race", "--act=1", "--count=9", "--latency=1", "--json"
    )
    assert raced.returncode == 0, raced.stderr
    assert [row["name"] for row in json.loads(raced.stdout)[0]["rows"]] == [
        "requests.get",
        "requests.Session",
        "quinde, one at a time",
        "quinde, concurrently",
    ]
