"""Owing a message: in the same transaction as the fact that owes it."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from webapp import clock
from webapp.database import after_commit
from webapp.outbox.models import Message
from webapp.outbox.queue import Queue


def owe(
    session: Session,
    queue: Queue,
    template: str,
    recipient: str,
    *,
    user_id: int | None = None,
    facts: dict[str, Any] | None = None,
    expires_at: datetime | None = None,
) -> Message:
    """Add a message to the outbox and, once the transaction is committed, wake the worker.

    `template` is a name from `outbox.messages.TEMPLATES`. It is not sent after `expires_at`,
    and the link in it expires then too. `facts` hold nothing secret.
    """
    now = clock.now()
    message = Message(
        template=template,
        recipient=recipient,
        user_id=user_id,
        facts=facts or {},
        expires_at=expires_at,
        created_at=now,
        next_attempt_at=now,
    )
    session.add(message)
    after_commit(session, queue.wake)
    return message
