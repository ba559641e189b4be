"""An SMTP client that measures and records every stage, and trusts no answer's length or pace.

smtplib does the protocol; what differs is reading (each answer has a deadline as a whole, and a
size), STARTTLS (nothing said before it is believed after it) and signing in (UTF-8, long tokens).
"""

import base64
import binascii
import smtplib
import socket
import ssl
import time
from collections.abc import Callable

from webapp.core.texts import saying
from webapp.mail.expiry.certificates import Certificate
from webapp.mail.redaction import REDACTED
from webapp.mail.transcript import Stage, Transcript, printable
from webapp.mail.transport.errors import DeliveryError
from webapp.providers import Text

MAX_LINE_LENGTH = 4096
MAX_LINES = 200
# RFC 5321, 4.5.3.1.4: command lines have 512 octets, so a long first response follows alone.
MAX_COMMAND_LENGTH = 510
MAX_CHALLENGES = 10
QUIT_TIMEOUT = 2

NO_STARTTLS = saying("STARTTLS extension not supported by server.")
WENT_ON_IN_PLAIN = saying("The server went on in plain text after agreeing to STARTTLS.")
BEGAN_IN_PLAIN = saying("The server began in plain text instead of TLS.")
NOT_SMTP = saying("The reply is not SMTP: %(answer)s")
TOO_MANY_LINES = saying("The reply has more than %(number)s lines.")
LINE_TOO_LONG = saying("The reply has a line longer than %(number)s characters.")


class NotSmtp(OSError):
    """What answered does not speak SMTP."""


class SmtpClient(smtplib.SMTP):
    """One conversation over a socket that is already connected."""

    sock: socket.socket

    def __init__(
        self,
        sock: socket.socket,
        peer: tuple[str, int],
        helo: str,
        timeout: float,
        conversation: Transcript,
        said: bytes = b"",
    ) -> None:
        super().__init__(local_hostname=helo, timeout=timeout)
        self.sock = sock
        self.conversation = conversation
        self.peer = peer
        self._timeout = timeout
        self._buffer = said
        # What the server showed, once there is TLS.
        self.certificate: Certificate | None = None

    @property
    def mechanisms(self) -> frozenset[str]:
        """The SASL mechanisms that the server offers, upper case."""
        return frozenset(self.esmtp_features.get("auth", "").upper().replace("=", " ").split())

    def greet(self) -> None:
        """Wait for the server to speak first. Raises OSError or DeliveryError."""
        code, text = self.getreply()
        if code != 220:
            raise refusal(Stage.GREETING, code, text)

    def hello(self) -> None:
        """Say EHLO, or HELO to a server that does not know it."""
        code, text = self.ehlo()
        if code == 421:
            raise refusal(Stage.EHLO, code, text)
        if not 200 <= code < 300:
            code, text = self.helo()
        if not 200 <= code < 300:
            raise refusal(Stage.EHLO, code, text)

    def encrypt(self, context: ssl.SSLContext, ask_first: bool) -> None:
        """Start TLS, after STARTTLS if `ask_first`, checking the certificate and its name."""
        if ask_first:
            if not self.has_extn("starttls"):
                raise DeliveryError(Stage.TLS, error=NO_STARTTLS)
            code, text = self.docmd("STARTTLS")
            if code != 220:
                raise refusal(Stage.TLS, code, text)
        if self._buffer:
            # Said in plain text and pretending to come from inside the encryption (CVE-2011-0411).
            raise DeliveryError(Stage.TLS, error=WENT_ON_IN_PLAIN if ask_first else BEGAN_IN_PLAIN)
        self.sock.settimeout(self._timeout)
        encrypted = context.wrap_socket(self.sock, server_hostname=self.peer[0])
        self.sock = encrypted
        self.certificate = Certificate.shown_by(encrypted)
        self.esmtp_features.clear()
        self.does_esmtp = False
        cipher = encrypted.cipher()
        self.conversation.noted(f"{encrypted.version()} {cipher[0] if cipher else ''}, certificate checked")

    def authenticate(
        self, mechanism: str, initial: bytes | None = None, respond: Callable[[bytes], bytes] | None = None
    ) -> None:
        """Run one SASL exchange (RFC 4954); see `webapp.providers.SmtpDialogue`."""
        reasons: list[str] = []
        first = None if initial is None else base64.b64encode(initial).decode() or "="
        fits = first is not None and len(f"AUTH {mechanism} {first}") <= MAX_COMMAND_LENGTH
        code, text = self._secretly(f"AUTH {mechanism}", first if fits else None)
        pending = None if fits else initial
        for _round in range(MAX_CHALLENGES):
            if code != 334:
                break
            challenge = _decoded(text)
            if challenge.lstrip().startswith(b"{"):
                # RFC 7628, 3.2.2: the mechanisms with a token say so why they refuse it.
                reasons.append(f"334 {printable(challenge).strip()}")
                self.conversation.noted(reasons[-1])
            answer = pending if pending is not None else respond(challenge) if respond else b""
            pending = None
            code, text = self._secretly("", base64.b64encode(answer).decode())
        if code != 235:
            raise DeliveryError(Stage.AUTH, reply="\n".join([reply_text(code, text), *reasons]))

    def goodbye(self) -> None:
        """Say QUIT; the message is delivered, so the answer is not worth a long wait. Raises OSError."""
        self._timeout = min(self._timeout, QUIT_TIMEOUT)
        self.docmd("QUIT")

    def refuse(self, reason: Text) -> Exception:
        """An error for when signing in is impossible before anything is sent."""
        return DeliveryError(Stage.AUTH, error=str(reason))

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Send one command and write it down."""
        self.conversation.sent(f"{cmd} {args}".strip())
        super().putcmd(cmd, args)

    def send(self, s: bytes | str) -> None:  # type: ignore[override]
        """Send bytes, all within the timeout. Raises OSError."""
        self.sock.settimeout(self._timeout)
        self.sock.sendall(s if isinstance(s, bytes) else s.encode(self.command_encoding))

    def getreply(self) -> tuple[int, bytes]:
        """One whole answer, within the timeout. Raises OSError, among them NotSmtp."""
        lines: list[bytes] = []
        try:
            self._read_answer(lines)
        finally:
            if lines:
                self.conversation.received(printable(b"\n".join(lines)))
        return int(lines[-1][:3]), b"\n".join(line[4:].strip() for line in lines)

    def _read_answer(self, lines: list[bytes]) -> None:
        """Read the lines of one answer, into `lines` so that they are known also when it breaks off."""
        end = time.monotonic() + self._timeout
        while len(lines) < MAX_LINES:
            line = self._read_line(end)
            lines.append(line)
            if not line[:3].isdigit() or line[3:4] not in (b" ", b"-", b""):
                raise NotSmtp(NOT_SMTP % {"answer": repr(self.conversation.blot(printable(line))[:80])})
            if line[3:4] != b"-":
                return
        raise NotSmtp(TOO_MANY_LINES % {"number": MAX_LINES})

    def _read_line(self, end: float) -> bytes:
        while b"\n" not in self._buffer:
            if len(self._buffer) > MAX_LINE_LENGTH:
                raise NotSmtp(LINE_TOO_LONG % {"number": MAX_LINE_LENGTH})
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self.sock.settimeout(left)
            received = self.sock.recv(8192)
            if not received:
                raise ConnectionResetError("Connection unexpectedly closed")
            self._buffer += received
        line, _newline, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def _secretly(self, command: str, secret: str | None) -> tuple[int, bytes]:
        """Send a command whose end is for the server alone."""
        self.conversation.sent(f"{command} {REDACTED if secret else ''}".strip() if secret is not None else command)
        self.send(" ".join(part for part in (command, secret) if part) + "\r\n")
        return self.getreply()


def refusal(stage: Stage, code: int, text: bytes) -> DeliveryError:
    """The error for an answer that says no."""
    return DeliveryError(stage, reply=reply_text(code, text))


def reply_text(code: int, text: bytes) -> str:
    """An answer as it is shown: the code, then the server's words."""
    return f"{code} {printable(text)}".strip()


def _decoded(challenge: bytes) -> bytes:
    try:
        return base64.b64decode(challenge)
    except (binascii.Error, ValueError):
        return challenge
