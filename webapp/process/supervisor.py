"""Start the programs of Mailroom on one machine and keep them running."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

# Environment variable of a child: the id of the process it must not outlive.
PARENT = "MAILROOM_PARENT_PROCESS"
POLL = 0.1
# Longer than the worker takes to stop.
GRACE = 75.0
FIRST_DELAY, MAX_DELAY = 0.5, 30.0
# After this many seconds a child counts as healthy; its next failure is a first one again.
HEALTHY_AFTER = 60.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

log = structlog.get_logger(__name__)


@dataclass
class Child:
    """One program under the supervisor, run with `python -m`, and how it is doing."""

    name: str
    arguments: Sequence[str]
    module: str = "webapp.cli"
    # What it gets as its standard input: the socket on which a web server accepts connections.
    listener: socket.socket | None = None
    # Sockets that it gets with their numbers, as `--socket` each.
    sockets: Sequence[socket.socket] = ()
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    start_at: float = 0.0
    failures: int = 0

    @property
    def running(self) -> bool:
        """Whether the process is running."""
        return self.process is not None and self.process.poll() is None

    def check(self, environ: Mapping[str, str]) -> None:
        """Start the process when it is due; schedule a restart if it died."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.start_at:
                self._start(environ)
        elif (status := self.process.poll()) is not None:
            self.signal(signal.SIGKILL)
            self.failures = 1 if now - self.started > HEALTHY_AFTER else self.failures + 1
            delay = min(FIRST_DELAY * 2 ** (self.failures - 1), MAX_DELAY)
            log.error("process ended; restarting", process=self.name, status=status, after_seconds=delay)
            self.process, self.start_at = None, now + delay

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and its children."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def _start(self, environ: Mapping[str, str]) -> None:
        numbers = [one.fileno() for one in self.sockets]
        options = [part for number in numbers for part in ("--socket", str(number))]
        command = [sys.executable, "-P", "-m", self.module, *self.arguments, *options]
        # In a process group of its own: Ctrl-C reaches only the supervisor, which stops everything in order.
        given = self.listener.fileno() if self.listener else subprocess.DEVNULL
        self.process = subprocess.Popen(  # noqa: S603
            command, env=environ, stdin=given, pass_fds=numbers, process_group=0
        )
        self.started = time.monotonic()


@dataclass
class Supervisor:
    """Starts programs, restarts those that die, and stops all of them on SIGTERM, SIGINT or SIGHUP.

    Programs get GRACE seconds to finish what they are doing; a second signal kills them at once.
    """

    children: Sequence[Child]
    _signals: int = 0

    def run(self, ready: Callable[[], bool], announce: Callable[[], None]) -> None:
        """Keep all programs running until a signal arrives. Call `announce` once, as soon as `ready()` is true."""
        for number in STOP_SIGNALS:
            # Under nohup, closing the terminal must not stop it.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._count)
        environ = {**os.environ, PARENT: str(os.getpid())}
        announced = False
        try:
            while not self._signals:
                for child in self.children:
                    child.check(environ)
                if not announced and ready():
                    announced = True
                    announce()
                time.sleep(POLL)
        finally:
            self._stop()

    def _stop(self) -> None:
        for child in self.children:
            for listener in (child.listener, *child.sockets):
                # So that nobody connects and waits once the servers have closed theirs.
                if listener:
                    listener.close()
            if child.running and child.process:
                child.process.terminate()
        deadline = time.monotonic() + GRACE
        while any(child.running for child in self.children) and self._signals < 2 and time.monotonic() < deadline:
            time.sleep(POLL)
        for child in self.children:
            if child.running:
                log.warning("process did not stop in time; killing it", process=child.name)
            child.signal(signal.SIGKILL)
            if child.process:
                child.process.wait()

    def _count(self, *_: Any) -> None:
        self._signals += 1


def exit_with_parent(parent: int) -> None:
    """Terminate this process with SIGTERM once `parent` is no longer its parent."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="exit-with-parent", daemon=True).start()


def exit_with_supervisor() -> None:
    """Terminate this process when its supervisor ends, if one started it."""
    if parent := os.environ.get(PARENT):
        exit_with_parent(int(parent))
