"""Whether mail is flowing, and if not, since when and why."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.mail.models import MailServer
from webapp.mail.service import PRIMARY
from webapp.outbox.models import Message, State


@dataclass(frozen=True)
class Flow:
    """How things stand.

    `stopped` is the message that asks the server, or will next, for all that wait because of it;
    None while mail flows. `server_saved` says whether there is a mail server, and `untried` that it was
    saved after the last mail left through it. `waiting` counts what is owed, the oldest of it since
    `waiting_since`.
    """

    last_sent: Message | None
    waiting: int
    waiting_since: datetime | None
    stopped: Message | None
    stopped_since: datetime | None
    server_saved: bool
    untried: bool


_OWED = Message.state.in_((State.OWED, State.SENDING))
_HELD = (Message.state == State.OWED) & Message.held
# Put together once: doing so takes longer than the database takes to answer.
_COUNTS = select(
    select(func.count(Message.id)).where(_OWED).scalar_subquery(),
    select(func.min(Message.created_at)).where(_OWED).scalar_subquery(),
    select(func.min(Message.created_at)).where(_HELD).scalar_subquery(),
    select(MailServer.updated_at).where(MailServer.position == PRIMARY).scalar_subquery(),
)
_LAST_SENT = select(Message).where(Message.state == State.SENT).order_by(Message.finished_at.desc()).limit(1)
_STOPPED = select(Message).where(_HELD).order_by(Message.next_attempt_at, Message.id).limit(1)


def flow(session: Session) -> Flow:
    """How things stand now."""
    waiting, since, stopped_since, saved_at = session.execute(_COUNTS).one()
    last = session.scalar(_LAST_SENT)
    return Flow(
        last_sent=last,
        waiting=waiting,
        waiting_since=since,
        stopped=session.scalar(_STOPPED) if stopped_since else None,
        stopped_since=stopped_since,
        server_saved=saved_at is not None,
        untried=saved_at is not None and (last is None or (last.finished_at or last.created_at) < saved_at),
    )
