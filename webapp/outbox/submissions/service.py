"""Take emails that applications hand in: check them, keep their content, queue a message for each recipient."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import insert
from sqlalchemy.orm import Session

from webapp.applications.models import Application
from webapp.core import clock, rate_limits
from webapp.core.email_addresses import comparison_key
from webapp.core.errors import MailroomError, TooManyRequests
from webapp.core.rate_limits import Limit
from webapp.core.sealing import Sealer
from webapp.mail.compose import message_id
from webapp.mail.mime import ascii_domain
from webapp.outbox.models import Message
from webapp.outbox.queue import wake_after_commit
from webapp.outbox.submissions import senders
from webapp.outbox.submissions.headers import Content, split
from webapp.outbox.submissions.models import Submission, SubmissionContent

# The name of the kind of these messages, and the purpose that their content is sealed for.
KIND, CONTENT = "application", "submission.content"
# An email to more recipients is bulk: others go first.
MAX_PERSONAL_RECIPIENTS = 20
HOUR = timedelta(hours=1)


class Door(StrEnum):
    """How an email was handed in."""

    SMTP = "smtp"
    HTTP = "http"


class MayNotSend(MailroomError):
    """The application has no permission to send."""


class HourlyLimitReached(TooManyRequests):
    """The application may send to `limit` recipients an hour, to `left` of them now, and to all after `retry_after`.

    Never to all, if they are more than `limit`.
    """

    def __init__(self, limit: int, left: int, retry_after: int) -> None:
        super().__init__(retry_after)
        self.limit, self.left = limit, left


@dataclass(frozen=True)
class Handed:
    """An email as it is handed in.

    The addresses are those of the envelope, valid and without names; the sender may be empty. The lines of `content`
    end in CRLF. `trace` is a whole Received field (RFC 5321, 4.4), or nothing.
    """

    sender: str
    recipients: Sequence[str]
    content: bytes = field(repr=False)
    door: Door = Door.SMTP
    trace: bytes = b""


def submit(session: Session, sealer: Sealer, application: Application, handed: Handed) -> Submission:
    """Queue an email of an application, in the transaction of `session`; it is accepted once that is committed.

    Raises MayNotSend, SenderNotAllowed, InvalidContent or HourlyLimitReached before anything is written.
    """
    if not application.may_send:
        raise MayNotSend
    content = split(handed.content)
    allowed = senders.allowed_senders(session, application)
    senders.require_allowed([*filter(None, [handed.sender]), *content.senders()], allowed)
    recipients = list({comparison_key(one): one for one in handed.recipients}.values())
    _count(session, application, len(recipients))
    submission = _store(session, sealer, application, handed, content)
    _enqueue(session, submission, recipients, content.is_bulk or len(recipients) > MAX_PERSONAL_RECIPIENTS)
    return submission


def hourly_limit(application: Application) -> Limit | None:
    """Return how many recipients an application may send to in an hour, if that is limited. Its key is the id."""
    count = application.messages_per_hour
    return Limit("messages of an application", count, HOUR) if count else None


def _count(session: Session, application: Application, amount: int) -> None:
    limit, key = hourly_limit(application), str(application.id)
    if limit is None or rate_limits.try_consume(session, limit, key, amount=amount):
        return
    left = rate_limits.left(session, limit, key)
    wait = rate_limits.seconds_to_wait(session, limit, key, amount=min(amount, limit.times))
    raise HourlyLimitReached(limit.times, left, max(1, wait))


def _store(session: Session, sealer: Sealer, application: Application, handed: Handed, content: Content) -> Submission:
    now = clock.now()
    header_id = content.message_id or message_id("", ascii_domain(handed.sender or content.senders()[0]))
    octets = content.complete(handed.trace, header_id, now)
    submission = Submission(
        public_id=f"msg_{secrets.token_hex(12)}",
        application_id=application.id,
        door=handed.door,
        sender=handed.sender,
        header_id=header_id,
        subject=content.subject,
        size=len(octets),
        needs_utf8=content.needs_utf8,
        created_at=now,
    )
    session.add(submission)
    session.flush()
    # Each octet as one character, so that ASCII is sealed as it is.
    sealed = sealer.seal(octets.decode("latin-1"), CONTENT)
    session.add(SubmissionContent(submission_id=submission.id, sealed_content=sealed))
    return submission


def _enqueue(session: Session, submission: Submission, recipients: Sequence[str], bulk: bool) -> None:
    now: datetime = submission.created_at
    same = {
        "kind": KIND,
        "submission_id": submission.id,
        "application_id": submission.application_id,
        "bulk": bulk,
        "created_at": now,
        "next_attempt_at": now,
    }
    session.connection().execute(insert(Message), [{"recipient": one, **same} for one in recipients])
    wake_after_commit(session)
