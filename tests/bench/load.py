"""A light web client in a separate process that sends as many requests as the server answers.

`python -m tests.bench.load PORT SECONDS CONNECTIONS` prints the number of responses; it reads the request from standard
input, and fails on one that isn't successful.
"""

import selectors
import socket
import subprocess
import sys
import time

MEASURE = (sys.executable, "-m", "tests.bench.load")


def requests_per_second(port: int, path: str, cookie: str = "", seconds: float = 3, connections: int = 16) -> float:
    """Measure how often a server on loopback answers with a page, from another process."""
    return measure(
        port, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n", seconds, connections
    )


def posts_per_second(
    port: int, path: str, body: str, headers: str = "", seconds: float = 3, connections: int = 20
) -> float:
    """Measure how many posts of this JSON a server accepts; `headers` are further ones, each with its line end."""
    head = (
        f"Host: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n{headers}"
    )
    return measure(port, f"POST {path} HTTP/1.1\r\n{head}\r\n{body}", seconds, connections)


def measure(port: int, request: str, seconds: float, connections: int = 16) -> float:
    """Send this request again and again; return how many are answered in a second."""
    command = [*MEASURE, str(port), str(seconds), str(connections)]
    done = subprocess.run(command, input=request.encode(), capture_output=True, check=True)
    return int(done.stdout) / seconds


class Connection:
    """A kept connection with one pending request."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self._request = request
        self._received = b""
        self.ask()

    def ask(self) -> None:
        """Send the next request."""
        self.socket.sendall(self._request)

    def answered(self) -> bool:
        """Receive data and return whether the response is complete. Raises RuntimeError for other statuses than 2xx."""
        self._received += self.socket.recv(65536)
        head, gap, body = self._received.partition(b"\r\n\r\n")
        if not gap:
            return False
        if not head.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(head.decode())
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) < length:
            return False
        self._received = b""
        return True


def main(port: int, request: bytes, seconds: float, connections: int) -> int:
    """Count the responses within some seconds."""
    answers, selector = 0, selectors.DefaultSelector()
    for connection in [Connection(port, request) for _ in range(connections)]:
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
    _program, port, seconds, connections = sys.argv
    sys.stdout.write(f"{main(int(port), sys.stdin.buffer.read(), float(seconds), int(connections))}\n")
