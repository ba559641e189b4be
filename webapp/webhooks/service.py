"""The webhook's settings, and owing it events."""

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
from webapp.core.sealing import CannotUnseal, Sealer
from webapp.settings import rows
from webapp.settings.models import SINGLETON_ID
from webapp.settings.service import General
from webapp.webhooks import events, signing
from webapp.webhooks.models import DeliveryState, WebhookDelivery, WebhookSettings

# What each sealed column is sealed for.
ADDRESS, SECRET, FORMER_SECRET = "webhook.url", "webhook.secret", "webhook.former_secret"
# Receivers have this long to take up a new secret.
SECRET_OVERLAP = timedelta(days=1)
KEPT = timedelta(days=30)
TEST = "webhook.test"


class NoAddress(MailroomError):
    """There is no address yet, so nobody would verify what is signed."""


@dataclass(frozen=True)
class Endpoint:
    """Whom to send events to, and the secrets to sign them with."""

    url: str = field(repr=False)
    secrets: list[str] = field(repr=False)


def saved(session: Session) -> WebhookSettings | None:
    """The saved settings, once there are some."""
    return session.get(WebhookSettings, SINGLETON_ID)


def address(row: WebhookSettings | None, sealer: Sealer) -> str:
    """The saved address, empty where there is none or no key opens it."""
    try:
        return sealer.open(row.sealed_url, ADDRESS) if row is not None and row.sealed_url else ""
    except CannotUnseal:
        return ""


def save(session: Session, sealer: Sealer, url: str) -> str | None:
    """Save the address; empty tells nobody. A first one comes with a secret, returned this once.

    What is owed is tried at once, or given up when there is nobody to tell any more.
    """
    row = rows.lock_row(session, WebhookSettings, {})
    changed = ["webhook_url"] if address(row, sealer) != url else []
    row.sealed_url, row.gone_at = sealer.seal(url, ADDRESS) if url else "", None
    values: dict[str, Any] = {"next_attempt_at": clock.now()} if url else {"state": DeliveryState.GIVEN_UP}
    session.execute(update(WebhookDelivery).where(WebhookDelivery.state == DeliveryState.OWED).values(values))
    audit.record(session, events.WEBHOOK_SAVED, changed=changed)
    return _made(session, sealer, row) if url and not row.sealed_secret else None


def renew_secret(session: Session, sealer: Sealer) -> str:
    """A new signing secret, returned this once; the former one signs beside it for BOTH_SIGN. Raises NoAddress."""
    row = rows.lock_row(session, WebhookSettings, {})
    if not row.sealed_url:
        raise NoAddress
    row.sealed_former_secret = ""
    if row.sealed_secret:
        # One that no key opens signs nothing any more.
        with suppress(CannotUnseal):
            row.sealed_former_secret = sealer.seal(sealer.open(row.sealed_secret, SECRET), FORMER_SECRET)
    return _made(session, sealer, row)


def receiver(session: Session, sealer: Sealer) -> Endpoint | None:
    """Whom to tell, if anyone. Raises SealBroken."""
    row = saved(session)
    if row is None or not row.sealed_url or row.gone_at is not None or row.secret_made_at is None:
        return None
    url = sealer.open(row.sealed_url, ADDRESS)
    given = [sealer.open(row.sealed_secret, SECRET)]
    if row.sealed_former_secret and clock.now() < row.secret_made_at + SECRET_OVERLAP:
        given.append(sealer.open(row.sealed_former_secret, FORMER_SECRET))
    return Endpoint(url, given)


def enqueue(session: Session, kind: str, text: str, **data: Any) -> None:
    """Have the webhook told of an event, in the transaction that makes it true; nothing where there is none.

    `data` and `text`, an English sentence, hold nothing secret.
    """
    row = saved(session)
    if row is not None and row.sealed_url and row.gone_at is None:
        session.add(event(kind, text, **data))


def event(kind: str, text: str, **data: Any) -> WebhookDelivery:
    """An event of this kind, not yet owed."""
    now, event_id = clock.now(), f"evt_{secrets.token_hex(12)}"
    facts = {"id": event_id, "type": kind, "timestamp": iso(now), "data": {"text": text, **data}}
    body = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    return WebhookDelivery(event_id=event_id, type=kind, body=body, created_at=now, next_attempt_at=now)


def mail_server_url(general: General) -> str:
    """The address of the mail server page, where the events lead to; empty while there is no public address."""
    return f"{general.public_url}/settings/mail" if general.public_url else ""


def latest(session: Session, number: int = 5) -> list[WebhookDelivery]:
    """The newest events."""
    return list(session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id.desc()).limit(number)))


def sweep(session: Session, now: datetime) -> None:
    """Delete events of long ago."""
    over = WebhookDelivery.state != DeliveryState.OWED, WebhookDelivery.created_at <= now - KEPT
    session.execute(delete(WebhookDelivery).where(*over))


def iso(moment: datetime) -> str:
    """A moment as events write it: `2026-11-23T08:30:00Z`."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _made(session: Session, sealer: Sealer, row: WebhookSettings) -> str:
    secret = signing.new_secret()
    row.sealed_secret, row.secret_made_at = sealer.seal(secret, SECRET), clock.now()
    audit.record(session, events.WEBHOOK_SECRET_CREATED)
    return secret
