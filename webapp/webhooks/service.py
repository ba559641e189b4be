"""The webhook's settings, and queueing events for it."""

import base64
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.errors import MailroomError
from webapp.core.queue import run_after_commit
from webapp.core.sealing import CannotUnseal, Sealer
from webapp.settings.models import SINGLETON_ID
from webapp.settings.service import General, lock_row
from webapp.webhooks import audit_events
from webapp.webhooks.models import DeliveryState, WebhookDelivery, WebhookSettings

# The purposes that the columns are sealed for.
URL, SECRET, PREVIOUS_SECRET = "webhook.url", "webhook.secret", "webhook.previous_secret"
# How Standard Webhooks writes secrets; it asks for 24 to 64 bytes.
SECRET_PREFIX, SECRET_BYTES = "whsec_", 32
# Receivers have this long to start using a new secret.
SECRET_OVERLAP = timedelta(days=1)
RETENTION = timedelta(days=30)
TEST_EVENT = "webhook.test"
# The job that delivers events.
DELIVER = "deliver webhook events"


class NoUrl(MailroomError):
    """No URL is saved, so there is nothing to sign."""


@dataclass(frozen=True)
class Endpoint:
    """Where events are sent, and the secrets that sign them."""

    url: str = field(repr=False)
    secrets: list[str] = field(repr=False)


def settings(session: Session) -> WebhookSettings | None:
    """Return the saved settings, if there are any."""
    return session.get(WebhookSettings, SINGLETON_ID)


def saved_url(row: WebhookSettings | None, sealer: Sealer) -> str:
    """Return the saved URL, empty if there is none or no key opens it."""
    try:
        return sealer.open(row.sealed_url, URL) if row is not None and row.sealed_url else ""
    except CannotUnseal:
        return ""


def save(session: Session, sealer: Sealer, url: str) -> str | None:
    """Save the URL; an empty one turns the webhook off. Return the signing secret when it is first created.

    Queued events are tried at once, or given up when the webhook is off.
    """
    row = lock_row(session, WebhookSettings, {})
    # Saving the same URL turns a webhook on again that its receiver turned off.
    has_changed = saved_url(row, sealer) != url or row.disabled_at is not None
    row.sealed_url, row.disabled_at = sealer.seal(url, URL) if url else "", None
    values: dict[str, Any] = {"next_attempt_at": clock.now()} if url else {"state": DeliveryState.FAILED}
    session.execute(update(WebhookDelivery).where(WebhookDelivery.state == DeliveryState.QUEUED).values(values))
    run_after_commit(session, DELIVER)
    if has_changed:
        audit.record(session, audit_events.WEBHOOK_SAVED, changed=["webhook_url"])
    return _create_secret(session, sealer, row) if url and not row.sealed_secret else None


def renew_secret(session: Session, sealer: Sealer) -> str:
    """Create a new signing secret; the previous one also signs for SECRET_OVERLAP. Raises NoUrl."""
    row = lock_row(session, WebhookSettings, {})
    if not row.sealed_url:
        raise NoUrl
    row.sealed_previous_secret = ""
    if row.sealed_secret:
        # A secret that no key opens can't sign any more.
        with suppress(CannotUnseal):
            row.sealed_previous_secret = sealer.seal(sealer.open(row.sealed_secret, SECRET), PREVIOUS_SECRET)
    return _create_secret(session, sealer, row)


def endpoint(session: Session, sealer: Sealer, asked: bool = False) -> Endpoint | None:
    """Return where to send events, or None while the webhook is off. Raises CannotUnseal.

    A receiver that said it no longer exists is sent only what a person `asked` for.
    """
    row = settings(session)
    if row is None or not row.sealed_url or row.secret_created_at is None:
        return None
    if row.disabled_at is not None and not asked:
        return None
    signing = [sealer.open(row.sealed_secret, SECRET)]
    if row.sealed_previous_secret and clock.now() < row.secret_created_at + SECRET_OVERLAP:
        signing.append(sealer.open(row.sealed_previous_secret, PREVIOUS_SECRET))
    return Endpoint(sealer.open(row.sealed_url, URL), signing)


def receiver_works(session: Session) -> None:
    """Turn the webhook on and try what is queued at once, because a test event was accepted."""
    session.execute(update(WebhookSettings).values(disabled_at=None))
    queued = WebhookDelivery.state == DeliveryState.QUEUED
    session.execute(update(WebhookDelivery).where(queued).values(next_attempt_at=clock.now()))
    run_after_commit(session, DELIVER)


def enqueue(session: Session, event_type: str, text: str, **data: Any) -> None:
    """Queue an event, in the transaction that causes it; do nothing while the webhook is off.

    `text` is an English sentence; it and `data` contain nothing secret.
    """
    row = settings(session)
    if row is not None and row.sealed_url and row.disabled_at is None:
        session.add(new_event(event_type, text, **data))
        run_after_commit(session, DELIVER)


def new_event(event_type: str, text: str, **data: Any) -> WebhookDelivery:
    """Return an event that is not queued yet."""
    now, event_id = clock.now(), f"evt_{secrets.token_hex(12)}"
    event = {"id": event_id, "type": event_type, "timestamp": iso(now), "data": {"text": text, **data}}
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return WebhookDelivery(event_id=event_id, type=event_type, body=body, created_at=now, next_attempt_at=now)


def mail_server_url(general: General) -> str:
    """Return the URL of the mail server page, which events link to; empty while there is no public URL."""
    return f"{general.public_url}/settings/mail" if general.public_url else ""


def recent_events(session: Session) -> list[WebhookDelivery]:
    """Return the newest five events."""
    return list(session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id.desc()).limit(5)))


def delete_old_events(session: Session, now: datetime) -> None:
    """Delete finished events after RETENTION."""
    finished = WebhookDelivery.state != DeliveryState.QUEUED
    session.execute(delete(WebhookDelivery).where(finished, WebhookDelivery.created_at <= now - RETENTION))


def iso(time: datetime) -> str:
    """Return a time as events write it: `2026-11-23T08:30:00Z`."""
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def _create_secret(session: Session, sealer: Sealer, row: WebhookSettings) -> str:
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    row.sealed_secret, row.secret_created_at = sealer.seal(secret, SECRET), clock.now()
    audit.record(session, audit_events.WEBHOOK_SECRET_CREATED)
    return secret
