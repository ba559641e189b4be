"""The HTTP side of the tests' authorization server, with proper answers and broken ones."""

import json
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from tests.support.authorization import AuthorizationServer

# The provider's consent page; its form goes to the URL that the browser was sent to.
CONSENT = """<!doctype html><html lang="en"><title>Sign in</title><main><h1>Sign in</h1>
<p>Mailroom wants to send email as you.</p>
<form method="post"><button name="consent" value="yes">Allow</button>
<button name="consent" value="no">Cancel</button></form>
</main></html>"""


class Refusal(Exception):
    """An error response (RFC 6749, 5.2)."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.status = status
        self.data = {"error": error, "error_description": description}


class Server(ThreadingHTTPServer):
    """The server itself."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: browsers open connections that they do not use, and break them off."""


class Handler(BaseHTTPRequestHandler):
    """What http.server calls: it chose the names."""

    provider: "AuthorizationServer"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def do_GET(self) -> None:
        answer = self.provider.describe(self.path, self.headers.get("Authorization", ""))
        if answer is not None:
            self._send(200, json.dumps(answer).encode(), "application/json")
            return
        if self.provider.asks:
            self._send(200, CONSENT.encode(), "text/html; charset=utf-8")
        else:
            self._send_back(self.provider.authorized(self.path))

    def do_POST(self) -> None:
        data = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        if "consent" in data:
            back = self.provider.authorized if data["consent"] == "yes" else self.provider.declined
            self._send_back(back(self.path))
            return
        fault = self.provider.fault()
        if fault and fault not in ("lose", "drip"):
            self._misbehave(fault)
            return
        # Before the request is counted: a test that waits for it may then end the pause for the next one.
        pause = self.provider.pause
        answer = self.provider.device if self.path == "/device" else self.provider.tokens
        try:
            status, found = 200, answer(data, self.headers.get("Authorization", ""))
        except Refusal as refusal:
            status, found = refusal.status, refusal.data
        self.provider.closing.wait(pause)
        if fault == "lose":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(status, json.dumps(found).encode(), "application/json", drips=fault == "drip")

    def _send_back(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.end_headers()

    def _misbehave(self, fault: str) -> None:
        if fault == "stall":
            self.provider.closing.wait(60)
        elif fault == "drop":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault == "html":
            self._send(200, b"<p>Welcome</p>", "text/html")
        elif fault == "huge":
            self._send(200, b" " * 20_000_000, "application/json")
        else:
            self._send(int(fault), b"{}", "application/json", {"Location": f"{self.provider.url}/elsewhere"})

    def _send(
        self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None, drips: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        try:
            self.end_headers()
            for piece in (bytes([one]) for one in body) if drips else [body]:
                self.wfile.write(piece)
                if drips and self.provider.closing.wait(0.2):
                    return
        except OSError:
            pass  # the client has closed the connection
