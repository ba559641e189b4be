"""A client that says to the SMTP server exactly what a test wants, and the server in a thread."""

import asyncio
import base64
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from flask import Flask

from tests.support.applications import IDENTIFIER, SECRET
from webapp.submission import server

EMAIL = b"From: Shop <orders@shop.example>\r\nTo: ada@people.example\r\nSubject: Your order\r\n\r\nThank you.\r\n"
PLAIN = base64.b64encode(f"\0{IDENTIFIER}\0{SECRET}".encode()).decode()


class Wire:
    """A connection, on which bytes go out as they are given."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port), 10)
        self._file = None
        if tls:
            self.start_tls(tls)
        self._file = self._file or self.socket.makefile("rb")
        self.greeting = self.reply()

    def close(self) -> None:
        """Close the connection."""
        if self._file:
            self._file.close()
        self.socket.close()

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Encrypt the connection."""
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self._file = self.socket.makefile("rb")

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(data)

    def reply(self) -> str:
        """Return the next reply, whose lines have line breaks between them; empty at the end of the connection."""
        assert self._file
        lines = []
        while line := self._file.readline().decode():
            lines.append(line.rstrip())
            if line[3:4] != "-":
                break
        return "\n".join(lines)

    def say(self, *lines: str) -> str:
        """Send lines, one after the other's reply, and return the last reply."""
        for line in lines:
            self.write(f"{line}\r\n".encode())
            last = self.reply()
        return last

    def authenticate(self) -> Self:
        """Greet and authenticate as the shop."""
        assert self.say("EHLO client.example", f"AUTH PLAIN {PLAIN}") == "235 2.7.0 Authenticated"
        return self

    def envelope(self, *recipients: str) -> str:
        """Begin an email; return the reply to DATA."""
        everybody = recipients or ("ada@people.example",)
        return self.say("MAIL FROM:<orders@shop.example>", *(f"RCPT TO:<{one}>" for one in everybody), "DATA")

    def send(self, content: bytes = EMAIL, *recipients: str) -> str:
        """Hand in an email and return the last reply."""
        assert self.envelope(*recipients).startswith("354")
        self.write(content + b".\r\n")
        return self.reply()


@contextmanager
def running_submission(app: Flask, addresses: int = 1) -> Iterator[Sequence[int]]:
    """Run the server of this application until the end of the block, and yield its ports."""
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=1024) for _ in range(addresses)]
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    with server.running(app) as running:

        def run() -> None:
            loop.run_until_complete(running.run(listeners, stop))

        thread = threading.Thread(target=run, name="submission")
        thread.start()
        try:
            yield [listener.getsockname()[1] for listener in listeners]
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(30)
            loop.close()
            for listener in listeners:
                listener.close()
