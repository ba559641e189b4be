"""The transcript of one attempt to send: its stages with their times, and every line from both sides."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from webapp.mail.redaction import Redactor

MAX_TRANSCRIPT_LINES = 400
MAX_ERROR_LENGTH = 4000
Source = Literal["client", "server", "note"]


class Stage(StrEnum):
    """The stages of sending, in order."""

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


STAGE_LABELS = {
    Stage.TOKEN: lazy_gettext("Get an access token"),
    Stage.LOOKUP: lazy_gettext("Look up the host"),
    Stage.CONNECT: lazy_gettext("Connect"),
    Stage.PROXY: lazy_gettext("Connect through the proxy"),
    Stage.TLS: lazy_gettext("Start TLS and check the certificate"),
    Stage.GREETING: lazy_gettext("Server greeting"),
    Stage.EHLO: lazy_gettext("Introduction (EHLO)"),
    Stage.AUTH: lazy_gettext("Sign in"),
    Stage.MAIL: lazy_gettext("Sender (MAIL FROM)"),
    Stage.RCPT: lazy_gettext("Recipient (RCPT TO)"),
    Stage.DATA: lazy_gettext("Message (DATA)"),
}


@dataclass
class StageResult:
    """One stage: how long it took, in seconds, and whether it succeeded."""

    stage: Stage
    seconds: float = 0.0
    passed: bool = False
    note: str = ""


@dataclass(frozen=True)
class TranscriptLine:
    """One line."""

    source: Source
    text: str


@dataclass
class Transcript:
    """The stages and lines so far. Secrets are redacted before anything is recorded."""

    secrets: Iterable[str] = field(default=(), repr=False)
    stages: list[StageResult] = field(default_factory=list)
    lines: list[TranscriptLine] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._redactor = Redactor(self.secrets)

    def add_secret(self, secret: str) -> None:
        """Redact this too, from now on."""
        self.secrets = [*self.secrets, secret]
        self._redactor = Redactor(self.secrets)

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[StageResult]:
        """Time one stage; it passes if the block ends without an exception."""
        result = StageResult(stage)
        self.stages.append(result)
        started = time.monotonic()
        try:
            yield result
            result.passed = True
        finally:
            result.seconds = time.monotonic() - started

    def add(self, source: Source, text: str) -> None:
        """Record what the client sent, one complete reply of the server, or an event such as a TLS handshake."""
        for line in self._redactor(text).split("\n"):
            if len(self.lines) < MAX_TRANSCRIPT_LINES:
                self.lines.append(TranscriptLine(source, line))

    def redact(self, text: str) -> str:
        """Return the text without secrets, shortened to what is worth showing."""
        return self._redactor(text)[:MAX_ERROR_LENGTH]


def printable(octets: bytes) -> str:
    """Decode what a server sent, without control and formatting characters."""
    text = octets.decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c == "\n" else " " if c.isspace() else "\ufffd" for c in text)


def stage_label(stage: str) -> str:
    """Return what people call a stage; a failure of Mailroom itself has another one."""
    return str(STAGE_LABELS[Stage(stage)] if stage in list(Stage) else _("Send"))
