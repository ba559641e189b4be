"""Whether mail is flowing, and if not, since when and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select, true
from sqlalchemy.orm import Session

from webapp.mail.models import MailServer
from webapp.mail.servers import PRIMARY
from webapp.outbox.models import Message, MessageState


@dataclass(frozen=True)
class Sent:
    """The message that left last, as far as it is told of."""

    id: int
    kind: str
    provider: str
    finished_at: datetime


@dataclass(frozen=True)
class DeliveryStatus:
    """How things stand.

    `stopped` is the message that asks the server, or will next, for all that wait because of it;
    None while mail flows. `server_saved` says whether there is a mail server, and `untried` that it was
    saved after the last mail left through it. `waiting` counts what is owed, the oldest of it since
    `waiting_since`.
    """

    last_sent: Sent | None
    waiting: int
    waiting_since: datetime | None
    stopped: Message | None
    stopped_since: datetime | None
    server_saved: bool
    untried: bool


_HELD = (Message.state == MessageState.QUEUED) & Message.waits_for_server
_OWED = (
    select(
        func.count(Message.id).label("waiting"),
        func.min(Message.created_at).label("waiting_since"),
        func.min(case((_HELD, Message.created_at))).label("stopped_since"),
    )
    .where(Message.state.in_((MessageState.QUEUED, MessageState.SENDING)))
    .subquery()
)
_LAST_SENT = (
    select(Message.id, Message.kind, Message.provider, Message.finished_at)
    .where(Message.state == MessageState.SENT)
    .order_by(Message.finished_at.desc())
    .limit(1)
    .subquery()
)
_STATEMENT = select(
    *_OWED.columns,
    select(MailServer.updated_at).where(MailServer.position == PRIMARY).scalar_subquery(),
    *_LAST_SENT.columns,
).select_from(_OWED.outerjoin(_LAST_SENT, true()))
_STOPPED = select(Message).where(_HELD).order_by(Message.next_attempt_at, Message.id).limit(1)


def delivery_status(session: Session) -> DeliveryStatus:
    """Return whether email is being delivered now."""
    row: Sequence[Any] = session.execute(_STATEMENT).one()
    waiting, since, stopped_since, saved_at, *sent = row
    last = Sent(*sent) if sent[0] is not None else None
    if stopped_since and last:
        # What waited for its turn already was not stopped while others left.
        stopped_since = max(stopped_since, last.finished_at)
    return DeliveryStatus(
        last_sent=last,
        waiting=waiting,
        waiting_since=since,
        stopped=session.scalar(_STOPPED) if stopped_since else None,
        stopped_since=stopped_since,
        server_saved=saved_at is not None,
        untried=saved_at is not None and (last is None or last.finished_at < saved_at),
    )
