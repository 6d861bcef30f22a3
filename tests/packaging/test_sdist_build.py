"""The packed sources build where nothing of the repository is, by pip and with cargo off the network.

Then they need Rust, maturin and cargo's cache of the crates that Cargo.lock names: `make test-sdist`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.packaging.environment import ROOT, TAG, Environment, package_files

PATIENCE = 1200.0
"""Seconds for a build of everything; on one slow processor it is minutes."""


def succeed(*command: str | Path, **environment: str) -> str:
    """Run a command that must succeed; return what it said."""
    ended = subprocess.run(
        [str(word) for word in command],
        cwd="/",
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def test_pip_builds_a_wheel_without_the_network(tmp_path: Path) -> None:
    maturin = Path(sys.executable).with_name("maturin")
    succeed(maturin, "sdist", "--manifest-path", ROOT / "crates/binding/Cargo.toml", "--out", tmp_path)
    (archive,) = tmp_path.glob("quinde-*.tar.gz")
    wheels = tmp_path / "wheels"
    # `-v`: cargo shows the compiler's flags. The quick profile proves as much as the slow one.
    said = succeed(
        *(
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-v",
            "--no-deps",
            "--no-index",
            "--no-build-isolation",
            "--no-cache-dir",
        ),
        *("--config-settings=build-args=--profile=fast -v", "--wheel-dir", wheels, archive),
        CARGO_NET_OFFLINE="true",
        CARGO_TARGET_DIR=str(tmp_path / "target"),
        PATH=f"{maturin.parent}{os.pathsep}{os.environ['PATH']}",
    )
    assert "--cfg pyo3_disable_reference_pool" in said
    (wheel,) = wheels.iterdir()
    assert wheel.name.startswith(archive.name.removesuffix(".tar.gz"))
    assert f"-{TAG}-{TAG}-" in wheel.name

    environment = Environment(tmp_path / "environment")
    environment.pip("install", "--no-deps", str(wheel))
    ended = environment.run(environment.python, "-c", "import quinde._core as core; print(core.__file__)")
    assert ended.returncode == 0, ended.stderr
    assert str(tmp_path) in ended.stdout
    listed = environment.pip("show", "--files", "quinde")
    assert [name for name in sorted(package_files()) if f"  {name}\n" not in listed.replace("../", "")] == []
