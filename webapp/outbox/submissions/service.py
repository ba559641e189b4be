"""Take emails that applications hand in: check them, keep their content, queue a message for each recipient."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

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
from webapp.outbox.models import Message, search_key
from webapp.outbox.queue import wake_after_commit
from webapp.outbox.submissions import senders
from webapp.outbox.submissions.headers import Content, split
from webapp.outbox.submissions.models import Submission, SubmissionContent

# The name of the kind of these messages, and the purpose that their content is sealed for.
KIND, CONTENT = "application", "submission.content"
# An email to more recipients is bulk: others go first.
MAX_PERSONAL_RECIPIENTS = 20
HOUR = timedelta(hours=1)
# Building it takes longer than running it.
_INSERT = insert(Message)
_INSERT_SUBMISSIONS = insert(Submission).returning(Submission.id, sort_by_parameter_order=True)
_INSERT_CONTENTS = insert(SubmissionContent)


class MayNotSend(MailroomError):
    """The application has no permission to send."""


class HourlyLimitReached(TooManyRequests):
    """The application may send to `limit` recipients an hour, to `left` of them now, and to all after `retry_after`.

    `never_fits` says that the email has more than `limit`, so that waiting doesn't help.
    """

    def __init__(self, limit: int, left: int, retry_after: int, never_fits: bool) -> None:
        super().__init__(retry_after)
        self.limit, self.left, self.never_fits = limit, left, never_fits


@dataclass(frozen=True)
class Handed:
    """An email as it is handed in.

    The addresses are those of the envelope, valid and without names; the sender may be empty. The lines of `content`
    end in CRLF. `trace` is a whole Received field (RFC 5321, 4.4), or nothing.
    """

    sender: str
    recipients: Sequence[str]
    content: bytes = field(repr=False)
    trace: bytes = b""


@dataclass(frozen=True)
class _Checked:
    """An email that is taken: what it consists of, and whom it is for, each once."""

    application: Application
    handed: Handed
    content: Content
    senders: Sequence[str]
    recipients: Sequence[str]

    @property
    def is_bulk(self) -> bool:
        return self.content.is_bulk or len(self.recipients) > MAX_PERSONAL_RECIPIENTS


def submit_all(
    session: Session, sealer: Sealer, handed: Sequence[tuple[Application, Handed]]
) -> list[str | MailroomError]:
    """Queue emails of applications, in the transaction of `session`; they are accepted once that is committed.

    Return the public id of each, or why it is refused, and nothing of it written: MayNotSend, SenderNotAllowed,
    InvalidContent or HourlyLimitReached. Many at once are much faster, as a transaction waits for the disk once.
    """
    # In this order everywhere, as the row with an application's hourly limit stays locked.
    order = sorted(range(len(handed)), key=lambda index: handed[index][0].id)
    found = {index: _check(session, *handed[index]) for index in order}
    results = [found[index] for index in range(len(handed))]
    checked = [one for one in results if isinstance(one, _Checked)]
    stored = iter(_store(session, sealer, checked))
    return [next(stored) if isinstance(one, _Checked) else one for one in results]


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
    raise HourlyLimitReached(limit.times, left, max(1, wait), never_fits=amount > limit.times)


def _check(session: Session, application: Application, handed: Handed) -> _Checked | MailroomError:
    try:
        if not application.may_send:
            raise MayNotSend
        content = split(handed.content)
        named = content.senders()
        allowed = senders.allowed_senders(session, application)
        senders.require_allowed([*filter(None, [handed.sender]), *named], allowed)
        recipients = list({comparison_key(one): one for one in handed.recipients}.values())
        _count(session, application, len(recipients))
    except MailroomError as error:
        return error
    return _Checked(application, handed, content, named, recipients)


def _store(session: Session, sealer: Sealer, checked: Sequence[_Checked]) -> list[str]:
    """Add the emails, their contents and a message for each recipient; return the public ids."""
    if not checked:
        return []
    now = clock.now()
    rows, contents = [], []
    for one in checked:
        domain = ascii_domain(one.handed.sender or one.senders[0])
        header_id = one.content.message_id or message_id("", domain)
        contents.append(one.content.complete(one.handed.trace, header_id, now))
        rows.append(_row(one, header_id, len(contents[-1]), now))
    connection, current = session.connection(), sealer.for_commit(session)
    ids = connection.execute(_INSERT_SUBMISSIONS, rows).scalars().all()
    # Each octet as one character, so that ASCII is sealed as it is.
    sealed = [
        {"submission_id": number, "sealed_content": current.seal(octets.decode("latin-1"), CONTENT)}
        for number, octets in zip(ids, contents, strict=True)
    ]
    connection.execute(_INSERT_CONTENTS, sealed)
    messages = [row for pair in zip(checked, ids, strict=True) for row in _messages(*pair, now)]
    connection.execute(_INSERT, messages)
    wake_after_commit(session)
    return [row["public_id"] for row in rows]


def _row(one: _Checked, header_id: str, size: int, now: datetime) -> dict[str, Any]:
    return {
        "public_id": f"msg_{secrets.token_hex(12)}",
        "application_id": one.application.id,
        "sender": one.handed.sender,
        "header_id": header_id,
        "subject": one.content.subject,
        "size": size,
        "needs_utf8": one.content.needs_utf8,
        "created_at": now,
    }


def _messages(one: _Checked, submission_id: int, now: datetime) -> Iterator[dict[str, Any]]:
    """Return the values of the message of each recipient."""
    same = {
        "kind": KIND,
        "submission_id": submission_id,
        "application_id": one.application.id,
        # Who it is from, as its reader sees it: the addresses of From come first.
        "sender_domain": one.senders[0].rpartition("@")[2],
        "bulk": one.is_bulk,
        "created_at": now,
        "next_attempt_at": now,
    }
    for recipient in one.recipients:
        key = search_key(recipient)
        # With what the columns would compute of it, twice.
        yield {"recipient": recipient, "recipient_key": key, "recipient_domain": key.rpartition("@")[2], **same}
