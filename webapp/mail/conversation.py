"""The record of one attempt to send: its stages with their times, and every line both sides said."""

import base64
import binascii
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

BLOT = "••••••"
LONGEST_RECORD = 400
# Shorter secrets would blot out half of every line.
SHORTEST_SECRET = 3


class Stage(StrEnum):
    """The steps of sending, in their order."""

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
class Step:
    """One stage gone through: how long it took, in seconds, and whether it went well."""

    stage: Stage
    seconds: float = 0.0
    passed: bool = False
    note: str = ""


@dataclass(frozen=True)
class Line:
    """One line of the transcript. `who` is `client`, `server` or `note`."""

    who: str
    text: str


@dataclass
class Conversation:
    """What happened, with every secret blotted out as it is written down."""

    secrets: Iterable[str] = field(default=(), repr=False)
    steps: list[Step] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._words = [secret for secret in self.secrets if len(secret) >= SHORTEST_SECRET]
        self._words.sort(key=len, reverse=True)

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[Step]:
        """Time one stage; it has passed when its block ends without an exception."""
        step = Step(stage)
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
        """Write down what the server said."""
        self._write("server", text)

    def noted(self, text: str) -> None:
        """Write down what happened beside the lines, such as a TLS handshake."""
        self._write("note", text)

    def blot(self, text: str) -> str:
        """The text without any of the secrets: as they are, in base64, or inside something in base64."""
        for word in self._words:
            text = text.replace(word, BLOT)
        return re.sub(r"[A-Za-z0-9+/_-]{4,}={0,2}", self._blot_encoded, text)

    def _blot_encoded(self, match: re.Match[str]) -> str:
        token = match[0]
        try:
            decoded = base64.b64decode(
                token + "=" * (-len(token) % 4), altchars=b"-_" if {"-", "_"} & set(token) else None
            )
        except (binascii.Error, ValueError):
            return token
        return BLOT if any(word.encode() in decoded for word in self._words) else token

    def _write(self, who: str, text: str) -> None:
        if len(self.lines) < LONGEST_RECORD:
            self.lines.append(Line(who, self.blot(text)))
