"""One email over a session: MAIL, RCPT, DATA and the content (RFC 5321, 3.3).

If the server offers PIPELINING (RFC 2920), the three commands are sent at once and their replies read in order. The
content is never sent before the server has asked for it.
"""

from datetime import datetime

from webapp.core import clock, network_errors
from webapp.mail.mime import WireEmail
from webapp.mail.transcript import MAX_ERROR_LENGTH, Stage
from webapp.mail.transport import rejections
from webapp.mail.transport.errors import DeliveryError, Scope
from webapp.mail.transport.smtp import SmtpClient, out_of_step, reply_text

DATA = b"DATA\r\n"
RSET = b"RSET\r\n"
END = b".\r\n"
# The reply to DATA that asks for the content.
GO_AHEAD = 354


class Transaction:
    """The transaction of one email."""

    def __init__(self, client: SmtpClient, email: WireEmail) -> None:
        self._client = client
        self._email = email
        # The number of commands that the server hasn't answered yet.
        self._unanswered = 0

    def run(self, not_after: datetime | None) -> str:
        """Send the email; return the server's reply. Raises DeliveryError, OSError or ValueError.

        Nothing is delivered if the server asks for the content at `not_after` or later.
        """
        stage, pipelines = self._client.transcript.stage, self._client.has_extn("pipelining")
        with stage(Stage.MAIL) as result:
            mail, rcpt = self._envelope()
            self._write(mail + rcpt + DATA if pipelines else mail)
            result.note = self._noted(self._expect(Stage.MAIL, 2))
        with stage(Stage.RCPT) as result:
            if not pipelines:
                self._write(rcpt)
            result.note = self._noted(self._expect(Stage.RCPT, 2))
        with stage(Stage.DATA) as result:
            if not pipelines:
                self._write(DATA)
            self._expect(Stage.DATA, 3)
            if not_after is not None and clock.now() >= not_after:
                raise DeliveryError(Stage.DATA, "message_expired", scope=Scope.EXPIRED)
            reply = self._client.transcript.redactor(self._send_content())
            result.note = reply[:MAX_ERROR_LENGTH]
        return reply

    def rehearse(self) -> None:
        """Have the server accept the sender and the recipient, and send nothing.

        Raises DeliveryError, OSError or ValueError. Nothing is pipelined, as DATA must not follow.
        """
        for stage, command in zip((Stage.MAIL, Stage.RCPT), self._envelope(), strict=True):
            with self._client.transcript.stage(stage) as result:
                self._write(command)
                result.note = self._noted(self._expect(stage, 2))
        self.withdraw()

    def withdraw(self) -> bool:
        """Reset the session after a rejection. Return whether it can be used for another email."""
        try:
            # Without a recipient, a server may ask for the content nevertheless (RFC 2920, 3.1).
            self._write(END + RSET if self._last_reply() == GO_AHEAD else RSET)
            return self._last_reply() // 100 == 2
        except OSError:
            return False

    def _last_reply(self) -> int:
        """Read the replies to come; return the code of the last, or 0 if there are none."""
        code = 0
        while self._unanswered:
            code, _text = self._reply()
        return code

    def _envelope(self) -> tuple[bytes, bytes]:
        """Return the commands MAIL and RCPT. Raises DeliveryError, or ValueError for an address that can't be sent."""
        email, client = self._email, self._client
        options = f" SIZE={len(email.content)}" if client.has_extn("size") else ""
        encoding = "ascii"
        if not email.content.isascii():
            options += self._eight_bits()
        if email.needs_utf8:
            self._require_smtputf8()
            options, encoding = f"{options} SMTPUTF8", "utf-8"
        if not (email.sender.isprintable() and email.recipient.isprintable()):
            raise ValueError("the address contains control characters")
        mail = f"MAIL FROM:<{email.sender}>{options}\r\n".encode(encoding)
        return mail, f"RCPT TO:<{email.recipient}>\r\n".encode(encoding)

    def _eight_bits(self) -> str:
        """Return the parameter of MAIL for octets above 127 (RFC 6152). Raises DeliveryError if they can't be sent.

        A server with SMTPUTF8 takes them in any case (RFC 6531, 3.1).
        """
        if self._client.has_extn("8bitmime"):
            return " BODY=8BITMIME"
        if not self._email.needs_utf8:
            raise DeliveryError(Stage.MAIL, "8bitmime_not_offered", scope=Scope.RECIPIENT)
        return ""

    def _require_smtputf8(self) -> None:
        """Raise DeliveryError if the server can't take addresses with non-ASCII characters, naming whose it is."""
        if self._client.has_extn("smtputf8"):
            return
        if self._email.sender.isascii():
            raise DeliveryError(Stage.MAIL, "smtputf8_not_offered", scope=Scope.RECIPIENT)
        raise DeliveryError(Stage.MAIL, "sender_needs_smtputf8", scope=Scope.SERVER)

    def _send_content(self) -> str:
        content = dot_stuffed(self._email.content)
        self._client.transcript.add("note", f"message of {len(self._email.content)} octets")
        self._client.send(content)
        self._unanswered = 1
        try:
            return self._expect(Stage.DATA, 2)
        except OSError as error:
            cause, params = network_errors.classify(error)
            params["cause"] = cause
            raise DeliveryError(Stage.DATA, "unconfirmed", params, scope=Scope.UNCERTAIN) from error

    def _write(self, commands: bytes) -> None:
        self._client.transcript.add("client", commands)
        self._client.send(commands)
        self._unanswered += commands.count(b"\n")

    def _expect(self, stage: Stage, first_digit: int) -> str:
        """Return the next reply as text. Raises DeliveryError for a rejection, or OSError, such as NotSmtp.

        Any other reply belongs to another command: what it means for this email is unknown.
        """
        code, text = self._reply()
        reply = reply_text(code, text)
        if code // 100 == first_digit:
            return reply
        if code // 100 in (4, 5):
            raise DeliveryError(stage, reply=reply, scope=rejections.scope(stage, reply))
        raise out_of_step(reply)

    def _noted(self, reply: str) -> str:
        return self._client.transcript.redact(reply)

    def _reply(self) -> tuple[int, bytes]:
        reply = self._client.getreply()
        self._unanswered -= 1
        return reply


def dot_stuffed(content: bytes) -> bytes:
    """Return the content as it is sent after DATA (RFC 5321, 4.5.2): lines end in CRLF, and dots are doubled."""
    breaks = content.count(b"\r\n")
    if content.count(b"\n") != breaks or content.count(b"\r") != breaks:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return (b"." if content.startswith(b".") else b"") + stuffed + END
