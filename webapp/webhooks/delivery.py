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

from webapp import clock, https
from webapp.context import Parts
from webapp.sealing import SealBroken
from webapp.settings.models import ONLY_ROW
from webapp.texts import saying
from webapp.webhooks import service, signing
from webapp.webhooks.models import Delivery, State, WebhookSettings
from webapp.webhooks.service import Receiver

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

ANSWERED = saying("The receiver answered %(status)s.")
UNREACHED = saying("The receiver could not be reached: %(error)s.")
UNANSWERED = saying("The receiver did not answer as a web server does: %(error)s.")
SEAL_BROKEN = saying(
    "Address and signing secret cannot be opened with today's secret key. Save the address again and make a new secret."
)

_jitter = random.SystemRandom()
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt: `error` is empty once the receiver took the event."""

    status: int | None = None
    error: str = ""


def deliver(parts: Parts, now: datetime) -> bool:
    """Try the event that is due for longest, once. Whether there was one.

    One at a time, as a receiver can let us wait and the worker may be told to stop.
    """
    event = _taken(parts, now)
    if event is None:
        return False
    outcome = tried(parts, event)
    with parts.database.writing() as session:
        _record(session, event, outcome, clock.now())
    return True


def tried(parts: Parts, event: Delivery) -> Outcome | None:
    """What became of sending an event, once; None where there is nobody to tell."""
    try:
        with parts.database.reading() as session:
            receiver = service.receiver(session, parts.sealer)
    except SealBroken:
        return Outcome(error=SEAL_BROKEN)
    return attempt(receiver, event) if receiver else None


def attempt(receiver: Receiver, event: Delivery) -> Outcome:
    """Send an event, once."""
    body = event.body.encode()
    try:
        headers = signing.headers(event.event_id, body, receiver.secrets, clock.now())
        answer = https.post(receiver.url, headers, body)
    except (https.Unsent, https.BadAddress) as error:
        return Outcome(error=UNREACHED % {"error": error})
    except OSError as error:
        return Outcome(error=UNANSWERED % {"error": str(error) or type(error).__name__})
    if 200 <= answer.status < 300:
        return Outcome(answer.status)
    return Outcome(answer.status, ANSWERED % {"status": answer.status})


def _taken(parts: Parts, now: datetime) -> Delivery | None:
    """The next event that is due, if any, ours alone until the lease is over."""
    with parts.database.reading() as session:
        if session.scalar(_due(now)) is None:
            return None
    with parts.database.writing() as session:
        return _claim(session, now)


def _due(now: datetime) -> Select[int]:
    owed = select(Delivery.id).where(Delivery.state == State.OWED)
    due = or_(Delivery.next_attempt_at <= now, Delivery.next_attempt_at > now + IMPOSSIBLE)
    return owed.where(due).order_by(Delivery.next_attempt_at, Delivery.id).limit(1)


def _claim(session: Session, now: datetime) -> Delivery | None:
    """Take the event that is due for longest; nobody else tries it until the lease is over."""
    first = _due(now).with_for_update(skip_locked=True).scalar_subquery()
    values = {"next_attempt_at": now + LEASE, "last_attempt_at": now, "attempts": Delivery.attempts + 1}
    return session.scalar(update(Delivery).where(Delivery.id == first).values(values).returning(Delivery))


def _record(session: Session, event: Delivery, outcome: Outcome | None, now: datetime) -> None:
    """Note how our attempt ended, unless somebody else has taken the event since."""
    ours = Delivery.id == event.id, Delivery.attempts == event.attempts, Delivery.state == State.OWED
    session.execute(update(Delivery).where(*ours).values(_ended(event, outcome, now)))
    if outcome is not None and outcome.status == GONE:
        session.execute(update(WebhookSettings).where(WebhookSettings.id == ONLY_ROW).values(gone_at=now))
        session.execute(update(Delivery).where(Delivery.state == State.OWED).values(state=State.GIVEN_UP))


def _ended(event: Delivery, outcome: Outcome | None, now: datetime) -> dict[str, Any]:
    if outcome is None:
        return {"state": State.GIVEN_UP}
    log.info("webhook tried", type=event.type, attempts=event.attempts, status=outcome.status, error=outcome.error)
    if not outcome.error:
        return {"state": State.DELIVERED, "last_error": ""}
    if event.attempts > len(WAITS) or outcome.status == GONE:
        return {"state": State.GIVEN_UP, "last_error": outcome.error}
    return {"last_error": outcome.error, "next_attempt_at": now + WAITS[event.attempts - 1] * _jitter.uniform(1, 1.2)}
