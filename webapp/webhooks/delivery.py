"""Deliver events to the webhook: signed, at least once, by one worker at a time, with growing waits.

Events follow Standard Webhooks 1.0.0 with symmetric signatures:
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
An attempt is claimed with a lease and made outside of any transaction. A 2xx reply is success, 410 turns
the webhook off, anything else, redirects too, is a failure.
"""

import base64
import hmac
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from webapp.core import clock, http_client, network_errors
from webapp.core.app_state import AppState
from webapp.core.sealing import CannotUnseal
from webapp.settings.models import SINGLETON_ID
from webapp.webhooks import service
from webapp.webhooks.models import DeliveryState, WebhookDelivery, WebhookSettings
from webapp.webhooks.service import SECRET_PREFIX, Endpoint

# Longer than an attempt can take: see http_client.TIMEOUT.
LEASE = timedelta(minutes=1)
# Waits after the first, second … attempt: three days in all, as the standard recommends.
WAITS = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5),
    timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24),
)  # fmt: skip
# No wait is this long: an attempt that is due later was scheduled by a clock that has been set back since.
MAX_WAIT = timedelta(hours=30)
GONE = 410

_jitter = random.SystemRandom()
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class DeliveryResult:
    """The result of one attempt. `failure_code` is empty on success; see `labels.FAILURES`."""

    status: int | None = None
    failure_code: str = ""
    failure_params: Mapping[str, Any] = field(default_factory=dict)


def deliver_next(state: AppState, now: datetime) -> bool:
    """Try the event that has been due for longest, once. Return whether there was one.

    One at a time: a receiver may be slow, and the worker may have been asked to stop meanwhile.
    """
    event = claim(state, now)
    if event is None:
        return False
    result = send(state, event)
    if result is not None:
        outcome = "webhook event not delivered" if result.failure_code else "webhook event delivered"
        log.info(outcome, type=event.type, attempts=event.attempts, status=result.status, failure=result.failure_code)
    record(state, event, result)
    return True


def claim(state: AppState, now: datetime) -> WebhookDelivery | None:
    """Take the event that has been due for longest; no other worker tries it until the lease expires."""
    with state.database.read() as session:
        if session.scalar(_due(now)) is None:
            return None
    first = _due(now).with_for_update(skip_locked=True).scalar_subquery()
    values = {"next_attempt_at": now + LEASE, "last_attempt_at": now, "attempts": WebhookDelivery.attempts + 1}
    with state.database.transaction() as session:
        return session.scalar(
            update(WebhookDelivery).where(WebhookDelivery.id == first).values(values).returning(WebhookDelivery)
        )


def send(state: AppState, event: WebhookDelivery, asked: bool = False) -> DeliveryResult | None:
    """Send an event to the saved endpoint, once. Return None while the webhook is off; see `service.endpoint`."""
    try:
        with state.database.read() as session:
            endpoint = service.endpoint(session, state.sealer, asked)
    except CannotUnseal:
        return DeliveryResult(failure_code="cannot_unseal")
    return _post(endpoint, event) if endpoint else None


def record(state: AppState, event: WebhookDelivery, result: DeliveryResult | None) -> None:
    """Record the result of our attempt; a failure only while we hold the lease.

    Another worker may be trying the event by now, or an administrator may have saved another URL.
    """
    with state.database.transaction() as session:
        # Saving the URL locks this row, too.
        settings = session.get(WebhookSettings, SINGLETON_ID, with_for_update=True)
        changed = update(WebhookDelivery).where(
            WebhookDelivery.id == event.id, WebhookDelivery.state == DeliveryState.QUEUED
        )
        if result is None or result.failure_code:
            changed = changed.where(WebhookDelivery.next_attempt_at == event.next_attempt_at)
        values = _values_after(event, result, clock.now())
        recorded = session.scalar(changed.values(values).returning(WebhookDelivery.id))
        if recorded and settings and result and result.status == GONE:
            _turn_off(session, settings)


def sign(event_id: str, body: bytes, secrets: Sequence[str], now: datetime) -> dict[str, str]:
    """Return the headers of one attempt to deliver an event, signed with each of the secrets."""
    timestamp = str(int(now.timestamp()))
    content = f"{event_id}.{timestamp}.".encode() + body
    return {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, content) for secret in secrets),
    }


def _post(endpoint: Endpoint, event: WebhookDelivery) -> DeliveryResult:
    body = event.body.encode()
    headers = sign(event.event_id, body, endpoint.secrets, clock.now())
    try:
        response = http_client.post(endpoint.url, headers, body)
    except (http_client.NotSent, http_client.InvalidUrl) as error:
        cause, params = network_errors.classify(error)
        failure = "untrusted" if cause in network_errors.CERTIFICATES else "unreachable"
        return DeliveryResult(None, failure, {**params, "cause": cause})
    except OSError as error:
        return DeliveryResult(None, "invalid_response", {"error": str(error) or type(error).__name__})
    if 200 <= response.status < 300:
        return DeliveryResult(response.status)
    return DeliveryResult(response.status, "status", {"status": response.status})


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode()


def _due(now: datetime) -> Select[int]:
    queued = select(WebhookDelivery.id).where(WebhookDelivery.state == DeliveryState.QUEUED)
    due = or_(WebhookDelivery.next_attempt_at <= now, WebhookDelivery.next_attempt_at > now + MAX_WAIT)
    return queued.where(due).order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.id).limit(1)


def _values_after(event: WebhookDelivery, result: DeliveryResult | None, now: datetime) -> dict[str, Any]:
    if result is None:
        return {"state": DeliveryState.FAILED}
    failure = {"failure_code": result.failure_code, "failure_params": dict(result.failure_params)}
    if not result.failure_code:
        return {"state": DeliveryState.DELIVERED, **failure}
    if event.attempts > len(WAITS) or result.status == GONE:
        return {"state": DeliveryState.FAILED, **failure}
    wait = WAITS[event.attempts - 1] * _jitter.uniform(1, 1.2)
    return {"next_attempt_at": now + wait, **failure}


def _turn_off(session: Session, settings: WebhookSettings) -> None:
    settings.disabled_at = clock.now()
    queued = update(WebhookDelivery).where(WebhookDelivery.state == DeliveryState.QUEUED)
    session.execute(queued.values(state=DeliveryState.FAILED))
