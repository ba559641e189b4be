"""Queueing events for the webhooks that want them, in the transaction that causes them."""

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import and_, delete, insert, select, update
from sqlalchemy.orm import Session

from webapp.applications.models import Application
from webapp.core import clock
from webapp.core.queue import run_after_commit
from webapp.settings.service import General
from webapp.webhooks.models import DeliveryState, Webhook, WebhookDelivery
from webapp.webhooks.registry import Audience, EventType

# The job that delivers events.
DELIVER = "deliver webhook events"
# How long finished events are kept, and after how long one is given up that could not be tried as often as planned.
RETENTION, MAX_AGE = timedelta(days=7), timedelta(days=4)
# How many are deleted in one transaction, which others wait for on SQLite.
PRUNE_SIZE = 10_000
_INSERT = insert(WebhookDelivery)
# Those of applications that are disabled get nothing.
_SUBSCRIPTIONS = (
    select(Webhook.id, Webhook.application_id, Webhook.events, Application.may_manage_users)
    .outerjoin(Application, Webhook.application_id == Application.id)
    .where(Webhook.disabled_at.is_(None), Application.disabled_at.is_(None))
    .order_by(Webhook.id)
)
# Otherwise PostgreSQL would refuse the events if a webhook is deleted in between.
_LOCKED_SUBSCRIPTIONS = _SUBSCRIPTIONS.with_for_update(read=True, key_share=True, of=Webhook)


@dataclass(frozen=True)
class Event:
    """Something that happened. `text` is an English sentence; it and `data` contain nothing secret.

    `application_id` is the application that it is about, if it is about one.
    """

    type: EventType
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    application_id: int | None = None


class Subscription(NamedTuple):
    """What one webhook wants."""

    webhook_id: int
    application_id: int | None
    events: Sequence[str]
    may_manage_users: bool | None

    def has_type(self, event_type: EventType) -> bool:
        """Return whether the webhook wants events of this type."""
        return not self.events or event_type.name in self.events

    def wants(self, event: Event) -> bool:
        """Return whether the webhook wants this event, and may have it."""
        if not self.has_type(event.type):
            return False
        if event.type.audience is Audience.USER_MANAGERS and self.may_manage_users:
            return True
        return self.application_id in (None, event.application_id)


def wants(session: Session, *types: EventType) -> bool:
    """Return whether any webhook wants one of these types. It costs a read of a small table, once for many events."""
    return any(one.has_type(event_type) for one in _subscriptions(session) for event_type in types)


def enqueue(
    session: Session, event_type: EventType, text: str, *, application_id: int | None = None, **data: Any
) -> None:
    """Queue an event, in the transaction that causes it, for each webhook that wants it. See Event."""
    enqueue_all(session, [Event(event_type, text, data, application_id)])


def enqueue_all(session: Session, events: Iterable[Event]) -> None:
    """Queue many events, in their order. Ask `wants` before collecting their data."""
    found = list(events)
    if not found or not wants(session, *{event.type for event in found}):
        return
    subscriptions = _subscriptions(session, lock=True)
    rows = []
    for event in found:
        wanted_by = [one.webhook_id for one in subscriptions if one.wants(event)]
        values = values_of(event) if wanted_by else {}
        rows += [{"webhook_id": webhook_id, **values} for webhook_id in wanted_by]
    if rows:
        session.connection().execute(_INSERT, rows)
        run_after_commit(session, DELIVER)


def values_of(event: Event) -> dict[str, Any]:
    """Return the columns of a delivery of this event, as it is signed."""
    now, event_id = clock.now(), f"evt_{secrets.token_hex(12)}"
    content = {
        "id": event_id,
        "type": event.type.name,
        "timestamp": iso(now),
        "data": {"text": event.text, **event.data},
    }
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return {"event_id": event_id, "type": event.type.name, "body": body, "created_at": now, "next_attempt_at": now}


def mail_server_url(general: General, server_id: int | None = None) -> str:
    """Return the URL of the page of the mail server in use, or of another one; empty while there is no public URL."""
    page = f"/settings/mail/{server_id}" if server_id is not None else "/settings/mail"
    return f"{general.public_url}{page}" if general.public_url else ""


def iso(time: datetime) -> str:
    """Return a time as events write it: `2026-11-23T08:30:00Z`."""
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def delete_old(session: Session, now: datetime) -> None:
    """Give up events after MAX_AGE, and delete finished ones after RETENTION, at most PRUNE_SIZE."""
    is_late = and_(WebhookDelivery.state == DeliveryState.QUEUED, WebhookDelivery.created_at <= now - MAX_AGE)
    session.execute(update(WebhookDelivery).where(is_late).values(state=DeliveryState.FAILED))
    is_finished = WebhookDelivery.state.in_((DeliveryState.DELIVERED, DeliveryState.FAILED))
    old = select(WebhookDelivery.id).where(is_finished, WebhookDelivery.created_at <= now - RETENTION).limit(PRUNE_SIZE)
    session.execute(delete(WebhookDelivery).where(WebhookDelivery.id.in_(old)))


def _subscriptions(session: Session, lock: bool = False) -> list[Subscription]:
    rows = session.connection().execute(_LOCKED_SUBSCRIPTIONS if lock else _SUBSCRIPTIONS)
    return [Subscription(*row) for row in rows]
