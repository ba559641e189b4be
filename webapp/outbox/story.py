"""What became of one message: its attempts, and the email as its recipient sees it."""

from dataclasses import dataclass
from functools import cached_property

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.core import i18n
from webapp.core.app_state import AppState
from webapp.core.config import Config
from webapp.core.database import Unreadable
from webapp.core.sealing import CannotUnseal
from webapp.mail import servers
from webapp.mail.compose import compose
from webapp.mail.mime import Email
from webapp.outbox.kinds import PreparedMessage, Unwanted, find_kind
from webapp.outbox.models import Attempt, AttemptResult, Message
from webapp.outbox.replies import queue_id
from webapp.outbox.submissions import contents, preview
from webapp.outbox.submissions.models import Submission
from webapp.outbox.submissions.preview import StoredEmail
from webapp.settings.service import General, general

# Of a message that waited for days for a server in trouble, the newest are shown.
SHOWN = 50
EXAMPLE_URL, EXAMPLE_SENDER = "https://preview.invalid", "mailroom@preview.invalid"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Story:
    """The newest attempts, newest first, and how many there are in all."""

    attempts: list[Attempt]
    total: int

    @cached_property
    def accepted(self) -> Attempt | None:
        """The attempt in which the server accepted the message."""
        return next((one for one in self.attempts if one.result == AttemptResult.SENT), None)

    @property
    def queue_id(self) -> str:
        """The id under which the server queued the message, if its reply has one."""
        return queue_id(self.accepted.reply) if self.accepted else ""

    @property
    def transcript(self) -> str:
        """The conversation with the server in the last failure."""
        return next((one.transcript for one in self.attempts if one.transcript), "")


@dataclass(frozen=True)
class Handed:
    """The email that an application handed in, and its first other recipients; `total` is how many there are."""

    submission: Submission
    others: list[Message]
    total: int


def handed(session: Session, message: Message) -> Handed | None:
    """Return the email that a message is one recipient's copy of, if an application handed it in."""
    submission = session.get(Submission, message.submission_id) if message.submission_id is not None else None
    if submission is None:
        return None
    others = (Message.submission_id == submission.id, Message.id != message.id)
    first = select(Message).where(*others).order_by(Message.id).limit(SHOWN)
    total = select(func.count(Message.id)).where(*others)
    return Handed(submission, list(session.scalars(first)), session.scalar(total) or 0)


def story(session: Session, message_id: int) -> Story:
    """Return the attempts of a message."""
    newest = select(Attempt).where(Attempt.message_id == message_id).order_by(Attempt.id.desc()).limit(SHOWN)
    total = select(func.count(Attempt.id)).where(Attempt.message_id == message_id)
    return Story(list(session.scalars(newest)), session.scalar(total) or 0)


def email_of(session: Session, message: Message, state: AppState) -> Email | StoredEmail | None:
    """Compose the email of a message with present data, and with a link and code that do nothing.

    One that an application handed in is returned as it is. None if that can't be done: nobody uses the address, the
    kind doesn't know what to make of the data, or the content has been deleted.
    """
    if message.submission_id is not None:
        return _stored(session, message.submission_id, state)
    kind = find_kind(message.kind)
    if kind is None or kind.preview is None or isinstance(message.data, Unreadable):
        return None
    try:
        return _compose(session, message, kind.name, kind.preview(session, message), state.config)
    except Unwanted:
        return None
    except Exception:  # the page tells more than the email
        log.exception("email can't be shown", message=message.id, kind=message.kind)
        return None


def _stored(session: Session, submission_id: int, state: AppState) -> StoredEmail | None:
    submission = session.get(Submission, submission_id)
    try:
        content = contents.content(session, submission_id, state.sealer)
    except CannotUnseal:
        log.warning("the content of an email can't be decrypted", submission=submission_id)
        return None
    return preview.read(content, submission.subject) if submission and content is not None else None


def _compose(session: Session, message: Message, template: str, prepared: PreparedMessage, config: Config) -> Email:
    server, real = servers.primary(session), general(session, config)
    shown = General(real.public_url or EXAMPLE_URL, real.product_name, real.support_address)
    with i18n.use_language(prepared.language):
        return compose(
            prepared.template or template,
            prepared.recipient,
            server.mail_from if server else EXAMPLE_SENDER,
            shown,
            prepared.data,
            prepared.link_path,
            identity=message.identity,
        )
