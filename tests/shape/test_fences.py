"""The fences that tools keep: layers, sizes, wording, the stub of the extension, the door."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.shape.package import ROOT, SOURCE

TARGETS = {
    *("demo", "test", "build", "lint", "types", "bench", "bench-quick", "docs", "all", "help"),
    *("fuzz", "wheel", "test-wheel", "sdist", "test-sdist", "audit"),
}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a tool at the root of the repository."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def complaints(*command: str) -> str:
    """What a tool complains about; nothing when it is content."""
    done = run(*command)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def program(name: str) -> str:
    """The path of a program that lies beside the running Python."""
    return str(Path(sys.executable).parent / name)


@pytest.mark.skipif(find_spec("importlinter") is None, reason="import-linter is not installed")
def test_import_contracts() -> None:
    assert complaints(program("lint-imports"), "--no-cache") == ""


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_stub_is_the_binary() -> None:
    assert (SOURCE / "_core.pyi").is_file()
    allow = ("--allowlist", "tools/stubtest-allow.txt", "--mypy-config-file", "pyproject.toml")
    assert complaints(sys.executable, "-m", "mypy.stubtest", "quinde._core", *allow) == ""


def test_sizes() -> None:
    assert complaints(sys.executable, "tools/sizes.py") == ""


def test_sizes_tool_finds_what_is_too_large(tmp_path: Path) -> None:
    folder = tmp_path / "python"
    folder.mkdir()
    (folder / "long.py").write_text("def f():\n" + "    x = 1\n" * 700)
    crate = tmp_path / "crates" / "a"
    crate.mkdir(parents=True)
    (crate / "ok.rs").write_text("//\n" * 700 + "#[cfg(test)]\nmod tests {\n" + "//\n" * 700 + "}\n")
    done = run(sys.executable, "tools/sizes.py", str(tmp_path))
    assert done.returncode == 1
    assert "python/long.py: 701 lines, the cap is 600" in done.stdout
    assert "python/long.py:f: 701 lines, the cap is 80" in done.stdout
    assert "ok.rs" not in done.stdout


@pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="not a clone: git knows what belongs to the repository"
)
def test_wording() -> None:
    assert complaints(sys.executable, "tools/wording.py") == ""


def test_wording_tool_finds_what_must_not_be(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "utils.py").write_text("# {0}: some day\n# {0}(#7): this one is fine\n".format("TO" + "DO"))
    done = run(sys.executable, "tools/wording.py", str(tmp_path))
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 2
    assert "utils.py: a file needs a noun" in done.stdout
    assert "utils.py:1: " in done.stdout


def test_make_help_tells_every_target() -> None:
    told = dict(re.findall(r"^  ([a-z-]+) +(\S.*)$", run("make", "help").stdout, re.MULTILINE))
    assert set(told) >= TARGETS


def test_requirements_of_an_unknown_group_are_refused() -> None:
    done = run(sys.executable, "tools/requirements.py", "no-such-group")
    assert done.returncode == 1
    assert "no-such-group" in done.stderr


def test_python_that_does_not_run_is_refused_with_advice() -> None:
    done = subprocess.run(
        ["tools/python.sh"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": "/", "PYTHON": "/bin/false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "PYTHON=/bin/false" in done.stderr


def test_old_rust_is_refused_with_advice(tmp_path: Path) -> None:
    for name, output in (("rustc", "rustc 1.63.0"), ("cargo", "cargo 1.63.0")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {output}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["tools/check.sh"],
        cwd=ROOT,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("rustc 1.63.0 is too old, quinde needs 1.85")
    assert done.stdout == ""
