"""granian with one worker, on either interface."""

from pathlib import Path

from granian.constants import Interfaces, Loops
from granian.server import Server
from options import make_parser

# granian takes no more connections at once than this, idle ones counted; its default is 1024.
CONNECTIONS = 16384


def serve(target: str, interface: Interfaces) -> None:
    """Serve `target`, a `module:name`, until SIGTERM."""
    chosen = make_parser("uvloop").parse_args()
    certificate, key = map(Path, chosen.tls) if chosen.tls else (None, None)
    Server(
        target,
        address="127.0.0.1",
        port=chosen.port,
        interface=interface,
        loop=Loops(chosen.loop),
        workers=1,
        log_enabled=False,
        backpressure=CONNECTIONS,
        ssl_cert=certificate,
        ssl_key=key,
    ).serve()
