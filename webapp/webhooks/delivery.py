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
from webapp.webhooks.models import State, WebhookEvent, WebhookSettings
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
    if outcome is not None:
        log.info("webhook tried", type=event.type, attempts=event.attempts, status=outcome.status, error=outcome.error)
    with parts.database.writing() as session:
        _record(session, event, outcome, clock.now())
    return True


def tried(parts: Parts, event: WebhookEvent) -> Outcome | None:
    """What became of sending an event, once; None where there is nobody to tell."""
    try:
        with parts.database.reading() as session:
            receiver = service.receiver(session, parts.sealer)
    except SealBroken:
        return Outcome(error=SEAL_BROKEN)
    return attempt(receiver, event) if receiver else None


def attempt(receiver: Receiver, event: WebhookEvent) -> Outcome:
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


def _taken(parts: Parts, now: datetime) -> WebhookEvent | None:
    """The next event that is due, if any, ours alone until the lease is over."""
    with parts.database.reading() as session:
        if session.scalar(_due(now)) is None:
            return None
    with parts.database.writing() as session:
        return _claim(session, now)


def _due(now: datetime) -> Select[int]:
    owed = select(WebhookEvent.id).where(WebhookEvent.state == State.OWED)
    due = or_(WebhookEvent.next_attempt_at <= now, WebhookEvent.next_attempt_at > now + IMPOSSIBLE)
    return owed.where(due).order_by(WebhookEvent.next_attempt_at, WebhookEvent.id).limit(1)


def _claim(session: Session, now: datetime) -> WebhookEvent | None:
    """Take the event that is due for longest; nobody else tries it until the lease is over."""
    first = _due(now).with_for_update(skip_locked=True).scalar_subquery()
    values = {"next_attempt_at": now + LEASE, "last_attempt_at": now, "attempts": WebhookEvent.attempts + 1}
    return session.scalar(update(WebhookEvent).where(WebhookEvent.id == first).values(values).returning(WebhookEvent))


def _record(session: Session, event: WebhookEvent, outcome: Outcome | None, now: datetime) -> None:
    """Note how our attempt ended; a failure only while the event is ours.

    By now somebody else may be trying it, or the address may have been saved again.
    """
    # Who saves the address holds this row, too.
    settings = session.get(WebhookSettings, ONLY_ROW, with_for_update=True)
    noted = update(WebhookEvent).where(WebhookEvent.id == event.id, WebhookEvent.state == State.OWED)
    if outcome is None or outcome.error:
        # The end of our lease: whoever takes the event or saves the address moves it.
        noted = noted.where(WebhookEvent.next_attempt_at == event.next_attempt_at)
    ours = session.scalar(noted.values(_ended(event, outcome, now)).returning(WebhookEvent.id))
    if ours and settings and outcome and outcome.status == GONE:
        settings.gone_at = now
        session.execute(update(WebhookEvent).where(WebhookEvent.state == State.OWED).values(state=State.GIVEN_UP))


def _ended(event: WebhookEvent, outcome: Outcome | None, now: datetime) -> dict[str, Any]:
    if outcome is None:
        return {"state": State.GIVEN_UP}
    if not outcome.error:
        return {"state": State.DELIVERED, "last_error": ""}
    if event.attempts > len(WAITS) or outcome.status == GONE:
        return {"state": State.GIVEN_UP, "last_error": outcome.error}
    return {"last_error": outcome.error, "next_attempt_at": now + WAITS[event.attempts - 1] * _jitter.uniform(1, 1.2)}
