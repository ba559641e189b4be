"""Deliver events to webhooks: signed, at least once, with growing waits, one at a time for each webhook.

Webhooks don't wait for each other: each is leased for some attempts, which are made outside of any transaction and
recorded together. A 2xx reply is success, 410 turns the webhook off, anything else, redirects too, is a failure. One
that shows that the receiver is in trouble has all events of the webhook wait for a moment, so that a dead receiver
isn't asked for each of them.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from sqlalchemy import ColumnElement, Update, and_, exists, or_, select, update
from sqlalchemy.orm import Session

from webapp.core import clock, http_client, network_errors
from webapp.core.app_state import AppState
from webapp.core.sealing import CannotUnseal
from webapp.webhooks import service, signing
from webapp.webhooks.models import DeliveryState, Webhook, WebhookDelivery
from webapp.webhooks.service import GONE, Endpoint

# How many attempts are made under one lease at most, and for how many seconds; a crash may repeat them.
BATCH, BATCH_SECONDS = 50, 1.0
# Longer than they can take: see http_client.TIMEOUT.
LEASE = timedelta(minutes=1)
# Waits of an event after its first, second … attempt: three days in all, as the standard recommends.
WAITS = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5),
    timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24),
)  # fmt: skip
# Pauses of a webhook whose receiver is in trouble, after the first, second … attempt of any event.
PAUSES = (timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=5))
# No wait or lease is this long: a later time was written by a clock that has been set back since.
MAX_WAIT, MAX_PAUSE = timedelta(hours=30), timedelta(minutes=10)
# How many receivers one worker talks to at once, and how many seconds it waits for them before it looks for others.
RECEIVERS, PATIENCE = 8, 0.5

_jitter = random.SystemRandom()
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class DeliveryResult:
    """The result of one attempt. `failure_code` is empty on success; see `labels.FAILURES`."""

    status: int | None = None
    failure_code: str = ""
    failure_params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_failed(self) -> bool:
        """Whether the event was not accepted."""
        return bool(self.failure_code)

    @property
    def shows_trouble(self) -> bool:
        """Whether any other event would fail now, too."""
        return self.has_failed and (self.status is None or self.status == 429 or self.status >= 500)


class Claimed(NamedTuple):
    """Events to try and their webhook, at which nobody else is until the lease expires."""

    events: Sequence[WebhookDelivery]
    webhook: Webhook
    leased_until: datetime


Results = Sequence[tuple[WebhookDelivery, DeliveryResult]]


def deliver_due(state: AppState, stopping: Callable[[], bool] = lambda: False) -> None:
    """Try every event that is due, once, and those that become due meanwhile."""
    with ThreadPoolExecutor(RECEIVERS) as pool:
        running: set[Future[None]] = set()
        while not stopping():
            webhooks = due_webhooks(state, clock.now(), RECEIVERS - len(running))
            running |= {pool.submit(_deliver_to, state, webhook_id, stopping) for webhook_id in webhooks}
            if not running:
                break
            done, running = wait(running, PATIENCE, FIRST_COMPLETED)
            for one in done:
                one.result()


def due_webhooks(state: AppState, now: datetime, limit: int) -> list[int]:
    """Return webhooks that have an event to try now and that nobody is at, those first that waited for longest."""
    has_due = exists().where(WebhookDelivery.webhook_id == Webhook.id, _is_due(now))
    due = select(Webhook.id).where(_is_free(now), has_due).order_by(Webhook.next_attempt_at).limit(limit)
    with state.database.read() as session:
        return list(session.scalars(due))


def next_attempts(session: Session) -> dict[int, datetime]:
    """Return when an event of each webhook can be tried next, of those that have any queued."""
    first = (
        select(WebhookDelivery.next_attempt_at)
        .where(WebhookDelivery.webhook_id == Webhook.id, WebhookDelivery.state == DeliveryState.QUEUED)
        .order_by(WebhookDelivery.next_attempt_at)
        .limit(1)
        .scalar_subquery()
    )
    found = session.execute(select(Webhook.id, Webhook.next_attempt_at, first).where(first.is_not(None)))
    return {webhook_id: max(times) for webhook_id, *times in found}


def claim(state: AppState, webhook_id: int, now: datetime) -> Claimed | None:
    """Take the events of this webhook that have been due for longest, unless somebody is at the webhook."""
    free = select(Webhook).where(Webhook.id == webhook_id, _is_free(now))
    due = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id, _is_due(now))
    due = due.order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.id).limit(BATCH)
    with state.database.transaction() as session:
        webhook = session.scalar(free.with_for_update(skip_locked=True, key_share=True))
        events = session.scalars(due).all() if webhook else []
        if webhook is None or not events:
            return None
        webhook.next_attempt_at = now + LEASE
        return Claimed(events, webhook, webhook.next_attempt_at)


def send(state: AppState, webhook: Webhook, event_id: str, content: str) -> DeliveryResult:
    """Send the JSON of an event to a webhook, once, even to one that is off."""
    return _post(_endpoint(state, webhook), event_id, content)


def record(state: AppState, claimed: Claimed, results: Results) -> None:
    """Record the results of our attempts; failures only while we hold the lease.

    Another worker may be at the webhook by now, or an administrator may have saved another URL.
    """
    now = clock.now()
    with state.database.transaction() as session:
        webhook = session.get(Webhook, claimed.webhook.id, with_for_update={"key_share": True})
        if webhook is None:
            return
        is_ours = webhook.next_attempt_at == claimed.leased_until
        recorded = [(event, result) for event, result in results if is_ours or not result.has_failed]
        _record_delivered(session, [event.id for event, result in recorded if not result.has_failed], now)
        for event, result in recorded:
            if result.has_failed:
                _record_failed(session, event, result, now)
            _record_in_webhook(webhook, result, now)
        if is_ours:
            webhook.next_attempt_at = now + _pause(webhook)
        if recorded and recorded[-1][1].status == GONE:
            service.give_up(session, webhook)


def _deliver_to(state: AppState, webhook_id: int, stopping: Callable[[], bool]) -> None:
    """Try every event of a webhook that is due. Between two, the worker may be asked to stop."""
    while not stopping() and (claimed := claim(state, webhook_id, clock.now())):
        record(state, claimed, list(_attempts(state, claimed, stopping)))


def _attempts(
    state: AppState, claimed: Claimed, stopping: Callable[[], bool]
) -> Iterator[tuple[WebhookDelivery, DeliveryResult]]:
    """Try events one after the other, until others had better wait."""
    endpoint, end = _endpoint(state, claimed.webhook), time.monotonic() + BATCH_SECONDS
    for event in claimed.events:
        result = _post(endpoint, event.event_id, event.body)
        outcome = "webhook event not delivered" if result.has_failed else "webhook event delivered"
        details = {"status": result.status, "failure": result.failure_code}
        log.info(outcome, webhook=claimed.webhook.id, type=event.type, attempts=event.attempts + 1, **details)
        yield event, result
        if result.shows_trouble or result.status == GONE or stopping() or time.monotonic() > end:
            return


def _endpoint(state: AppState, webhook: Webhook) -> Endpoint | None:
    """Return where to send events; None if no key opens it."""
    try:
        return service.endpoint(webhook, state.sealer)
    except CannotUnseal:
        return None


def _post(endpoint: Endpoint | None, event_id: str, content: str) -> DeliveryResult:
    if endpoint is None:
        return DeliveryResult(failure_code="cannot_unseal")
    body = content.encode()
    headers = signing.sign(event_id, body, endpoint.secrets, clock.now())
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


def _is_free(now: datetime) -> ColumnElement[bool]:
    """The condition for webhooks that are on and of which an event may be tried."""
    may_try = or_(Webhook.next_attempt_at <= now, Webhook.next_attempt_at > now + MAX_PAUSE)
    return and_(Webhook.disabled_at.is_(None), may_try)


def _is_due(now: datetime) -> ColumnElement[bool]:
    """The condition for events that may be tried, as far as it depends on them."""
    due = or_(WebhookDelivery.next_attempt_at <= now, WebhookDelivery.next_attempt_at > now + MAX_WAIT)
    return and_(WebhookDelivery.state == DeliveryState.QUEUED, due)


def _record_delivered(session: Session, ids: Sequence[int], now: datetime) -> None:
    values = {"state": DeliveryState.DELIVERED, "failure_code": "", "failure_params": {}}
    if ids:
        session.execute(_tried(WebhookDelivery.id.in_(ids), now).values(values))


def _record_failed(session: Session, event: WebhookDelivery, result: DeliveryResult, now: datetime) -> None:
    values: dict[str, Any] = {"failure_code": result.failure_code, "failure_params": dict(result.failure_params)}
    if event.attempts >= len(WAITS) or result.status == GONE:
        values["state"] = DeliveryState.FAILED
    else:
        values["next_attempt_at"] = now + WAITS[event.attempts] * _jitter.uniform(1, 1.2)
    session.execute(_tried(WebhookDelivery.id == event.id, now).values(values))


def _tried(which: ColumnElement[bool], now: datetime) -> Update:
    queued = update(WebhookDelivery).where(which, WebhookDelivery.state == DeliveryState.QUEUED)
    return queued.values(attempts=WebhookDelivery.attempts + 1, last_attempt_at=now)


def _record_in_webhook(webhook: Webhook, result: DeliveryResult, now: datetime) -> None:
    webhook.failure_code, webhook.failure_params = result.failure_code, dict(result.failure_params)
    webhook.failures = webhook.failures + 1 if result.shows_trouble else 0
    if result.has_failed:
        webhook.failed_at = now
    else:
        webhook.last_delivered_at, webhook.failed_at = now, None


def _pause(webhook: Webhook) -> timedelta:
    """Return how long a webhook waits whose last attempts are recorded."""
    return PAUSES[min(webhook.failures, len(PAUSES)) - 1] if webhook.failures else timedelta()
