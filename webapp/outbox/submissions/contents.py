"""The contents of handed-in emails: opened to be sent, and deleted when nobody needs them any more."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.app_state import AppState, app_state
from webapp.core.sealing import Sealer
from webapp.mail.mime import WireEmail, bare_address
from webapp.outbox.claims import Claimed
from webapp.outbox.kinds import Unwanted
from webapp.outbox.models import MAX_AGE, Message, MessageState
from webapp.outbox.submissions.models import Submission, SubmissionContent
from webapp.outbox.submissions.service import CONTENT
from webapp.settings.service import content_days

DELETED = "content_deleted"
# Deleted in one transaction, which others wait for on SQLite.
CHUNK_SIZE = 1000


class StoredEmails:
    """Opens handed-in emails to be sent. The last one stays open, because its other recipients come next."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._last: tuple[Submission, bytes] | None = None

    def email(self, message: Claimed) -> WireEmail:
        """Return one recipient's copy. Raises Unwanted if the content was deleted, or CannotUnseal."""
        if self._last is None or self._last[0].id != message.submission_id:
            self._last = self._open(message.submission_id)
        submission, content = self._last
        sender = bare_address(submission.sender) if submission.sender else ""
        recipient = bare_address(message.recipient)
        needs_utf8 = submission.needs_utf8 or not (sender.isascii() and recipient.isascii())
        return WireEmail(sender, recipient, submission.header_id, needs_utf8, content)

    def _open(self, submission_id: int | None) -> tuple[Submission, bytes]:
        with self._state.database.read() as session:
            found = session.execute(
                select(Submission, SubmissionContent.sealed_content)
                .join(SubmissionContent, SubmissionContent.submission_id == Submission.id)
                .where(Submission.id == submission_id)
            ).first()
        if found is None:
            raise Unwanted(DELETED)
        return found[0], opened(found[1], self._state.sealer)


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
    database = app_state().database
    with database.read() as session:
        unneeded = select(SubmissionContent.submission_id).where(_is_unneeded(now, content_days(session)))
        ids = session.scalars(unneeded.limit(CHUNK_SIZE)).all()
    if ids:
        with database.transaction() as session:
            # A retry by hand may need it again since.
            still = and_(SubmissionContent.submission_id.in_(ids), _is_unneeded(now, content_days(session)))
            session.execute(delete(SubmissionContent).where(still))


def delete_old_submissions(session: Session, _now: datetime) -> None:
    """Delete the emails whose messages were all deleted."""
    old = Submission.created_at < clock.now() - MAX_AGE
    session.execute(delete(Submission).where(old, ~exists().where(Message.submission_id == Submission.id)))


def _is_unneeded(now: datetime, days: int) -> ColumnElement[bool]:
    waits = Message.state.in_((MessageState.QUEUED, MessageState.SENDING))
    retryable = and_(
        Message.state.in_((MessageState.FAILED, MessageState.UNCERTAIN)), Message.created_at > now - MAX_AGE
    )
    kept = Message.finished_at > now - timedelta(days=days)
    needed = exists().where(Message.submission_id == SubmissionContent.submission_id, or_(waits, retryable, kept))
    return ~needed
