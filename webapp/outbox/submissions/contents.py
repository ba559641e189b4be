"""The contents of handed-in emails: opened to be sent, and deleted when nobody needs them any more."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select
from sqlalchemy.orm import Session

from webapp.core.app_state import AppState, app_state
from webapp.core.database import MAX_ID
from webapp.core.sealing import Sealer
from webapp.mail.mime import WireEmail, bare_address
from webapp.outbox.claims import Claimed
from webapp.outbox.kinds import Unwanted
from webapp.outbox.models import MAX_AGE, Message, MessageState
from webapp.outbox.service import RETENTION
from webapp.outbox.submissions.models import Submission, SubmissionContent
from webapp.outbox.submissions.service import CONTENT
from webapp.settings.service import content_days

DELETED = "content_deleted"
# Deleted in one transaction, for which others wait on SQLite.
CHUNK_SIZE = 1000
# A batch may have a thousand emails: up to this many octets they are read together, larger ones when they are sent.
MAX_SMALL, MAX_SIZE = 64 * 1024, MAX_ID


class _Stored(NamedTuple):
    submission: Submission
    sealed: str


class StoredEmails:
    """Opens handed-in emails to be sent. The last one stays open, because its other recipients come next."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._small: dict[int, _Stored] = {}
        self._last: tuple[Submission, bytes] | None = None

    def load_small(self, messages: Sequence[Claimed]) -> None:
        """Read the emails that don't take much memory, all at once, instead of those that were read before."""
        ids = {message.submission_id for message in messages if message.submission_id}
        self._small = {one.submission.id: one for one in self._read(ids, MAX_SMALL)} if ids else {}

    def email(self, message: Claimed) -> WireEmail:
        """Return one recipient's copy. Raises Unwanted if the content was deleted, or CannotUnseal."""
        if self._last is None or self._last[0].id != message.submission_id:
            self._last = self._open(message.submission_id or 0)
        submission, content = self._last
        sender = bare_address(submission.sender) if submission.sender else ""
        recipient = bare_address(message.recipient)
        needs_utf8 = submission.needs_utf8 or not (sender.isascii() and recipient.isascii())
        return WireEmail(sender, recipient, submission.header_id, needs_utf8, content)

    def _open(self, submission_id: int) -> tuple[Submission, bytes]:
        stored = self._small.get(submission_id) or next(iter(self._read([submission_id])), None)
        if stored is None:
            raise Unwanted(DELETED)
        return stored.submission, opened(stored.sealed, self._state.sealer)

    def _read(self, ids: Collection[int], max_size: int = MAX_SIZE) -> list[_Stored]:
        stored = (
            select(Submission, SubmissionContent.sealed_content)
            .join(SubmissionContent, SubmissionContent.submission_id == Submission.id)
            .where(Submission.id.in_(ids), Submission.size <= max_size)
        )
        with self._state.database.read() as session:
            return [_Stored(*row) for row in session.execute(stored)]


def opened(sealed: str, sealer: Sealer) -> bytes:
    """Return the content as it is sent, before dot-stuffing. Raises CannotUnseal."""
    return sealer.open(sealed, CONTENT).encode("latin-1")


def content(session: Session, submission_id: int, sealer: Sealer) -> bytes | None:
    """Return the content of an email, if it is still there. Raises CannotUnseal."""
    sealed = session.scalar(
        select(SubmissionContent.sealed_content).where(SubmissionContent.submission_id == submission_id)
    )
    return None if sealed is None else opened(sealed, sealer)


def require_content(session: Session, submission_id: int | None) -> None:
    """Raise Unwanted if the content was deleted."""
    if session.get(SubmissionContent, submission_id) is None:
        raise Unwanted(DELETED)


def delete_unneeded(now: datetime) -> None:
    """Delete the contents that nobody needs any more: everybody has got them, or it is too late to try again."""
    database, last = app_state().database, 0
    while True:
        with database.read() as session:
            ids = _unneeded(session, now, last)
        if not ids:
            return
        last = ids[-1]
        with database.transaction() as session:
            # A retry by hand may need it again since.
            still = and_(SubmissionContent.submission_id.in_(ids), _is_unneeded(now, content_days(session)))
            session.execute(delete(SubmissionContent).where(still))


def _unneeded(session: Session, now: datetime, after: int) -> Sequence[int]:
    """Return the next ids of contents to delete. What must be kept for its age, which may be very much, is not read."""
    days = content_days(session)
    old = Submission.created_at <= now - timedelta(days=days)
    newest = select(Submission.id).where(old).order_by(Submission.created_at.desc()).limit(1).scalar_subquery()
    number = SubmissionContent.submission_id
    unneeded = select(number).where(number > after, number <= newest, _is_unneeded(now, days))
    return session.scalars(unneeded.order_by(number).limit(CHUNK_SIZE)).all()


def delete_old_submissions(session: Session, now: datetime) -> None:
    """Delete the emails whose messages were all deleted."""
    old = Submission.created_at <= now - RETENTION
    session.execute(delete(Submission).where(old, ~exists().where(Message.submission_id == Submission.id)))


def _is_unneeded(now: datetime, days: int) -> ColumnElement[bool]:
    waits = Message.state.in_((MessageState.QUEUED, MessageState.SENDING))
    retryable = and_(
        Message.state.in_((MessageState.FAILED, MessageState.UNCERTAIN)), Message.created_at > now - MAX_AGE
    )
    kept = Message.finished_at > now - timedelta(days=days)
    needed = exists().where(Message.submission_id == SubmissionContent.submission_id, or_(waits, retryable, kept))
    return ~needed
