"""An SMTP client that records every line and trusts no server about the size or pace of its replies.

smtplib implements the protocol. Different here are reading (each reply has a deadline as a whole, and
a maximum size), STARTTLS (nothing received before TLS is used after it) and authentication (UTF-8,
long tokens).
"""

import base64
import json
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from typing import NoReturn

from webapp.core import tls
from webapp.core.certificates import CertificateFacts
from webapp.core.deadlines import Deadline
from webapp.core.network_errors import NetworkError
from webapp.mail.redaction import REDACTED
from webapp.mail.transcript import Stage, Transcript, printable
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings

TLS_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
MAX_LINE_LENGTH = 4096
MAX_LINES = 200
# RFC 5321, 4.5.3.1.4: a command line has at most 512 octets, so a longer initial response is sent alone.
MAX_COMMAND_LENGTH = 510
MAX_CHALLENGES = 10
QUIT_TIMEOUT = 2
# What firewalls write over STARTTLS in the reply to EHLO, such as Cisco's “ESMTP inspection”: XXXXXXXA.
MASKED = re.compile(r"x{7,}a?", re.IGNORECASE)
# The parameter of a failure that an authentication method reports before anything is sent.
REFUSED = "refused"


class NotSmtp(NetworkError):
    """The reply is not SMTP."""


class SmtpClient(smtplib.SMTP):
    """One SMTP session over a socket that is already connected."""

    sock: socket.socket

    def __init__(
        self,
        sock: socket.socket,
        host: str,
        settings: TransportSettings,
        transcript: Transcript,
        deadline: Deadline,
        received: bytes = b"",
    ) -> None:
        super().__init__(local_hostname=settings.helo or _address_literal(sock), timeout=settings.timeout)
        self.sock = sock
        self.transcript = transcript
        self.peer = (host, settings.port)
        self._settings = settings
        self._timeout = settings.timeout
        # Of everything, besides the timeout of each step.
        self.deadline = deadline
        self._buffer = received
        self.certificate: CertificateFacts | None = None
        # The mechanism of the last AUTH, if there was one, and those that the server offers but doesn't know.
        self.used_mechanism = ""
        self._withdrawn: frozenset[str] = frozenset()
        # Why authentication is impossible, once the method has said so.
        self._refused: tuple[str, dict[str, str]] | None = None

    @property
    def mechanisms(self) -> frozenset[str]:
        """The SASL mechanisms that may be used, in upper case."""
        usable, chosen = self.offered - self._withdrawn, self._settings.mechanism
        return usable & {chosen} if chosen else usable

    @property
    def offered(self) -> frozenset[str]:
        """The SASL mechanisms that the server offers, in upper case."""
        return frozenset(self.esmtp_features.get("auth", "").upper().replace("=", " ").split())

    @property
    def features(self) -> str:
        """What the server offers, as it says it, with commas between."""
        found = [f"{name} {self.esmtp_features[name]}".strip() for name in self.esmtp_features]
        return ", ".join(one.upper() for one in found if one.isprintable())

    def withdraw_mechanism(self) -> bool:
        """Take the mechanism of the last AUTH out of `mechanisms`; return whether that is any news."""
        news = self.used_mechanism in self.mechanisms
        self._withdrawn |= {self.used_mechanism}
        return news

    def greet(self) -> str:
        """Wait for the server's greeting, and return it. Raises OSError or DeliveryError."""
        code, text = self.getreply()
        if code != 220:
            raise _rejected(Stage.GREETING, code, text)
        return self.transcript.redact(reply_text(code, text))

    def hello(self) -> None:
        """Send EHLO, or HELO to a server that does not know EHLO."""
        code, text = self.ehlo()
        rejected = _rejected(Stage.EHLO, code, text)
        if code == 421:
            raise rejected
        if not 200 <= code < 300:
            try:
                code, text = self.helo()
            except OSError as error:
                # The reply to EHLO says why the server hangs up.
                raise rejected from error
        if not 200 <= code < 300:
            raise _rejected(Stage.EHLO, code, text)

    def request_tls(self) -> None:
        """Send STARTTLS. Raises DeliveryError unless the server agrees and then waits."""
        if not self.has_extn("starttls"):
            stripped = any(MASKED.fullmatch(name) for name in self.esmtp_features)
            raise DeliveryError(Stage.TLS, "starttls_stripped" if stripped else "starttls_not_offered")
        code, text = self.docmd("STARTTLS")
        if code != 220:
            raise _rejected(Stage.TLS, code, text)
        if self._buffer:
            # Sent in plain text, it would count as sent inside the encryption (CVE-2011-0411).
            raise DeliveryError(Stage.TLS, "plain_text_after_starttls")

    def start_tls(self) -> str:
        """Encrypt the connection, verifying the certificate and its host name. Return what was agreed on."""
        if self._buffer:
            raise DeliveryError(Stage.TLS, "tls_not_offered")
        self.sock.settimeout(self.deadline.left(self._timeout))
        minimum = TLS_VERSIONS[self._settings.tls_minimum]
        encrypted = tls.encrypt(self.sock, self.peer[0], minimum, self._settings.trust)
        self.sock = self.deadline.watch(encrypted)
        presented = tls.certificate_of(encrypted)
        self.certificate = CertificateFacts.of(presented) if presented else None
        self.esmtp_features.clear()
        self.does_esmtp = False
        cipher = encrypted.cipher()
        chosen = f"{encrypted.version()} {cipher[0] if cipher else ''}"
        self.transcript.add("note", f"{chosen}, certificate checked")
        return "; ".join(filter(None, (chosen, self.certificate.line if self.certificate else "")))

    def authenticate(
        self, mechanism: str, initial: bytes | None = None, respond: Callable[[bytes], bytes] | None = None
    ) -> None:
        """Run one SASL exchange (RFC 4954); see `webapp.providers.SmtpDialogue`."""
        self.raise_refusal()
        self.used_mechanism = mechanism.upper()
        reason: dict[str, str] = {}
        first = None if initial is None else base64.b64encode(initial).decode() or "="
        fits = first is not None and len(f"AUTH {mechanism} {first}") <= MAX_COMMAND_LENGTH
        code, text = self._unlogged(f"AUTH {mechanism}", first if fits else None)
        pending = None if fits else initial
        for _round in range(MAX_CHALLENGES):
            if code != 334:
                break
            challenge = _decoded(text)
            if challenge.lstrip().startswith(b"{"):
                self.transcript.add("note", f"334 {printable(challenge).strip()}")
                reason = _reason(challenge)
            answer = pending if pending is not None else respond(challenge) if respond else b""
            pending = None
            code, text = self._unlogged("", base64.b64encode(answer).decode())
        if code != 235:
            raise DeliveryError(Stage.AUTH, params=reason, reply=reply_text(code, text))

    def refuse(self, code: str, **params: str) -> NoReturn:
        """Raise the error for an authentication that is impossible before anything is sent."""
        texts = {name: str(text) for name, text in params.items()}
        self._refused = (str(code), {"error": str(code), **texts, REFUSED: "plugin"})
        raise DeliveryError(Stage.AUTH, *self._refused)

    def raise_refusal(self) -> None:
        """Raise the error of `refuse` again, which a plugin may have caught. Raises DeliveryError."""
        if self._refused is not None:
            raise DeliveryError(Stage.AUTH, *self._refused)

    def quit_quickly(self) -> None:
        """Send QUIT and wait only briefly: the message is delivered already. Raises OSError."""
        self._timeout = min(self._timeout, QUIT_TIMEOUT)
        self.docmd("QUIT")

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Send one command and record it."""
        self.transcript.add("client", f"{cmd} {args}".strip())
        super().putcmd(cmd, args)

    def send(self, s: bytes | str) -> None:  # type: ignore[override]
        """Send bytes, all within the timeout. Raises OSError.

        A server speaks only when it is asked: a reply that is there already would be taken for that to these bytes.
        """
        if self._buffer:
            raise out_of_step(self.transcript.redactor(printable(self._buffer)))
        self.sock.settimeout(self.deadline.left(self._timeout))
        try:
            self.sock.sendall(s if isinstance(s, bytes) else s.encode(self.command_encoding))
        except ssl.SSLEOFError:
            # The server has left. Why may be in an alert that nobody has read: this raises it.
            self.sock.recv(1)
            raise

    def getreply(self) -> tuple[int, bytes]:
        """Return one complete reply, received within the timeout. Raises OSError, such as NotSmtp."""
        lines: list[bytes] = []
        try:
            self._read_reply(lines)
        finally:
            if lines:
                self.transcript.add("server", b"\n".join(lines))
        return int(lines[-1][:3]), b"\n".join(line[4:].strip() for line in lines)

    def _read_reply(self, lines: list[bytes]) -> None:
        """Read the lines of one reply into `lines`, so that they are known even if it breaks off."""
        end = time.monotonic() + self.deadline.left(self._timeout)
        while len(lines) < MAX_LINES:
            line = self._read_line(end)
            lines.append(line)
            if not line[:3].isdigit() or line[3:4] not in (b" ", b"-", b""):
                raise NotSmtp("not_smtp", reply=repr(self.transcript.redactor(printable(line))))
            if line[3:4] != b"-":
                return
        raise NotSmtp("reply_too_long", limit=str(MAX_LINES))

    def _read_line(self, end: float) -> bytes:
        while b"\n" not in self._buffer:
            if len(self._buffer) > MAX_LINE_LENGTH:
                raise NotSmtp("line_too_long", limit=str(MAX_LINE_LENGTH))
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

    def _unlogged(self, command: str, secret: str | None) -> tuple[int, bytes]:
        """Send a command with a secret argument, which the transcript does not show."""
        self.transcript.add("client", " ".join(filter(None, (command, secret and REDACTED))))
        self.send(" ".join(filter(None, (command, secret))) + "\r\n")
        return self.getreply()


def out_of_step(reply: str) -> NotSmtp:
    """Return the error for a reply to nothing that was asked, or to something else."""
    return NotSmtp("out_of_step", reply=repr(reply))


def reply_text(code: int, text: bytes) -> str:
    """Return a reply as it is shown: the code, then the text."""
    return f"{code} {printable(text)}".strip()


def _rejected(stage: Stage, code: int, text: bytes) -> DeliveryError:
    return DeliveryError(stage, reply=reply_text(code, text))


def _decoded(challenge: bytes) -> bytes:
    """Return what a challenge says: in base64 of either alphabet, which some servers don't pad, or as it is."""
    text = b"".join(challenge.split()).rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError:
        return challenge


def _reason(challenge: bytes) -> dict[str, str]:
    """Return the reason for which a token is rejected, given as a challenge (RFC 7628, 3.2.2), as parameters."""
    try:
        found = json.loads(challenge)
    except (ValueError, RecursionError):
        # The transcript shows it.
        return {}
    said = {"status": found.get("status") or found.get("error"), "scope": found.get("scope")}
    # In JSON, a text may have what a page or a terminal can't take, however it is written.
    texts = {name: str(value).encode(errors="replace") for name, value in said.items() if isinstance(value, str | int)}
    return {f"auth_{name}": printable(text) for name, text in texts.items() if text}


def _address_literal(sock: socket.socket) -> str:
    """Return this machine's address on the connection as a name for EHLO (RFC 5321, 4.1.3)."""
    address = str(sock.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
