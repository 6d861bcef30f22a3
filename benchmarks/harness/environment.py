"""The peers' virtual environment, benchmarks/.venv, with quinde built into it in the release profile.

Made once; made again when the Python or requirements.txt changes. quinde is built again only when its sources
have changed; if that fails, the run reports it and measures the peers. A missing Python or a failing pip ends
the run.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import machine

BENCHMARKS = Path(__file__).resolve().parent.parent
CHECKOUT = BENCHMARKS.parent
REQUIREMENTS = BENCHMARKS / "requirements.txt"
SOURCES = ("crates", "python", "Cargo.toml", "Cargo.lock", "pyproject.toml", "rust-toolchain.toml", ".cargo")
SOURCE_KINDS = {".rs", ".py", ".pyi", ".toml", ".lock", ".json", ".typed"}


@dataclass(frozen=True)
class Environment:
    """A ready environment. `quinde_problem` is None when quinde is in it, else why it is not."""

    python: Path
    quinde_problem: str | None

    def versions(self) -> dict[str, str]:
        """Name → version of all that is installed, and of Python."""
        code = (
            "import platform, importlib.metadata as m; print('Python', platform.python_version());"
            "[print(d.name, d.version) for d in m.distributions()]"
        )
        answer = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=True)
        return dict(sorted(line.split(" ", 1) for line in answer.stdout.splitlines()))


def prepare(directory: Path, install: bool) -> Environment:
    """Make the environment what it must be; with `install` false, take it as it is.

    Raises:
        RuntimeError: no Python fits, or pip failed (its last lines are in the message).
    """
    python = directory / "bin" / "python"
    if not install:
        if not python.exists():
            raise RuntimeError(f"--no-install was given, but there is no {python}")
        return Environment(python, _try_import(python))
    newest = machine.find_newest_python()
    wanted = f"{newest}\n{_digest([REQUIREMENTS])}"
    stamp = directory / "peers.stamp"
    if not python.exists() or not stamp.exists() or stamp.read_text() != wanted:
        say(f"making {directory} with {newest} …")
        shutil.rmtree(directory, ignore_errors=True)
        _run([newest, "-m", "venv", str(directory)])
        _pip(python, "-r", str(REQUIREMENTS))
        stamp.write_text(wanted)
    return Environment(python, _install_quinde(directory, python))


def _install_quinde(directory: Path, python: Path) -> str | None:
    stamp = directory / "quinde.stamp"
    wanted = _digest(sorted(_source_files()))
    if stamp.exists() and stamp.read_text() == wanted:
        return _try_import(python)
    if not (CHECKOUT / "pyproject.toml").exists():
        return "the checkout has no pyproject.toml"
    say("building quinde in the release profile (some minutes when it is the first time) …")
    stamp.unlink(missing_ok=True)
    try:
        # Uninstalled first, so that a failing build leaves no old quinde to be measured as today's.
        _run([str(python), "-m", "pip", "uninstall", "--quiet", "--yes", "quinde"])
        _pip(python, "-c", str(REQUIREMENTS), str(CHECKOUT))
    except RuntimeError as error:
        return str(error)
    stamp.write_text(wanted)
    return _try_import(python)


def _try_import(python: Path) -> str | None:
    """Say why `import quinde` fails; None when it works. Elsewhere, so only the installed one counts."""
    code = "import quinde, quinde.web"
    answer = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, cwd="/", check=False)
    return None if answer.returncode == 0 else _last_line(answer.stderr)


def _source_files() -> Iterator[Path]:
    for name in SOURCES:
        root = CHECKOUT / name
        if root.is_file():
            yield root
        for folder, folders, files in os.walk(root):
            folders[:] = [each for each in folders if each not in {"target", "__pycache__"}]
            yield from (Path(folder, file) for file in files if Path(file).suffix in SOURCE_KINDS)


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _pip(python: Path, *arguments: str) -> None:
    _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments])


def _run(command: list[str]) -> None:
    # A target directory of its own: cargo builds the bindings anew whenever another Python asks for them.
    surroundings = {"CARGO_TARGET_DIR": str(CHECKOUT / "target" / "benchmarks"), **os.environ}
    answer = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=surroundings
    )
    if answer.returncode:
        raise RuntimeError(f"{' '.join(command[:5])} …: {_last_line(answer.stdout)}")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "failed without a message"


def say(text: str) -> None:
    """Tell what is being done, at once."""
    print(text, flush=True)
