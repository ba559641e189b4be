"""The transcript of one attempt to send: its stages with their times, and every line from both sides."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Literal, Self

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from webapp.mail.redaction import Redactor

MAX_TRANSCRIPT_LINES = 400
# In characters. RFC 5321, 4.5.3.1.5: a line of a reply has at most 512 octets.
MAX_LINE_LENGTH = 512
MAX_ERROR_LENGTH = 4000
# Characters of a transcript that is stored.
MAX_TEXT_LENGTH = 8000
Source = Literal["client", "server", "note"]
MARKS: dict[Source, str] = {"client": "→", "server": "←", "note": "·"}


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
    Stage.EHLO: lazy_gettext("Greeting (EHLO)"),
    Stage.AUTH: lazy_gettext("Sign in"),
    Stage.MAIL: lazy_gettext("Sender (MAIL FROM)"),
    Stage.RCPT: lazy_gettext("Recipient (RCPT TO)"),
    Stage.DATA: lazy_gettext("Message (DATA)"),
}


@dataclass(slots=True)
class StageResult:
    """One stage: how long it took, in seconds, and whether it succeeded.

    As a context manager it is timed; it passes if the block ends without an exception.
    """

    stage: Stage
    seconds: float = 0.0
    passed: bool = False
    note: str = ""
    ended: bool = False
    _started: float = field(default_factory=time.monotonic, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.monotonic() - self._started
        self.passed = error is None
        self.ended = True


@dataclass(frozen=True)
class TranscriptLine:
    """One line."""

    source: Source
    text: str

    @property
    def mark(self) -> str:
        """The sign of who said it."""
        return MARKS[self.source]


class Transcript:
    """The stages so far, and what both sides said.

    Lines are kept in memory as they were said, as those of a message that is sent are never read. Reading them removes
    all secrets, including those that became known later.
    """

    def __init__(self, redactor: Redactor | None = None) -> None:
        self.redactor = redactor or Redactor()
        self.stages: list[StageResult] = []
        self._said: list[tuple[Source, str | bytes]] = []

    def add_secrets(self, secrets: Iterable[str]) -> None:
        """Redact these too."""
        self.redactor = self.redactor.with_secrets(secrets)

    def stage(self, stage: Stage) -> StageResult:
        """Begin a stage; use it as a context manager."""
        result = StageResult(stage)
        self.stages.append(result)
        return result

    def add(self, source: Source, said: str | bytes) -> None:
        """Record commands of the client, one complete reply of the server, or an event such as a TLS handshake."""
        if len(self._said) < MAX_TRANSCRIPT_LINES:
            self._said.append((source, said))

    @property
    def lines(self) -> list[TranscriptLine]:
        """What was said, without secrets, line by line; of long ones the beginning."""
        texts = [(source, said if isinstance(said, str) else printable(said)) for source, said in self._said]
        lines = [(source, line) for source, text in texts for line in self.redactor(text).rstrip().split("\n")]
        return [TranscriptLine(source, _shortened(line.rstrip())) for source, line in lines[:MAX_TRANSCRIPT_LINES]]

    def as_text(self) -> str:
        """Return the lines, each after the sign of who said it; of many only the last."""
        text = "\n".join(f"{line.mark} {line.text}" for line in self.lines)
        return text if len(text) <= MAX_TEXT_LENGTH else "…" + text[-MAX_TEXT_LENGTH:]

    def redact(self, text: str) -> str:
        """Return the text without secrets, shortened to what is worth showing."""
        return self.redactor(text)[:MAX_ERROR_LENGTH]


def _shortened(line: str) -> str:
    return line if len(line) <= MAX_LINE_LENGTH else f"{line[:MAX_LINE_LENGTH]}…"


def printable(octets: bytes) -> str:
    """Decode what a server sent, without control and formatting characters."""
    text = octets.decode("utf-8", "replace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else " " if c.isspace() else "\ufffd" for c in text)


def stage_label(stage: str) -> str:
    """Return what people call a stage; a failure of Mailroom itself has another one."""
    return str(STAGE_LABELS[Stage(stage)] if stage in list(Stage) else _("Send"))
