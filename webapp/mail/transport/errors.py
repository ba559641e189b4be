"""What can go wrong while sending, as one type."""

from enum import StrEnum

from webapp.core.errors import MailroomError as Problem
from webapp.mail.transcript import Stage, Transcript
from webapp.providers import Failure


class Scope(StrEnum):
    """Whose fault a failure is, and so what becomes of the message.

    SERVER: the server, the sign-in or the network; any message would have failed. MESSAGE: this
    message, for now. RECIPIENT: this message, for good. TOO_LATE: nobody's, its time is over.
    """

    SERVER = "server"
    MESSAGE = "message"
    RECIPIENT = "recipient"
    TOO_LATE = "too late"


class DeliveryError(Problem):
    """An attempt to send failed.

    `reply` holds the server's words (code first, one line each), `error` what the system or we
    say where there was no reply. Neither holds a secret.
    """

    def __init__(self, stage: Stage, *, reply: str = "", error: str = "", fault: Scope = Scope.SERVER) -> None:
        super().__init__()
        self.stage = stage
        self.reply = reply
        self.error = error
        self.fault = fault
        self.conversation = Transcript()

    def __str__(self) -> str:
        return f"{self.stage}: {self.words}"

    @property
    def server_fault(self) -> bool:
        """Whether any other message would have failed too."""
        return self.fault is Scope.SERVER

    @property
    def permanent(self) -> bool:
        """Whether this message can never be delivered."""
        return self.fault is Scope.RECIPIENT

    @property
    def words(self) -> str:
        """What to show and to keep: the server's words, else the system's."""
        return self.reply or self.error

    def failure(self) -> Failure:
        """The same, as plugins see it."""
        return Failure(stage=self.stage, reply=self.reply, error=self.error, permanent=self.permanent)


# Refusals of a single message that are about the sender's account or its quota: they pass, or
# somebody has to change the settings, so the message waits.
_NOT_THE_RECIPIENT = (
    "5.4.5", "5.5.1", "5.7.0", "5.7.30", "5.7.57", "5.7.60", "5.2.252", "senddenied", "sendasdenied", "quotaexceeded",
    "quota", "limit", "relay", "verified", "not authorized", "unauthorized", "authenticat", "sender", "from address",
    "helo", "credentials", "unusual sending", "cannot find your",
)  # fmt: skip


def classify_reply(stage: Stage, code: int, reply: str) -> Scope:
    """Whose fault a refusal of MAIL, RCPT or DATA is (RFC 5321, 4.2.1; RFC 3463)."""
    if code == 421 or stage is Stage.MAIL or code in (530, 535):
        return Scope.SERVER
    if 400 <= code < 500:
        return Scope.MESSAGE
    words = reply.casefold()
    if stage is Stage.RCPT:
        recipient = any(mark in words for mark in ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "user unknown"))
        if recipient or not any(mark in words for mark in _NOT_THE_RECIPIENT):
            return Scope.RECIPIENT
        return Scope.SERVER
    return Scope.MESSAGE if any(mark in words for mark in _NOT_THE_RECIPIENT) else Scope.RECIPIENT
