"""A webhook receiver on loopback that keeps requests and answers with the statuses it is given."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request. Header names are lower case."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The event in the body."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    def is_signed_with(self, secret: str) -> bool:
        """Check the signature as https://www.standardwebhooks.com describes it."""
        name, timestamp = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        key = base64.b64decode(secret.split("whsec_")[1])
        mac = hmac.new(key, b".".join([name.encode(), timestamp.encode(), self.body]), hashlib.sha256)
        expected = "v1," + base64.b64encode(mac.digest()).decode()
        return any(
            hmac.compare_digest(expected, signature) for signature in self.headers["webhook-signature"].split(" ")
        )


class Receiver:
    """The receiver. `answers` holds the statuses of the next responses, 204 after that; it waits for `answering`."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[int] = []
        self.answering = threading.Event()
        self.answering.set()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"receiver": self}))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/hook?key=a-secret-of-the-receiver"

    @property
    def types(self) -> list[str]:
        """The types of the events, in order."""
        return [request.event["type"] for request in self.received]

    def close(self) -> None:
        """Stop the receiver."""
        self.answering.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)


class Handler(BaseHTTPRequestHandler):
    """Called by http.server, which defines the names."""

    receiver: Receiver

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.receiver.received.append(Received(headers, body))
        self.receiver.answering.wait(10)
        self.send_response(self.receiver.answers.pop(0) if self.receiver.answers else 204)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """Run a receiver until the end of the block."""
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.close()
