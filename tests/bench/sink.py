"""Mail servers in separate processes that accept everything and keep nothing: Postfix's smtp-sink, and one of ours.

Ours, `python -m tests.bench.sink`, prints its port, then for each message the time of its DATA command, its
recipient, and whether it was accepted already.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.running import free_port

REPLIES = {
    b"EHLO": b"250-sink.example\r\n250-8BITMIME\r\n250-PIPELINING\r\n250-SIZE 35882577\r\n"
    b"250-AUTH PLAIN XOAUTH2\r\n250 SMTPUTF8\r\n",
    b"AUTH": b"235 Welcome\r\n",
    b"DATA": b"354 Go ahead\r\n",
    b"QUIT": b"221 Bye\r\n",
}
END = b"\r\n.\r\n"
# Where smtp-sink runs, if there are two CPUs: nothing else that is measured runs there.
SINK_CPU = 1
MISSING = "smtp-sink is not installed, so a slower one is used. Debian and Ubuntu have it in the package postfix."


class Session(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.content = False
        self.recipient = b""
        self.buffer = b""
        transport.write(b"220 sink.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            piece, end, rest = self.buffer.partition(END if self.content else b"\r\n")
            if not end:
                return
            self.buffer = rest
            self._answer(piece)

    def _answer(self, line: bytes) -> None:
        if self.content:
            self.content = False
            self._print(b"accepted")
            self.transport.write(b"250 Accepted\r\n")
            return
        verb = line[:4].upper()
        self.content = verb == b"DATA"
        if verb == b"RCPT":
            self.recipient = line.partition(b"<")[2].partition(b">")[0]
        if self.content:
            self._print(b"begun")
        self.transport.write(REPLIES.get(verb, b"250 Ok\r\n"))

    def _print(self, what: bytes) -> None:
        sys.stdout.write(f"{time.monotonic()} {what.decode()} {self.recipient.decode()}\n")
        sys.stdout.flush()


class Sink:
    """Our process, as seen by the benchmark."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout
        self.process = process.pid
        self._lines = process.stdout
        self.port = int(self._lines.readline())
        # When DATA was received (monotonic clock, in seconds), and whose messages were accepted.
        self.times: list[float] = []
        self.accepted: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def wait(self, number: int, seconds: float = 60) -> list[float]:
        """Wait for so many messages and return the times of their DATA commands."""
        deadline = time.monotonic() + seconds
        while len(self.times) < number:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.times)} messages of {number} after {seconds} s")
            time.sleep(0.002)
        return self.times

    def _read(self) -> None:
        for line in self._lines:
            at, what, recipient = line.split()
            if what == "begun":
                self.times.append(float(at))
            else:
                self.accepted.append(recipient)


@contextmanager
def running_sink() -> Iterator[Sink]:
    """Run our sink until the end of the block."""
    with subprocess.Popen([sys.executable, "-m", "tests.bench.sink"], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Sink(process)
        finally:
            process.terminate()


@contextmanager
def running_fast_sink(pinned: bool = True) -> Iterator[int]:
    """Run smtp-sink, or ours without it, until the end of the block, and yield its port.

    If it is `pinned`, and there are two CPUs, it has one for itself; what the block starts runs on the others.
    """
    with _fast_process() as (process, port), _apart(process if pinned else None):
        yield port


def program() -> str | None:
    """Return the path of smtp-sink, if it is installed."""
    return shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin")


@contextmanager
def _fast_process() -> Iterator[tuple[int, int]]:
    """Run smtp-sink, or ours, and yield its process and its port."""
    path = program()
    if path is None:
        with running_sink() as sink:
            yield sink.process, sink.port
        return
    port = free_port()
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    with subprocess.Popen([path, *user, f"127.0.0.1:{port}", "100"]) as process:
        try:
            wait_for_port(port)
            yield process.pid, port
        finally:
            process.terminate()


@contextmanager
def _apart(process: int | None) -> Iterator[None]:
    """Give a process a CPU of its own, and keep this process and its children away from it."""
    cpus = os.sched_getaffinity(0)
    if process is None or SINK_CPU not in cpus or len(cpus) < 2:
        yield
        return
    os.sched_setaffinity(process, {SINK_CPU})
    os.sched_setaffinity(0, cpus - {SINK_CPU})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cpus)


def wait_for_port(port: int, seconds: float = 10) -> None:
    """Wait until something listens there. Raises ConnectionRefusedError."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


async def main() -> None:
    """Serve until terminated."""
    server = await asyncio.get_running_loop().create_server(Session, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
