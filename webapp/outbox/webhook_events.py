"""The events about finished messages that webhooks get."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from webapp.applications.models import Application
from webapp.core import i18n
from webapp.core.i18n import lazy_gettext as lazy
from webapp.outbox.labels import describe_failure
from webapp.outbox.models import Message, MessageState
from webapp.outbox.submissions.models import Submission
from webapp.webhooks import events as webhooks
from webapp.webhooks.events import Event
from webapp.webhooks.registry import Audience, EventType

DELIVERED = EventType("message.delivered", lazy("Email delivered"), Audience.ITS_APPLICATION)
FAILED = EventType("message.failed", lazy("Email failed"), Audience.ITS_APPLICATION)
UNCERTAIN = EventType("message.uncertain", lazy("Email uncertain"), Audience.ITS_APPLICATION)
EXPIRED = EventType("message.expired", lazy("Email expired"), Audience.ITS_APPLICATION)

_TYPES = {
    MessageState.SENT: (DELIVERED, "The email to {} was delivered to the mail server."),
    MessageState.FAILED: (FAILED, "The email to {} was not delivered."),
    MessageState.UNCERTAIN: (UNCERTAIN, "The email to {} may have been delivered: the mail server's reply was lost."),
    MessageState.EXPIRED: (EXPIRED, "The email to {} was not delivered in time."),
}
_MESSAGES = (
    select(Message, Submission.public_id, Application.identifier)
    .outerjoin(Submission, Message.submission_id == Submission.id)
    .outerjoin(Application, Message.application_id == Application.id)
    .where(Message.state.in_(_TYPES))
    .order_by(Message.finished_at, Message.id)
    # Some may have been read before they ended.
    .execution_options(populate_existing=True)
)


def announce(_sender: object, session: Session, ids: Iterable[int], replies: Mapping[int, str]) -> None:
    """Queue events about these messages, if any webhook wants them; receives `messages_ended`."""
    if not webhooks.wants(session, *(event_type for event_type, _text in _TYPES.values())):
        return
    found = session.execute(_MESSAGES.where(Message.id.in_(ids)))
    with i18n.use_language(i18n.DEFAULT):
        webhooks.enqueue_all(session, [_event(row, replies) for row in found])


def _event(row: Row[Message, str, str], replies: Mapping[int, str]) -> Event:
    message, public_id, application = row
    event_type, text = _TYPES[MessageState(message.state)]
    data: dict[str, Any] = {
        "message": message.id,
        "submission": public_id,
        "kind": message.kind,
        "recipient": message.recipient,
        "application": application,
        "attempts": message.attempts,
        "reply": replies.get(message.id, message.failure_reply),
    }
    if message.failure_stage:
        reason = describe_failure(message)
        data["cause"] = {"stage": message.failure_stage, "code": message.failure_code, "reason": reason}
    return Event(event_type, text.format(message.recipient), data, message.application_id)
