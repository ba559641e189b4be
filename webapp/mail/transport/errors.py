"""Failures to deliver, as one type."""

from collections.abc import Mapping
from enum import StrEnum

from webapp.core.errors import MailroomError
from webapp.mail.redaction import Redactor
from webapp.mail.transcript import MAX_ERROR_LENGTH, Stage, Transcript
from webapp.providers import Failure


class Scope(StrEnum):
    """What a failure concerns, and so what happens to the message.

    SERVER: the server, authentication, the sender or the network; other messages would have failed too, as far as one
    can tell. MESSAGE: this message, for now. RECIPIENT: this message, permanently. EXPIRED: it is too late to send it.
    UNCERTAIN: the server got the whole message but its reply was lost, so it may have accepted it.
    """

    SERVER = "server"
    MESSAGE = "message"
    RECIPIENT = "recipient"
    EXPIRED = "expired"
    UNCERTAIN = "uncertain"


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

    def redact(self, redactor: Redactor) -> None:
        """Remove secrets from what the server said, and from the transcript.

        It is shortened later, in `failure`: a part of a secret could not be found any more.
        """
        self.transcript.add_secrets(redactor.secrets)
        redact = self.transcript.redactor
        self.reply = redact(self.reply)
        self.params = {name: redact(value) for name, value in self.params.items()}

    @property
    def permanent(self) -> bool:
        """Whether this message can never be delivered."""
        return self.scope is Scope.RECIPIENT

    @property
    def failure(self) -> Failure:
        """The failure as data, shortened to what is worth showing."""
        params = {name: value[:MAX_ERROR_LENGTH] for name, value in self.params.items()}
        return Failure(self.stage, self.code, params, self.reply[:MAX_ERROR_LENGTH], self.permanent)
