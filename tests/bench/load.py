"""A light web client in a separate process that sends as many requests as the server answers.

`python -m tests.bench.load PORT PATH SECONDS CONNECTIONS` prints the number of responses; it reads the cookie from
standard input.
"""

import selectors
import socket
import subprocess
import sys
import time

MEASURE = (sys.executable, "-m", "tests.bench.load")


def requests_per_second(port: int, path: str, cookie: str = "", seconds: float = 3, connections: int = 16) -> float:
    """Measure a server on loopback from another process."""
    command = [*MEASURE, str(port), path, str(seconds), str(connections)]
    done = subprocess.run(command, input=cookie, capture_output=True, text=True, check=True)
    return int(done.stdout) / seconds


class Connection:
    """A kept connection with one pending request."""

    def __init__(self, port: int, path: str, cookie: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n".encode()
        self._received = b""
        self.ask()

    def ask(self) -> None:
        """Send the next request."""
        self.socket.sendall(self._request)

    def answered(self) -> bool:
        """Receive data and return whether the response is complete. Raises RuntimeError for other statuses than 200."""
        self._received += self.socket.recv(65536)
        head, gap, body = self._received.partition(b"\r\n\r\n")
        if not gap:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) < length:
            return False
        self._received = b""
        return True


def main(port: int, path: str, cookie: str, seconds: float, connections: int) -> int:
    """Count the responses within some seconds."""
    answers, selector = 0, selectors.DefaultSelector()
    for connection in [Connection(port, path, cookie) for _ in range(connections)]:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for key, _events in selector.select(1):
            if key.data.answered():
                answers += 1
                key.data.ask()
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    return answers


if __name__ == "__main__":
    _program, port, path, seconds, connections = sys.argv
    sys.stdout.write(f"{main(int(port), path, sys.stdin.read(), float(seconds), int(connections))}\n")
