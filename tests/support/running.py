"""`mailroom` as an operator runs it, in separate processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, Request, build_opener

from tests.support.html import forms_of

COMMAND = (sys.executable, "-m", "webapp.cli")


class Mailroom:
    """One running command, with its output in files."""

    def __init__(self, folder: Path, arguments: Sequence[str], environ: Mapping[str, str], command: Sequence[str]):
        self.folder = folder
        self._files = folder / "stdout", folder / "stderr"
        with self._files[0].open("w") as out, self._files[1].open("w") as errors:
            self.process = subprocess.Popen(
                [*command, *arguments], cwd=folder, env=clean(environ), stdout=out, stderr=errors
            )

    @property
    def out(self) -> str:
        """Standard output so far."""
        return self._files[0].read_text()

    @property
    def errors(self) -> str:
        """Standard error so far."""
        return self._files[1].read_text()

    def wait_for(self, text: str, times: int = 1, seconds: float = 120) -> None:
        """Wait until this text was printed or logged so many times."""

        def found() -> bool:
            assert self.process.poll() is None, f"it ended:\n{self.out}{self.errors}"
            return (self.out + self.errors).count(text) >= times

        until(found, seconds)

    def stop(self) -> int:
        """Stop it as systemd does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(90)


@contextmanager
def running(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None, command: Sequence[str] = COMMAND
) -> Iterator[Mailroom]:
    """Run `mailroom` with these arguments in this folder until the end of the block."""
    mailroom = Mailroom(folder, arguments, {"MAILROOM_LOG_FORMAT": "text"} | dict(environ or {}), command)
    try:
        yield mailroom
    finally:
        if mailroom.process.poll() is None:
            mailroom.stop()


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in {seconds} s"
        time.sleep(0.05)


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of this process with these settings of Mailroom only."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAILROOM_")} | dict(environ)


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Visitor:
    """A browser that keeps cookies and runs no scripts."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> "Page":
        """Open a path or a URL. Raises HTTPError for statuses from 400."""
        return self._open(Request(urljoin(self.address, path)))

    def submit(self, path: str, button: str | None = None, **fields: str) -> "Page":
        """Open a page, fill in the form that has these fields (and button), and submit it."""
        page = self.get(path)
        form = next(form for form in forms_of(page.text) if form.names >= set(fields))
        values = dict(form.values) | fields
        if button is not None:
            values |= [form.buttons[button]]
        return self._open(Request(urljoin(page.address, form.action), urlencode(values).encode()))

    def _open(self, request: Request) -> "Page":
        with self._opener.open(request, timeout=30) as answer:
            return Page(answer.status, answer.url, answer.read().decode())


@dataclass(frozen=True)
class Page:
    """The last page after redirects."""

    status: int
    address: str
    text: str
