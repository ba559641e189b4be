"""The record of one attempt to send: its stages with their times, and every line both sides said."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from webapp.mail.redaction import Redactor

MAX_LINES = 400
MAX_TEXT_LENGTH = 4000


class Stage(StrEnum):
    """The steps of sending, in their order."""

    TOKEN = "token"  # noqa: S105 -- the name of a stage
    LOOKUP = "lookup"
    CONNECT = "connect"
    PROXY = "proxy"
    TLS = "tls"
    GREETING = "greeting"
    EHLO = "ehlo"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"


@dataclass
class StageResult:
    """One stage gone through: how long it took, in seconds, and whether it went well."""

    stage: Stage
    seconds: float = 0.0
    passed: bool = False
    note: str = ""


@dataclass(frozen=True)
class TranscriptLine:
    """One line of the transcript. `who` is `client`, `server` or `note`."""

    who: str
    text: str


@dataclass
class Transcript:
    """What happened, with every secret blotted out as it is written down."""

    secrets: Iterable[str] = field(default=(), repr=False)
    steps: list[StageResult] = field(default_factory=list)
    lines: list[TranscriptLine] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._blotter = Redactor(self.secrets)

    def hide(self, secret: str) -> None:
        """Blot this out too, from now on."""
        self.secrets = [*self.secrets, secret]
        self._blotter = Redactor(self.secrets)

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[StageResult]:
        """Time one stage; it has passed when its block ends without an exception."""
        step = StageResult(stage)
        self.steps.append(step)
        started = time.monotonic()
        try:
            yield step
            step.passed = True
        finally:
            step.seconds = time.monotonic() - started

    def sent(self, text: str) -> None:
        """Write down what we said."""
        self._write("client", text)

    def received(self, text: str) -> None:
        """Write down what the server said, a whole answer at once."""
        self._write("server", text)

    def noted(self, text: str) -> None:
        """Write down what happened beside the lines, such as a TLS handshake."""
        self._write("note", text)

    def blot(self, text: str) -> str:
        """The text without any of the secrets, and not longer than people read."""
        return self._blotter(text)[:MAX_TEXT_LENGTH]

    def _write(self, who: str, text: str) -> None:
        for line in self._blotter(text).split("\n"):
            if len(self.lines) < MAX_LINES:
                self.lines.append(TranscriptLine(who, line))


def printable(octets: bytes) -> str:
    """What a server said, as text for people, pages and databases: control and formatting characters are none."""
    text = octets.decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c == "\n" else " " if c.isspace() else "\ufffd" for c in text)
