"""The peers: every server and client that is measured, as a command line.

A new one is a row here and a small file in servers/ or clients/. Plain data, and where to find a program. The
names appear in the result files and in goals.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .environment import BENCHMARKS
from .machine import find_program
from .works import SERVER_WORKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .certificates import Certificates
    from .environment import Environment
    from .works import Setup


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
        works: what it is measured at, to keep the run short; everything when None.
        in_flight: of a client that cannot have more than so many requests in flight, whatever the work says.
        quinde: needs the checkout's quinde in the environment.
        quick: a part of the short run.
    """

    name: str
    script: str
    loop: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    program: str | None = None
    lacks: Mapping[str, str] = field(default_factory=dict)
    works: frozenset[str] | None = None
    in_flight: int | None = None
    quinde: bool = False
    quick: bool = False

    def why_missing(self, environment: Environment) -> str | None:
        """Say why this peer cannot run here; None when it can be tried."""
        if self.quinde and environment.quinde_problem:
            return environment.quinde_problem
        if self.program and find_program(self.program) is None:
            return f"{self.program} is not installed"
        return None

    def server_command(
        self, environment: Environment, port: int, setup: Setup, certificates: Certificates | None
    ) -> list[str]:
        """Give the command that serves the works on a port, by TLS when there are certificates."""
        command = [str(environment.python), str(BENCHMARKS / "servers" / self.script), f"--port={port}"]
        if self.loop:
            command.append(f"--loop={self.loop}")
        if self.program and (path := find_program(self.program)):
            command.append(f"--program={path}")
        if certificates:
            command += ["--tls", str(certificates.certificate), str(certificates.key)]
        return [*command, *setup.options]

    def client_command(self, environment: Environment, options: list[str]) -> list[str]:
        """Give the command that fetches from the origins in `options`, as drive.py describes."""
        drive = str(BENCHMARKS / "clients" / "drive.py")
        client = [f"--client={self.script}", f"--loop={self.loop}"]
        return [str(environment.python), drive, *client, *options]


REACTOR = {"QUINDE_IO": "reactor"}
TRANSPORT = {"QUINDE_IO": "transport"}

# Where a peer is measured beside others and no goal asks for more.
MAIN_SERVER_WORKS = frozenset({"hello", "echo", "download", "c512", "churn", "tls"})
MAIN_CLIENT_WORKS = frozenset({"small-1", "small-64", "1m", "post", "tls-small", "session"})
ALL_BUT_BUFFERED = frozenset(work.name for work in SERVER_WORKS) - {"buffered"}
FLOOR_WORKS = frozenset({"small-1", "small-64", "small-512", "64k", "1m", "tls-small"})

SERVERS = (
    Peer("quinde", "quinde_web.py", "asyncio", REACTOR, quinde=True, quick=True),
    Peer("quinde-transport", "quinde_web.py", "asyncio", TRANSPORT, quinde=True, quick=True),
    Peer("aiohttp-uvloop", "aiohttp_web.py", "uvloop", works=ALL_BUT_BUFFERED, quick=True),
    Peer("aiohttp-asyncio", "aiohttp_web.py", "asyncio", works=ALL_BUT_BUFFERED, quick=True),
    Peer("uvicorn", "uvicorn_asgi.py", "uvloop", works=MAIN_SERVER_WORKS),
    Peer("granian-asgi", "granian_asgi.py", "uvloop", works=MAIN_SERVER_WORKS),
    Peer(
        "granian-rsgi",
        "granian_rsgi.py",
        "uvloop",
        works=MAIN_SERVER_WORKS | {"json", "pipeline"},
        quick=True,
    ),
    Peer(
        "socketify",
        "socketify_app.py",
        works=MAIN_SERVER_WORKS,
        lacks={"churn": "it keeps the connection, whatever the request says"},
    ),
    Peer(
        "nginx",
        "nginx.py",
        program="nginx",
        lacks={"echo": "nginx without modules cannot echo a body"},
        quick=True,
    ),
)

CLIENTS = (
    Peer("quinde", "quinde_session", "asyncio", REACTOR, quinde=True, quick=True),
    Peer("quinde-uvloop", "quinde_session", "uvloop", REACTOR, quinde=True, quick=True),
    Peer("quinde-transport", "quinde_session", "asyncio", TRANSPORT, quinde=True, quick=True),
    Peer("aiohttp-uvloop", "aiohttp_session", "uvloop", quick=True),
    Peer("aiohttp-asyncio", "aiohttp_session", "asyncio", quick=True),
    Peer("wreq", "wreq_client", "asyncio", quick=True),
    Peer("pyreqwest", "pyreqwest_client", "asyncio", works=MAIN_CLIENT_WORKS),
    Peer("httpx", "httpx_client", "asyncio", works=MAIN_CLIENT_WORKS),
    Peer("httpx2", "httpx2_client", "asyncio", works=MAIN_CLIENT_WORKS),
    Peer("requests-sequential", "requests_session", "asyncio", works=MAIN_CLIENT_WORKS, in_flight=1),
    Peer("protocol-asyncio", "bare_protocol", "asyncio", works=FLOOR_WORKS, quick=True),
    Peer("protocol-uvloop", "bare_protocol", "uvloop", works=FLOOR_WORKS, quick=True),
)

# Imports that are timed, beyond asyncio. quinde loads its ends when first asked for them, so these count too.
IMPORTS = {
    "quinde": "import quinde",
    "quinde.ClientSession": "from quinde import ClientSession",
    "quinde.web": "from quinde import web",
    "aiohttp": "import aiohttp",
    "aiohttp.web": "from aiohttp import web",
}
