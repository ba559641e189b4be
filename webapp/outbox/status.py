"""Whether email is being delivered, and if not, since when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, case, func, select, true
from sqlalchemy.orm import Session

from webapp.mail import servers
from webapp.outbox import recipients
from webapp.outbox.models import UNDELIVERED, Message, MessageState

# How long Home shows what was not delivered.
RECENTLY = timedelta(days=7)
# The number of unsent messages; when the oldest was queued; since when one has failed that waits for the server.
_WAITING = (
    select(
        func.count(Message.id),
        func.min(Message.created_at),
        func.min(case(((Message.state == MessageState.QUEUED) & Message.waits_for_server, Message.failing_since))),
    )
    .where((Message.state == MessageState.QUEUED) | (Message.state == MessageState.SENDING))
    .subquery()
)
_LAST_SENT = (
    select(Message.id, Message.kind, Message.provider, Message.finished_at)
    .where(Message.state == MessageState.SENT)
    .order_by(Message.finished_at.desc())
    .limit(1)
    .subquery()
)
# One query, as Home asks it each time.
_STATUS = select(_WAITING, servers.PRIMARY_SAVED_AT.scalar_subquery(), _LAST_SENT).select_from(
    _WAITING.outerjoin(_LAST_SENT, true())
)


class SentMessage(NamedTuple):
    """What is shown of the message that was sent last."""

    id: int
    kind: str
    provider: str
    finished_at: datetime


@dataclass(frozen=True)
class DeliveryStatus:
    """The status of delivery as a whole.

    `stopped_since` is None while email is being delivered. `not_yet_used` says that the mail server was saved after
    the last email was sent.
    """

    last_sent: SentMessage | None
    waiting: int
    waiting_since: datetime | None
    stopped_since: datetime | None
    has_server: bool
    not_yet_used: bool

    @property
    def is_stopped(self) -> bool:
        """Whether nothing goes out, because there is no mail server or it has trouble."""
        return not self.has_server or self.stopped_since is not None


def delivery_status(session: Session | Connection) -> DeliveryStatus:
    """Return the current status."""
    waiting, waiting_since, stopped_since, server_saved_at, *sent = session.execute(_STATUS).one()
    last_sent = SentMessage(*sent) if sent[0] else None
    last_sent_at = last_sent.finished_at if last_sent else None
    if stopped_since and last_sent_at:
        # A message may have had the same trouble before others were sent.
        stopped_since = max(stopped_since, last_sent_at)
    return DeliveryStatus(
        last_sent=last_sent,
        waiting=waiting,
        waiting_since=waiting_since,
        stopped_since=stopped_since,
        has_server=server_saved_at is not None,
        not_yet_used=server_saved_at is not None and (last_sent_at is None or last_sent_at < server_saved_at),
    )


def recently_undelivered(session: Session | Connection, now: datetime) -> dict[MessageState, int]:
    """Count the listed messages that were not delivered lately, or not for certain, by their state."""
    recent = select(Message.state, func.count(Message.id)).where(
        Message.state.in_(UNDELIVERED), Message.finished_at > now - RECENTLY, ~recipients.is_for_nobody()
    )
    counts = {MessageState(state): number for state, number in session.execute(recent.group_by(Message.state))}
    return {state: counts[state] for state in UNDELIVERED if state in counts}
