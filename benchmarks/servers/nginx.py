"""nginx, answering from its configuration: the yardstick for what a request costs in C.

It also serves as the origin for the clients (`--files DIR`). Standard library only.
It replaces this process, so that the process tree holds nginx alone (master and workers).
"""

import argparse
import os
import tempfile
from pathlib import Path

from options import DOWNLOAD, make_parser

CONFIGURATION = """
daemon off;
worker_processes {processes};
pid {directory}/nginx.pid;
error_log {directory}/error.log;
{user}
events {{ worker_connections 16384; }}
http {{
    access_log {access_log};
    default_type application/octet-stream;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=16 inactive=3600s;
    open_file_cache_valid 3600s;
    server {{
        listen 127.0.0.1:{port} backlog=4096{listen};
{certificate}
{locations}
    }}
}}
"""

WORKS = """
        location = / {{ default_type "text/plain; charset=utf-8"; return 200 "Hello, world!"; }}
        location ~ "^/users/(?<user>[^/]+)$" {{
            default_type "application/json; charset=utf-8";
            return 200 '{{"id": "$user", "name": "quinde"}}';
        }}
        location = /download {{ alias {directory}/download; }}
"""

# A POST is read and thrown away; the answer says how long it was declared to be.
FILES = """
        location / {{ root {files}; }}
        location = /post {{ return 200 '{{"received": $content_length}}'; }}
"""

ACCESS_LOGS = {
    None: "off",
    "plain": "{directory}/access.log combined",
    "buffered": "{directory}/access.log combined buffer=64k flush=100ms",
}


def configure(chosen: argparse.Namespace, directory: Path) -> str:
    """Write the configuration as text; a directory of its own for nginx to write into, and to read from."""
    form = WORKS if chosen.files is None else FILES
    access_log = ACCESS_LOGS[chosen.access_log]
    listen = " ssl" if chosen.tls else ""
    if chosen.processes > 1:
        listen += " reuseport"
    certificate = ""
    if chosen.tls:
        certificate = "ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.2 TLSv1.3;".format(
            *chosen.tls
        )
    return CONFIGURATION.format(
        processes=chosen.processes,
        directory=directory,
        # A worker that changed its user could not read our directory; only root may and must say so.
        user="user root;" if os.geteuid() == 0 else "",
        access_log=access_log.format(directory=directory),
        port=chosen.port,
        listen=listen,
        certificate=certificate,
        locations=form.format(directory=directory, files=chosen.files),
    )


def run(chosen: argparse.Namespace) -> None:
    """Write the configuration and become nginx."""
    directory = Path(tempfile.mkdtemp(prefix="quinde-bench-nginx-"))
    (directory / "download").write_bytes(DOWNLOAD)
    configuration = directory / "nginx.conf"
    configuration.write_text(configure(chosen, directory))
    program = chosen.program
    os.execv(
        program, [program, "-p", f"{directory}", "-e", f"{directory}/error.log", "-c", f"{configuration}"]
    )


if __name__ == "__main__":
    parser = make_parser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--files", type=Path)
    run(parser.parse_args())
