"""`mailroom serve` as an operator starts it: web server and worker, in processes of their own."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Site:
    """A running installation: its address, and the one-time address of the first administrator."""

    url: str
    setup_url: str


@contextmanager
def running_site(instance: Path) -> Iterator[Site]:
    """A fresh installation in this folder, stopped at the end."""
    port = _free_port()
    environ = os.environ | {"MAILROOM_INSTANCE": str(instance), "MAILROOM_LOG_FORMAT": "text"}
    command = [sys.executable, "-m", "webapp.commands", "serve", "--port", str(port), "--processes", "1"]
    log = (instance / "log").open("w")
    server = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield Site(f"http://127.0.0.1:{port}", _setup_url(server, instance / "log"))
    finally:
        server.terminate()
        server.communicate(timeout=70)
        log.close()


def _setup_url(server: "subprocess.Popen[str]", log: Path) -> str:
    assert server.stdout
    for line in server.stdout:
        if found := re.search(r"http\S+/setup\?key=\S+", line):
            return found[0]
    raise AssertionError(f"mailroom serve told no setup address:\n{log.read_text()}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
