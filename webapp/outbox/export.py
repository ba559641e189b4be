"""The messages that a filter shows, as a CSV file."""

from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.applications.names import names
from webapp.core.csv_files import iso, lines
from webapp.core.database import MAX_ID, Database
from webapp.outbox.filters import Filter
from webapp.outbox.listing import conditions
from webapp.outbox.models import Attempt, AttemptResult, Message
from webapp.outbox.replies import queue_id

# How many messages are in memory at a time.
CHUNK_SIZE = 1000
HEADER = (
    "id", "created", "type", "recipient", "status", "attempts", "last_attempt", "finished", "expires", "provider",
    "failed_at", "failure", "reply", "queue_id", "message_id", "application",
)  # fmt: skip


def export_csv(database: Database, wanted: Filter) -> Iterator[str]:
    """Yield the file in pieces, newest messages first. Needs an application context."""
    yield lines([HEADER])
    with database.read() as session:
        matching, applications = conditions(session, wanted), names(session)
    before: int | None = MAX_ID
    while before is not None:
        # No transaction stays open between chunks, because the client may be slow.
        with database.read() as session:
            newest = select(Message).where(*matching, Message.id < before).order_by(Message.id.desc())
            messages = session.scalars(newest.limit(CHUNK_SIZE)).all()
            accepted = _accepted(session, messages)
        yield lines(
            _row(message, accepted.get(message.id), applications.get(message.application_id or 0, ""))
            for message in messages
        )
        before = messages[-1].id if len(messages) == CHUNK_SIZE else None


def _accepted(session: Session, messages: Sequence[Message]) -> dict[int, Attempt]:
    """Return the attempts in which the server accepted these messages, by their ids."""
    sent = Attempt.result == AttemptResult.SENT
    found = select(Attempt).where(Attempt.message_id.in_([message.id for message in messages]), sent)
    return {attempt.message_id: attempt for attempt in session.scalars(found)}


def _row(message: Message, accepted: Attempt | None, application: str) -> tuple[str, ...]:
    reply = accepted.reply if accepted else message.failure_reply
    return (
        str(message.id),
        iso(message.created_at),
        message.kind,
        message.recipient,
        message.state,
        str(message.attempts),
        iso(message.last_attempt_at),
        iso(message.finished_at),
        iso(message.expires_at),
        message.provider,
        message.failure_stage,
        message.failure_code,
        reply,
        queue_id(accepted.reply) if accepted else "",
        accepted.header_id if accepted else "",
        application,
    )
