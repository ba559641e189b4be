"""Whether mail is flowing, and if not, since when and why."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.mail import service as mail
from webapp.outbox.models import Message, State


@dataclass(frozen=True)
class Flow:
    """How things stand.

    `stopped` is the message that asks the server, or will next, for all that wait because of it;
    None while mail flows. `untried` says that the mail server was saved after the last mail left
    through it. `waiting` counts what is owed, the oldest of it since `waiting_since`.
    """

    last_sent: Message | None
    waiting: int
    waiting_since: datetime | None
    stopped: Message | None
    stopped_since: datetime | None
    untried: bool


def flow(session: Session) -> Flow:
    """How things stand now."""
    owed = Message.state.in_((State.OWED, State.SENDING))
    held = (Message.state == State.OWED) & Message.held
    waiting, since = session.execute(select(func.count(Message.id), func.min(Message.created_at)).where(owed)).one()
    last = session.scalar(
        select(Message).where(Message.state == State.SENT).order_by(Message.finished_at.desc()).limit(1)
    )
    server = mail.primary(session)
    return Flow(
        last_sent=last,
        waiting=waiting,
        waiting_since=since,
        stopped=session.scalar(select(Message).where(held).order_by(Message.next_attempt_at, Message.id).limit(1)),
        stopped_since=session.scalar(select(func.min(Message.created_at)).where(held)),
        untried=server is not None and (last is None or (last.finished_at or last.created_at) < server.updated_at),
    )
