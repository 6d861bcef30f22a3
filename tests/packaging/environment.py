"""An empty environment, as somebody has who never heard of quinde, and what belongs into the packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "python"
TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
PATIENCE = 300.0
"""Seconds for an installation: dependencies come over the network."""


class Environment:
    """A virtual environment with nothing but what a test installs."""

    def __init__(self, folder: Path) -> None:
        self._programs = folder / ("Scripts" if os.name == "nt" else "bin")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=PATIENCE)

    @property
    def python(self) -> str:
        """The path of its interpreter."""
        return self.program("python")

    def program(self, name: str) -> str:
        """Return the path of one of its programs."""
        return str(self._programs / name)

    def pip(self, *arguments: str) -> str:
        """Run its pip and return what that printed; a failure is one of the test."""
        ended = self.run(self.python, "-m", "pip", "--disable-pip-version-check", *arguments)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command where no source of quinde's is near, as its user would."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return subprocess.run(
            command,
            cwd=self._programs,
            env=inherited | {"PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )


def package_files() -> set[str]:
    """Name the files of the package that git has or could have, without the extension."""
    suffixes = {".py", ".pyi", ".typed", ".css"}
    found = (
        path for path in (SOURCE / "quinde").rglob("*") if path.suffix in suffixes or path.name == "py.typed"
    )
    return {path.relative_to(SOURCE).as_posix() for path in found}
