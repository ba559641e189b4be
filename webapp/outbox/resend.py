"""Send a message again: as a new one with a new link, in place of the old one and its link."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.core.errors import MailroomError
from webapp.outbox import audit_events, service
from webapp.outbox.kinds import find_kind
from webapp.outbox.models import Message, MessageState

RESENDABLE = (MessageState.SENT, MessageState.FAILED, MessageState.EXPIRED, MessageState.UNCERTAIN)


class NotResendable(MailroomError):
    """The message still waits, was canceled or sent again before, or its kind has no link."""


class AlreadyOnItsWay(MailroomError):
    """A message of the same kind to the same address waits."""


def can_resend(message: Message) -> bool:
    """Return whether the message can be sent again, as far as it tells itself."""
    kind = find_kind(message.kind)
    return bool(kind and kind.renew) and message.state in RESENDABLE and message.resent_as is None


def resend(session: Session, message_id: int) -> int:
    """Queue a message once more, with a new link, and return its id; the old one's link and code become invalid.

    Raises NotFound, NotResendable, AlreadyOnItsWay, Unwanted.
    """
    seen = service.get_message(session, message_id)
    kind = find_kind(seen.kind)
    if kind is None or kind.renew is None or not can_resend(seen):
        raise NotResendable
    # It locks the user, as every change of an account does before it locks messages.
    kind.require_wanted(session, seen)
    message = service.get_message(session, message_id, lock=True)
    if not can_resend(message):
        raise NotResendable
    if _waits(session, message):
        raise AlreadyOnItsWay
    expires_at: datetime = kind.renew(session, message)
    copy = service.enqueue(
        session,
        message.kind,
        message.recipient,
        user_id=message.user_id,
        data=message.data,
        expires_at=expires_at,
        resend_of=message.id,
    )
    message.resent_as = copy
    audit.record(session, audit_events.MESSAGE_RESENT, email=message.recipient, message=message.id, resent_as=copy)
    return copy


def _waits(session: Session, message: Message) -> bool:
    same = (Message.recipient_key == message.recipient_key, Message.kind == message.kind)
    waiting = Message.state.in_((MessageState.QUEUED, MessageState.SENDING))
    return session.scalar(select(Message.id).where(*same, waiting).limit(1)) is not None
