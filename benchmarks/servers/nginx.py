"""nginx, answering from its configuration: the yardstick for what a request costs in C.

It also serves as the origin for the clients (`--files DIR`). Standard library only.
It replaces this process, so that the process tree holds nginx alone (master and one worker).
"""

import argparse
import os
import tempfile
from pathlib import Path

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
{user}
events {{ worker_connections 8192; }}
http {{
    access_log off;
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
        listen 127.0.0.1:{port} backlog=4096;
{locations}
    }}
}}
"""

WORKS = """
        location = / { default_type "text/plain; charset=utf-8"; return 200 "Hello, world!"; }
        location ~ "^/users/(?<user>[^/]+)$" {
            default_type "application/json; charset=utf-8";
            return 200 '{"id": "$user", "name": "quinde"}';
        }
"""


def run(program: str, port: int, files: Path | None) -> None:
    """Write the configuration and become nginx."""
    directory = Path(tempfile.mkdtemp(prefix="quinde-bench-nginx-"))
    text = CONFIGURATION.format(
        directory=directory,
        # A worker that changed its user could not read our directory; only root may and must say so.
        user="user root;" if os.geteuid() == 0 else "",
        port=port,
        locations=WORKS if files is None else f"        location / {{ root {files}; }}",
    )
    configuration = directory / "nginx.conf"
    configuration.write_text(text)
    os.execv(
        program, [program, "-p", f"{directory}", "-e", f"{directory}/error.log", "-c", f"{configuration}"]
    )


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--files", type=Path)
    chosen = arguments.parse_args()
    run(chosen.program, chosen.port, chosen.files)
