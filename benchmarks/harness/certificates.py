"""The certificates of a run: an authority made for it, and what it signed for 127.0.0.1 and localhost.

Made by trustme in the peers' environment. ECDSA on P-256, as most servers have today.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files: the server's certificate and key, and the authority that clients verify against."""

    certificate: Path
    key: Path
    authority: Path


def make_certificates(python: Path, directory: Path) -> Certificates:
    """Make an authority and a server's certificate in a directory.

    Raises:
        RuntimeError: trustme failed; the message is its last line.
    """
    directory.mkdir()
    names = ["127.0.0.1", "localhost"]
    command = [str(python), "-m", "trustme", "--quiet", "--dir", str(directory), "--identities", *names]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise RuntimeError(f"no certificates: {(answer.stderr.strip().splitlines() or ['no message'])[-1]}")
    return Certificates(directory / "server.pem", directory / "server.key", directory / "client.pem")
