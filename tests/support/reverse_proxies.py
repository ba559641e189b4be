"""nginx, Caddy and HAProxy in front of Mailroom, configured as docs/operating.md says, where they are installed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.running import free_port, until
from webapp.process.listen_address import ListenAddress

# Each denies what starts with /private.
NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/log;
events {{}}
http {{
    access_log off; underscores_in_headers on; client_max_body_size 1m;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    server {{
        listen 127.0.0.1:{port};
        location /private {{ return 403; }}
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Host $host;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"""
CADDY = """
{{
    admin off
    auto_https off
    servers {{
        timeouts {{
            read_body 10s
        }}
    }}
}}
http://:{port} {{
    bind 127.0.0.1
    respond /private* 403
    reverse_proxy 127.0.0.1:{upstream}
}}
"""
HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout http-request 10s
frontend mailroom
    bind 127.0.0.1:{port}
    http-request deny deny_status 403 if {{ path_beg /private }}
    option forwardfor
    option http-buffer-request
    http-request set-header X-Forwarded-Proto http
    http-request del-header X-Forwarded-Host
    default_backend mailroom
backend mailroom
    server mailroom 127.0.0.1:{upstream}
"""
PROXIES = {
    "nginx": (NGINX, ("-p", "{folder}", "-c", "{config}")),
    "caddy": (CADDY, ("run", "--adapter", "caddyfile", "--config", "{config}")),
    "haproxy": (HAPROXY, ("-db", "-f", "{config}")),
}


@contextmanager
def running_proxy(name: str, upstream: int, folder: Path) -> Iterator[int]:
    """Run a proxy for the server on this port of loopback; yield the proxy's own port. Skips if it isn't installed."""
    program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip(f"{name} is not installed")
    port, (template, arguments) = free_port(), PROXIES[name]
    config = folder / "config"
    config.write_text(template.format(folder=folder, port=port, upstream=upstream))
    command = [program, *(argument.format(folder=folder, config=config) for argument in arguments)]
    environ = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(command, env=environ, stdout=output, stderr=output)
    try:
        until(lambda: process.poll() is None and ListenAddress(port=port).answers())
        yield port
    finally:
        process.terminate()
        process.wait(30)
