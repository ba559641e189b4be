"""A mail server in a separate process that accepts everything and keeps nothing.

`python -m tests.bench.sink` prints its port, then for each message the time of its DATA command.
"""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

REPLIES = {
    b"EHLO": b"250-sink.example\r\n250-8BITMIME\r\n250-SIZE 35882577\r\n250-AUTH PLAIN XOAUTH2\r\n250 SMTPUTF8\r\n",
    b"AUTH": b"235 Welcome\r\n",
    b"DATA": b"354 Go ahead\r\n",
    b"QUIT": b"221 Bye\r\n",
}
END = b"\r\n.\r\n"


class Session(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.content = False
        self.buffer = b""
        transport.write(b"220 sink.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            piece, end, rest = self.buffer.partition(END if self.content else b"\r\n")
            if not end:
                return
            self.buffer = rest
            self._answer(piece[:4].upper())

    def _answer(self, verb: bytes) -> None:
        if self.content:
            self.content = False
            self.transport.write(b"250 Accepted\r\n")
            return
        self.content = verb == b"DATA"
        if self.content:
            sys.stdout.write(f"{time.monotonic()}\n")
            sys.stdout.flush()
        self.transport.write(REPLIES.get(verb, b"250 Ok\r\n"))


class Sink:
    """The running process, as seen by the benchmark."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout
        self._lines = process.stdout
        self.port = int(self._lines.readline())
        self.times: list[float] = []
        threading.Thread(target=self._read, daemon=True).start()

    def wait(self, number: int, seconds: float = 60) -> list[float]:
        """Wait for so many messages and return the times of their DATA commands (monotonic clock, in seconds)."""
        deadline = time.monotonic() + seconds
        while len(self.times) < number:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.times)} messages of {number} after {seconds} s")
            time.sleep(0.002)
        return self.times

    def _read(self) -> None:
        for line in self._lines:
            self.times.append(float(line))


@contextmanager
def running_sink() -> Iterator[Sink]:
    """Run a sink until the end of the block."""
    with subprocess.Popen([sys.executable, "-m", "tests.bench.sink"], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Sink(process)
        finally:
            process.terminate()


async def main() -> None:
    """Serve until terminated."""
    server = await asyncio.get_running_loop().create_server(Session, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
