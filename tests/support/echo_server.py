"""A small application under Mailroom's web server: `python -m tests.support.echo_server THREADS`, socket on stdin."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from flask import Flask, request

from tests.support.running import until
from webapp.process.listen_address import ListenAddress
from webapp.process.web_server import serve_web
from webapp.web import paths
from webapp.web.forwarded import TrustedProxies
from webapp.web.security import accepts_uploads

FIELDS = {"Content-Type": "application/x-www-form-urlencoded"}


def create_app() -> Flask:
    """Create the application: it tells what reached it."""
    app = Flask(__name__)
    paths.init_app(app)
    app.wsgi_app = TrustedProxies(app.wsgi_app, [ip_network("127.0.0.1/32")])  # type: ignore[method-assign]

    @app.route("/", methods=["GET", "POST"])
    @app.route("/healthz")
    def echo() -> dict[str, Any]:
        headers = {name: value for name, value in request.environ.items() if name.startswith("HTTP_")}
        return {"address": request.remote_addr, "headers": headers, "body": request.get_data(as_text=True)}

    @app.post("/api/upload")
    @app.post("/upload")
    @accepts_uploads
    def upload() -> dict[str, int]:
        return {"size": len(request.get_data())}

    @app.route("/slow/<float:seconds>", methods=["GET", "POST"])
    def slow(seconds: float) -> str:
        print("started", file=sys.stderr, flush=True)  # noqa: T201 - the test waits for it
        time.sleep(seconds)
        return "x" * 5_000_000

    @app.get("/private")
    def private() -> str:
        return "the private page"

    @app.get("/broken/<secret>")
    def broken(secret: str) -> Any:
        def fail() -> Iterator[str]:
            yield "started"
            raise RuntimeError("a reason")

        return app.response_class(fail())

    return app


@dataclass
class EchoServer:
    """The running server."""

    process: "subprocess.Popen[bytes]"
    address: tuple[str, int]
    log: Path

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection(self.address[:2], timeout=30)

    def send(self, *pieces: bytes) -> bytes:
        """Send raw bytes on a connection of their own; return all that comes back until the server closes it."""
        with self.connect() as client:
            for piece in pieces:
                client.sendall(piece)
            return b"".join(iter(lambda: client.recv(65536), b""))

    def ask(self, *lines: str, body: bytes = b"", start: str = "POST / HTTP/1.1") -> tuple[int, Any]:
        """Send a request with these header lines; return the status and what reached the application."""
        head = "\r\n".join([start, "Host: localhost", "Connection: close", *lines, "", ""])
        answer, _, content = self.send(head.encode() + body).partition(b"\r\n\r\n")
        return int(answer.split()[1]), json.loads(content) if content.startswith(b"{") else content.decode()

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until this was logged so many times."""
        until(lambda: self.log.read_text().count(text) >= times)

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def running_echo_server(folder: Path, host: str = "127.0.0.1", threads: int = 4) -> Iterator[EchoServer]:
    """Run the server until the end of the block."""
    log = folder / "log"
    command = [sys.executable, "-m", "tests.support.echo_server", str(threads)]
    with ListenAddress(host, 0).listen() as listener, log.open("w") as errors:
        address = listener.getsockname()
        process = subprocess.Popen(command, stdin=listener.fileno(), stderr=errors)
    try:
        yield EchoServer(process, address, log)
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    serve_web(create_app(), socket.socket(fileno=sys.stdin.fileno()), int(sys.argv[1]))
