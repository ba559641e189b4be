"""A parent process that starts programs of Mailroom and keeps them running, for one machine."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

# In the environment of a child: the process it must not outlive.
PARENT = "MAILROOM_PARENT_PROCESS"
POLL = 0.1
FIRST_DELAY, MAX_DELAY = 0.5, 30.0
# A child that ran this long was well; its next failure is a first one again.
HEALTHY_AFTER = 60.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

log = structlog.get_logger(__name__)


@dataclass
class Child:
    """One program under the supervisor: arguments of `mailroom`, and how it has fared."""

    name: str
    arguments: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    start_at: float = 0.0
    failures: int = 0

    @property
    def running(self) -> bool:
        """Whether it runs at this moment."""
        return self.process is not None and self.process.poll() is None

    def tend(self, environ: Mapping[str, str]) -> None:
        """Start it when it is due, notice when it died."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.start_at:
                self._start(environ)
        elif (status := self.process.poll()) is not None:
            self.signal(signal.SIGKILL)
            self.failures = 1 if now - self.started > HEALTHY_AFTER else self.failures + 1
            delay = min(FIRST_DELAY * 2 ** (self.failures - 1), MAX_DELAY)
            log.error("process ended; starting it again", process=self.name, status=status, after_seconds=delay)
            self.process, self.start_at = None, now + delay

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to whatever it started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def _start(self, environ: Mapping[str, str]) -> None:
        command = [sys.executable, "-P", "-m", "webapp.cli", *self.arguments]
        # A group of its own, so that Ctrl-C reaches the supervisor alone, which stops all in order.
        self.process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, process_group=0)  # noqa: S603
        self.started = time.monotonic()


@dataclass
class Supervisor:
    """Starts programs, starts again what dies, and stops all on SIGTERM, SIGINT or SIGHUP.

    Programs get `grace` seconds to finish what they have in hand; a second signal ends them at once.
    """

    children: Sequence[Child]
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    grace: float = 75.0
    _signals: int = 0

    def run(self, ready: Callable[[], bool], announce: Callable[[], None]) -> None:
        """Keep all running until a signal. Calls `announce` once, when `ready()` first is true."""
        for number in STOP_SIGNALS:
            # Started under nohup, it is not to stop when the terminal goes away.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._count)
        environ = {**self.environ, PARENT: str(os.getpid())}
        announced = False
        try:
            while not self._signals:
                for child in self.children:
                    child.tend(environ)
                if not announced and ready():
                    announced = True
                    announce()
                time.sleep(POLL)
        finally:
            self._stop()

    def _stop(self) -> None:
        for child in self.children:
            if child.running and child.process:
                child.process.terminate()
        deadline = time.monotonic() + self.grace
        while any(child.running for child in self.children) and self._signals < 2 and time.monotonic() < deadline:
            time.sleep(POLL)
        for child in self.children:
            if child.running:
                log.warning("process did not stop in time; ending it", process=child.name)
            child.signal(signal.SIGKILL)
            if child.process:
                child.process.wait()

    def _count(self, *_: Any) -> None:
        self._signals += 1


def exit_with_parent(parent: int) -> None:
    """End this process as SIGTERM would, once `parent` is no longer its parent."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="follow-parent", daemon=True).start()


def follow_supervisor(environ: Mapping[str, str] = os.environ) -> None:
    """Follow the supervisor, when one started this process."""
    if parent := environ.get(PARENT):
        exit_with_parent(int(parent))
