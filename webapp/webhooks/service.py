"""The webhooks: create, change, turn off and delete them; where each has its events sent. Names are unique."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.applications.models import Application
from webapp.audit import service as audit
from webapp.core import clock, http_client
from webapp.core.database import MAX_ID
from webapp.core.errors import MailroomError, NotFound
from webapp.core.queue import run_after_commit
from webapp.core.sealing import CannotUnseal, Sealer
from webapp.settings import declared
from webapp.webhooks import audit_events, signing
from webapp.webhooks.events import DELIVER
from webapp.webhooks.models import DeliveryState, Webhook, WebhookDelivery

# The purposes that the columns are sealed for.
URL, SECRET, PREVIOUS_SECRET = "webhook.url", "webhook.secret", "webhook.previous_secret"
# Receivers have this long to start using a new secret.
SECRET_OVERLAP = timedelta(days=1)
RECENT = 20
# The status of a receiver that no longer exists.
GONE = 410
# The fields of the form, by which the audit trail names what was changed.
FIELDS = {one: f"webhook_{one}" for one in ("name", "url", "events")} | {"application_id": "webhook_application"}


class NameTaken(MailroomError):
    """Another webhook has this name."""

    def __init__(self) -> None:
        super().__init__(_("Another webhook has this name."))


class InvalidSecret(MailroomError):
    """A signing secret isn't written as Standard Webhooks writes them."""

    def __init__(self) -> None:
        super().__init__(_("A signing secret is whsec_ and 24 to 64 bytes in Base64."))


class Created(NamedTuple):
    """A new webhook and its signing secret."""

    webhook: Webhook
    secret: str


@dataclass(frozen=True)
class Endpoint:
    """Where events are sent, and the secrets that sign them."""

    url: str = field(repr=False)
    secrets: list[str] = field(repr=False)


def create(
    session: Session,
    sealer: Sealer,
    *,
    name: str,
    url: str,
    events: Sequence[str] = (),
    application_id: int | None = None,
    secret: str = "",
) -> Created:
    """Create a webhook with this signing secret, or a random one.

    `events` are names of event types, none for all. Raises NameTaken, InvalidUrl, InvalidSecret, or NotFound if there
    is no such application.
    """
    _check(session, url, application_id)
    now, signing_secret = clock.now(), _checked(secret) if secret else signing.new_secret()
    webhook = Webhook(
        name=name,
        application_id=application_id,
        events=list(events),
        sealed_url=sealer.seal(url, URL),
        sealed_secret=sealer.seal(signing_secret, SECRET),
        secret_created_at=now,
        created_at=now,
        next_attempt_at=now,
    )
    session.add(webhook)
    _flush(session)
    audit.record(session, audit_events.WEBHOOK_CREATED, webhook=name)
    return Created(webhook, signing_secret)


def update(
    session: Session,
    sealer: Sealer,
    webhook_id: int,
    *,
    name: str,
    url: str,
    events: Sequence[str] = (),
    application_id: int | None = None,
) -> None:
    """Change a webhook. What is queued is tried at once; one that its receiver turned off (410) is turned on.

    Raises the same as `create`, and SetInFile.
    """
    _check(session, url, application_id)
    webhook = get(session, webhook_id, lock=True)
    new = {"name": name, "application_id": application_id, "events": list(events)}
    changed = [attribute for attribute, value in new.items() if getattr(webhook, attribute) != value]
    if saved_url(webhook, sealer) != url:
        changed.append("url")
    declared.refuse_changes(session, declared.WEBHOOKS, changed, webhook.name)
    for attribute in changed:
        if attribute == "url":
            webhook.sealed_url = sealer.seal(url, URL)
        else:
            setattr(webhook, attribute, new[attribute])
    if is_gone(webhook):
        webhook.disabled_at = None
        changed.append("url")
    _flush(session)
    _try_now(session, webhook)
    if changed:
        fields = [FIELDS[attribute] for attribute in dict.fromkeys(changed)]
        audit.record(session, audit_events.WEBHOOK_SAVED, webhook=name, changed=fields)


def turn_off(session: Session, webhook_id: int) -> None:
    """Send the webhook nothing any more, not even what is queued. Raises NotFound."""
    webhook = get(session, webhook_id, lock=True)
    if webhook.disabled_at is None:
        give_up(session, webhook)
        audit.record(session, audit_events.WEBHOOK_TURNED_OFF, webhook=webhook.name)


def turn_on(session: Session, webhook_id: int) -> None:
    """Send the webhook what happens from now on. Raises NotFound."""
    webhook = get(session, webhook_id, lock=True)
    if webhook.disabled_at is not None:
        webhook.disabled_at = None
        _try_now(session, webhook)
        audit.record(session, audit_events.WEBHOOK_TURNED_ON, webhook=webhook.name)


def delete(session: Session, webhook_id: int) -> None:
    """Delete a webhook with its events. Raises NotFound, or SetInFile if the settings file declares it."""
    webhook = get(session, webhook_id, lock=True)
    declared.refuse_changes(session, declared.WEBHOOKS, ["name"], webhook.name)
    session.delete(webhook)
    audit.record(session, audit_events.WEBHOOK_DELETED, webhook=webhook.name)


def renew_secret(session: Session, sealer: Sealer, webhook_id: int, secret: str = "") -> str:
    """Replace the signing secret by this or a random one; the previous one also signs for SECRET_OVERLAP.

    Raises NotFound, InvalidSecret, SetInFile.
    """
    webhook = get(session, webhook_id, lock=True)
    declared.refuse_changes(session, declared.WEBHOOKS, ["secret"], webhook.name)
    webhook.sealed_previous_secret = ""
    # A secret that no key opens can't sign any more.
    with suppress(CannotUnseal):
        webhook.sealed_previous_secret = sealer.seal(sealer.open(webhook.sealed_secret, SECRET), PREVIOUS_SECRET)
    created = _checked(secret) if secret else signing.new_secret()
    webhook.sealed_secret, webhook.secret_created_at = sealer.seal(created, SECRET), clock.now()
    audit.record(session, audit_events.WEBHOOK_SECRET_CREATED, webhook=webhook.name)
    return created


def receiver_works(session: Session, webhook_id: int) -> None:
    """Try what is queued at once, because a test event was accepted; the receiver isn't gone then. Raises NotFound."""
    webhook = get(session, webhook_id, lock=True)
    if is_gone(webhook):
        webhook.disabled_at = None
    _try_now(session, webhook)


def give_up(session: Session, webhook: Webhook) -> None:
    """Turn a locked webhook off, and give up what is queued for it."""
    webhook.disabled_at = clock.now()
    session.execute(_queued(webhook).values(state=DeliveryState.FAILED))


def find(session: Session, name: str) -> Webhook | None:
    """Return the webhook with this name."""
    return session.scalar(select(Webhook).where(Webhook.name == name))


def get(session: Session, webhook_id: int, lock: bool = False) -> Webhook:
    """Return the webhook with this id; `lock` reads the row anew and locks it. Raises NotFound."""
    locking = {"key_share": True} if lock else None
    found = None
    if 0 < webhook_id <= MAX_ID:
        found = session.get(Webhook, webhook_id, with_for_update=locking, populate_existing=lock)
    if found is None:
        raise NotFound
    return found


def list_all(session: Session) -> list[Webhook]:
    """Return the webhooks by name."""
    return list(session.scalars(select(Webhook).order_by(Webhook.name)))


def recent_deliveries(session: Session, webhook_id: int) -> list[WebhookDelivery]:
    """Return the newest events of a webhook."""
    own = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    return list(session.scalars(own.order_by(WebhookDelivery.id.desc()).limit(RECENT)))


def values_of(webhook: Webhook, sealer: Sealer) -> dict[str, Any]:
    """Return what `update` takes, as it is saved."""
    url = saved_url(webhook, sealer)
    return {"name": webhook.name, "url": url, "application_id": webhook.application_id, "events": webhook.events}


def saved_url(webhook: Webhook, sealer: Sealer) -> str:
    """Return the URL of a webhook, empty if no key opens it."""
    try:
        return sealer.open(webhook.sealed_url, URL)
    except CannotUnseal:
        return ""


def is_gone(webhook: Webhook) -> bool:
    """Return whether the webhook is off because its receiver replied that it no longer exists."""
    return webhook.disabled_at is not None and webhook.failure_params.get("status") == GONE


def endpoint(webhook: Webhook, sealer: Sealer) -> Endpoint:
    """Return where to send events, and what signs them. Raises CannotUnseal."""
    secrets = [sealer.open(webhook.sealed_secret, SECRET)]
    if webhook.sealed_previous_secret and clock.now() < webhook.secret_created_at + SECRET_OVERLAP:
        secrets.append(sealer.open(webhook.sealed_previous_secret, PREVIOUS_SECRET))
    return Endpoint(sealer.open(webhook.sealed_url, URL), secrets)


def _check(session: Session, url: str, application_id: int | None) -> None:
    http_client.parse_url(url)
    if application_id is not None and session.get(Application, application_id) is None:
        raise NotFound


def _checked(secret: str) -> str:
    if not signing.is_secret(secret):
        raise InvalidSecret
    return secret


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise NameTaken from error


def _try_now(session: Session, webhook: Webhook) -> None:
    """Try what is queued for a locked webhook, whatever it waits for."""
    now = webhook.next_attempt_at = clock.now()
    webhook.failures = 0
    session.execute(_queued(webhook).where(WebhookDelivery.next_attempt_at > now).values(next_attempt_at=now))
    run_after_commit(session, DELIVER)


def _queued(webhook: Webhook) -> sa.Update:
    return sa.update(WebhookDelivery).where(
        WebhookDelivery.webhook_id == webhook.id, WebhookDelivery.state == DeliveryState.QUEUED
    )
