"""The peers: every server and client that is measured, as a command line.

A new one is a row here and a small file in servers/ or clients/. Plain data, and where to find a program. The
names appear in the result files and in goals.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .environment import BENCHMARKS
from .machine import find_program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .environment import Environment


@dataclass(frozen=True, eq=False)
class Peer:
    """One row of the tables.

    Attributes:
        name: in result files and goals.
        script: file in servers/, or module in clients/.
        loop: asyncio or uvloop; None where the script chooses.
        environment: set for the process.
        program: of the system, found on PATH; the script gets it as --program.
        lacks: works that it cannot do, each with the reason.
        quinde: needs the checkout's quinde in the environment.
    """

    name: str
    script: str
    loop: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    program: str | None = None
    lacks: Mapping[str, str] = field(default_factory=dict)
    quinde: bool = False

    def why_missing(self, environment: Environment) -> str | None:
        """Say why this peer cannot run here; None when it can be tried."""
        if self.quinde and environment.quinde_problem:
            return environment.quinde_problem
        if self.program and find_program(self.program) is None:
            return f"{self.program} is not installed"
        return None

    def server_command(self, environment: Environment, port: int) -> list[str]:
        """Give the command that serves the works on a port."""
        command = [str(environment.python), str(BENCHMARKS / "servers" / self.script), f"--port={port}"]
        if self.loop:
            command.append(f"--loop={self.loop}")
        if self.program and (path := find_program(self.program)):
            command.append(f"--program={path}")
        return command

    def client_command(self, environment: Environment, origin: str) -> list[str]:
        """Give the command that fetches from an origin as drive.py describes."""
        drive = str(BENCHMARKS / "clients" / "drive.py")
        return [
            str(environment.python),
            drive,
            f"--client={self.script}",
            f"--origin={origin}",
            f"--loop={self.loop}",
        ]


REACTOR = {"QUINDE_IO": "reactor"}
TRANSPORT = {"QUINDE_IO": "transport"}

SERVERS = (
    Peer("quinde", "quinde_web.py", "asyncio", REACTOR, quinde=True),
    Peer("quinde-transport", "quinde_web.py", "asyncio", TRANSPORT, quinde=True),
    Peer("aiohttp-uvloop", "aiohttp_web.py", "uvloop"),
    Peer("aiohttp-asyncio", "aiohttp_web.py", "asyncio"),
    Peer("granian-rsgi", "granian_rsgi.py", "uvloop"),
    Peer("nginx", "nginx.py", program="nginx", lacks={"echo": "nginx without modules cannot echo a body"}),
)

CLIENTS = (
    Peer("quinde", "quinde_session", "asyncio", REACTOR, quinde=True),
    Peer("quinde-uvloop", "quinde_session", "uvloop", REACTOR, quinde=True),
    Peer("quinde-transport", "quinde_session", "asyncio", TRANSPORT, quinde=True),
    Peer("aiohttp-uvloop", "aiohttp_session", "uvloop"),
    Peer("aiohttp-asyncio", "aiohttp_session", "asyncio"),
    Peer("wreq", "wreq_client", "asyncio"),
    Peer("protocol-asyncio", "bare_protocol", "asyncio"),
    Peer("protocol-uvloop", "bare_protocol", "uvloop"),
)

# Imports that are timed, beyond asyncio. quinde loads its ends when first asked for them, so these count too.
IMPORTS = {
    "quinde": "import quinde",
    "quinde.ClientSession": "from quinde import ClientSession",
    "quinde.web": "from quinde import web",
    "aiohttp": "import aiohttp",
    "aiohttp.web": "from aiohttp import web",
}
