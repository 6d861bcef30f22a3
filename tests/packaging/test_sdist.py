"""The packed sources: all that a wheel is built from, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.packaging.environment import ROOT, package_files

MATURIN = Path(sys.executable).with_name("maturin")
BESIDE_THE_CODE = {
    ".cargo/config.toml",  # flags of the compiler
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "NOTICES.md",
    "PKG-INFO",
    "README.md",
    "pyproject.toml",
}

pytestmark = pytest.mark.skipif(
    not MATURIN.exists() or shutil.which("cargo") is None, reason="maturin and cargo pack the sources"
)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the archive, by their names below its one folder."""
    out = tmp_path_factory.mktemp("sdist")
    packing = [str(MATURIN), "sdist", "--out", str(out)]
    subprocess.run(packing, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (path,) = out.iterdir()
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        assert all(member.isfile() for member in members)
        assert {member.name.partition("/")[0] for member in members} == {path.name.removesuffix(".tar.gz")}
        files = {member.name.partition("/")[2]: archive.extractfile(member) for member in members}
        return {name: file.read() for name, file in files.items() if file is not None}


def crate_files() -> set[str]:
    """What cargo builds the extension from."""
    crates = {
        path for path in (ROOT / "crates").rglob("*") if path.suffix == ".rs" or path.name == "Cargo.toml"
    }
    names = {path.relative_to(ROOT).as_posix() for path in crates}
    return {name for name in names if name.split("/")[2] in {"src", "Cargo.toml"}}


def test_it_holds_what_a_wheel_is_built_from_and_nothing_else(sdist: dict[str, bytes]) -> None:
    package = {f"python/{name}" for name in package_files()}
    assert set(sdist) == BESIDE_THE_CODE | package | crate_files()


@pytest.mark.parametrize("name", ["LICENSE", "NOTICES.md", "Cargo.lock", ".cargo/config.toml", "README.md"])
def test_they_are_those_of_the_repository(sdist: dict[str, bytes], name: str) -> None:
    assert sdist[name] == (ROOT / name).read_bytes()
