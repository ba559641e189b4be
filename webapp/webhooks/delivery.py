"""Bringing events to the webhook: signed, at least once, by one worker at a time, with growing waits.

An attempt is claimed by a lease, as messages of the outbox are, and is made outside of any
transaction. 2xx is success and 410 ends everything; redirects are failures, as the standard says.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from webapp.core import clock, http_client
from webapp.core.app_state import AppState
from webapp.core.sealing import CannotUnseal
from webapp.core.texts import saying
from webapp.settings.models import SINGLETON_ID
from webapp.webhooks import service, signing
from webapp.webhooks.models import DeliveryState, WebhookDelivery, WebhookSettings
from webapp.webhooks.service import Endpoint

# Longer than an attempt can take: see https.TIMEOUT.
LEASE = timedelta(minutes=1)
# Waits after the first, second … attempt: three days in all, as the standard proposes.
WAITS = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5),
    timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24),
)  # fmt: skip
# No wait is that long: what is noted for later was noted by a clock that was set back since.
IMPOSSIBLE = timedelta(hours=30)
GONE = 410

ANSWERED = saying("The receiver replied with status %(status)s.")
UNREACHED = saying("The receiver could not be reached: %(error)s.")
UNANSWERED = saying("The receiver didn't send a valid HTTP response: %(error)s.")
SEAL_BROKEN = saying(
    "The URL and signing secret can't be decrypted with the current secret key. Save the "
    "URL again and create a new secret."
)

_jitter = random.SystemRandom()
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class DeliveryResult:
    """What became of one attempt: `error` is empty once the receiver took the event."""

    status: int | None = None
    error: str = ""


def deliver(parts: AppState, now: datetime) -> bool:
    """Try the event that is due for longest, once. Whether there was one.

    One at a time, as a receiver can let us wait and the worker may be told to stop.
    """
    event = _taken(parts, now)
    if event is None:
        return False
    outcome = next_retry(parts, event)
    if outcome is not None:
        log.info("webhook tried", type=event.type, attempts=event.attempts, status=outcome.status, error=outcome.error)
    with parts.database.transaction() as session:
        _record(session, event, outcome, clock.now())
    return True


def next_retry(parts: AppState, event: WebhookDelivery) -> DeliveryResult | None:
    """What became of sending an event, once; None where there is nobody to tell."""
    try:
        with parts.database.read() as session:
            receiver = service.receiver(session, parts.sealer)
    except CannotUnseal:
        return DeliveryResult(error=SEAL_BROKEN)
    return attempt(receiver, event) if receiver else None


def attempt(receiver: Endpoint, event: WebhookDelivery) -> DeliveryResult:
    """Send an event, once."""
    body = event.body.encode()
    try:
        headers = signing.headers(event.event_id, body, receiver.secrets, clock.now())
        answer = http_client.post(receiver.url, headers, body)
    except (http_client.NotSent, http_client.InvalidUrl) as error:
        return DeliveryResult(error=UNREACHED % {"error": error})
    except OSError as error:
        return DeliveryResult(error=UNANSWERED % {"error": str(error) or type(error).__name__})
    if 200 <= answer.status < 300:
        return DeliveryResult(answer.status)
    return DeliveryResult(answer.status, ANSWERED % {"status": answer.status})


def _taken(parts: AppState, now: datetime) -> WebhookDelivery | None:
    """The next event that is due, if any, ours alone until the lease is over."""
    with parts.database.read() as session:
        if session.scalar(_due(now)) is None:
            return None
    with parts.database.transaction() as session:
        return _claim(session, now)


def _due(now: datetime) -> Select[int]:
    owed = select(WebhookDelivery.id).where(WebhookDelivery.state == DeliveryState.OWED)
    due = or_(WebhookDelivery.next_attempt_at <= now, WebhookDelivery.next_attempt_at > now + IMPOSSIBLE)
    return owed.where(due).order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.id).limit(1)


def _claim(session: Session, now: datetime) -> WebhookDelivery | None:
    """Take the event that is due for longest; nobody else tries it until the lease is over."""
    first = _due(now).with_for_update(skip_locked=True).scalar_subquery()
    values = {"next_attempt_at": now + LEASE, "last_attempt_at": now, "attempts": WebhookDelivery.attempts + 1}
    return session.scalar(
        update(WebhookDelivery).where(WebhookDelivery.id == first).values(values).returning(WebhookDelivery)
    )


def _record(session: Session, event: WebhookDelivery, outcome: DeliveryResult | None, now: datetime) -> None:
    """Note how our attempt ended; a failure only while the event is ours.

    By now somebody else may be trying it, or the address may have been saved again.
    """
    # Who saves the address holds this row, too.
    settings = session.get(WebhookSettings, SINGLETON_ID, with_for_update=True)
    noted = update(WebhookDelivery).where(WebhookDelivery.id == event.id, WebhookDelivery.state == DeliveryState.OWED)
    if outcome is None or outcome.error:
        # The end of our lease: whoever takes the event or saves the address moves it.
        noted = noted.where(WebhookDelivery.next_attempt_at == event.next_attempt_at)
    ours = session.scalar(noted.values(_ended(event, outcome, now)).returning(WebhookDelivery.id))
    if ours and settings and outcome and outcome.status == GONE:
        settings.gone_at = now
        session.execute(
            update(WebhookDelivery)
            .where(WebhookDelivery.state == DeliveryState.OWED)
            .values(state=DeliveryState.GIVEN_UP)
        )


def _ended(event: WebhookDelivery, outcome: DeliveryResult | None, now: datetime) -> dict[str, Any]:
    if outcome is None:
        return {"state": DeliveryState.GIVEN_UP}
    if not outcome.error:
        return {"state": DeliveryState.DELIVERED, "last_error": ""}
    if event.attempts > len(WAITS) or outcome.status == GONE:
        return {"state": DeliveryState.GIVEN_UP, "last_error": outcome.error}
    return {"last_error": outcome.error, "next_attempt_at": now + WAITS[event.attempts - 1] * _jitter.uniform(1, 1.2)}
