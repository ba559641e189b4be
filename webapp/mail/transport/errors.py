"""Failures to deliver, as one type."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from webapp.core.errors import MailroomError
from webapp.mail.transcript import Stage, Transcript
from webapp.providers import Failure


class Scope(StrEnum):
    """What a failure concerns, and so what happens to the message.

    SERVER: the server, authentication or the network; any message would have failed. MESSAGE: this
    message, for now. RECIPIENT: this message, permanently. EXPIRED: it is too late to send it.
    """

    SERVER = "server"
    MESSAGE = "message"
    RECIPIENT = "recipient"
    EXPIRED = "expired"


class DeliveryError(MailroomError):
    """An attempt to send failed. No attribute contains a secret; see `webapp.providers.Failure`."""

    def __init__(
        self,
        stage: Stage,
        code: str = "",
        params: Mapping[str, str] | None = None,
        reply: str = "",
        scope: Scope = Scope.SERVER,
    ) -> None:
        super().__init__(stage, code, reply)
        self.stage = stage
        self.code = code
        self.params = dict(params or {})
        self.reply = reply
        self.scope = scope
        self.transcript = Transcript()

    def __str__(self) -> str:
        return f"{self.stage}: {self.reply or self.params.get('error') or self.code}"

    def redact(self, redact: Callable[[str], str]) -> None:
        """Remove secrets from what the server said."""
        self.reply = redact(self.reply)
        self.params = {name: redact(value) for name, value in self.params.items()}

    @property
    def permanent(self) -> bool:
        """Whether this message can never be delivered."""
        return self.scope is Scope.RECIPIENT

    @property
    def failure(self) -> Failure:
        """The failure as data."""
        return Failure(self.stage, self.code, self.params, self.reply, self.permanent)


# Phrases in rejections of one message that are about the sender's account or its quota: the
# rejection is temporary, or an administrator has to change the settings, so the message waits.
_NOT_THE_RECIPIENT = (
    "5.4.5", "5.5.1", "5.7.0", "5.7.30", "5.7.57", "5.7.60", "5.2.252", "senddenied", "sendasdenied", "quotaexceeded",
    "quota", "limit", "relay", "verified", "not authorized", "unauthorized", "authenticat", "sender", "from address",
    "helo", "credentials", "unusual sending", "cannot find your",
)  # fmt: skip
_UNKNOWN_RECIPIENT = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "user unknown")


def classify_reply(stage: Stage, code: int, reply: str) -> Scope:
    """Return what a rejection of MAIL, RCPT or DATA concerns (RFC 5321, 4.2.1; RFC 3463)."""
    if code == 421 or stage is Stage.MAIL or code in (530, 535):
        return Scope.SERVER
    if 400 <= code < 500:
        return Scope.MESSAGE
    text = reply.casefold()
    about_sender = any(phrase in text for phrase in _NOT_THE_RECIPIENT)
    if stage is Stage.RCPT:
        known = any(phrase in text for phrase in _UNKNOWN_RECIPIENT)
        return Scope.RECIPIENT if known or not about_sender else Scope.SERVER
    return Scope.MESSAGE if about_sender else Scope.RECIPIENT
