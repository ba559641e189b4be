"""Tells the workers that there is something to deliver."""

from sqlalchemy.orm import Session

from webapp.core.queue import run_after_commit

DELIVER = "deliver messages"


def wake_after_commit(session: Session) -> None:
    """Have a worker look at the outbox once the transaction of `session` is committed."""
    run_after_commit(session, DELIVER)
