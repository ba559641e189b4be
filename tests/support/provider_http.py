"""The web side of the authorization server of the tests, right answers and wrong ones."""

import json
import socket
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from webapp import clock

if TYPE_CHECKING:
    from tests.support.authorization import AuthorizationServer


class Refusal(Exception):
    """An error of RFC 6749, 5.2."""


class Handler(BaseHTTPRequestHandler):
    """What http.server calls: it chose the names."""

    provider: "AuthorizationServer"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The server's own clock."""
        return super().date_time_string((clock.now() + self.provider.skew).timestamp())

    def do_GET(self) -> None:
        told = self.provider.told(self.path, self.headers.get("Authorization", ""))
        if told is not None:
            self._send(200, json.dumps(told).encode(), "application/json")
            return
        self.send_response(302)
        self.send_header("Location", self.provider.authorized(self.path))
        self.end_headers()

    def do_POST(self) -> None:
        facts = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        fault = self.provider.fault()
        if fault and fault not in ("lose", "drip"):
            self._misbehave(fault)
            return
        answer = self.provider.device if self.path == "/device" else self.provider.tokens
        try:
            status, found = 200, answer(facts, self.headers.get("Authorization", ""))
        except Refusal as refusal:
            status, found = 400, {"error": refusal.args[0], "error_description": refusal.args[1]}
        self.provider.closing.wait(self.provider.pause)
        if fault == "lose":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(status, json.dumps(found).encode(), "application/json", drips=fault == "drip")

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
            pass  # the client has seen enough
