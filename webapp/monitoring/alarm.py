"""The alarm: webhooks and the log say when mail is not going out, and they and an email when it goes out again.

The row of the Outage keeps several workers from announcing the same one twice.
"""

from datetime import datetime

import structlog
from sqlalchemy import delete
from sqlalchemy.orm import Session

from webapp.accounts import notifications
from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.core.database import insert_into
from webapp.mail import servers
from webapp.monitoring import webhook_events
from webapp.monitoring.models import ONLY, Outage
from webapp.monitoring.webhook_events import RECOVERED, STOPPED
from webapp.outbox.status import DeliveryStatus, Flow, cause_of, delivery_status
from webapp.providers import Failure
from webapp.settings.service import general
from webapp.webhooks import events as webhooks
from webapp.webhooks.registry import EventType

log = structlog.get_logger(__name__)


def watch(now: datetime) -> None:
    """Announce an outage that is new, or the end of one."""
    database = app_state().database
    with database.read() as session:
        status, outage = delivery_status(session, now), session.get(Outage, ONLY)
    # NO_WORKER is no outage: it means that this worker, which has just started, has not said yet that it runs.
    if outage is None and status.flow is Flow.STOPPED:
        with database.transaction() as session:
            _begin(session, status)
    elif outage is not None and _is_over(outage, status):
        with database.transaction() as session:
            _end(session, status, now)


def end(_sender: object, session: Session, **_data: object) -> None:
    """Announce the end of the outage, because a test email went out; receives `mail_server_works`."""
    now = clock.now()
    _end(session, delivery_status(session, now), now)


def _is_over(outage: Outage, status: DeliveryStatus) -> bool:
    """Whether email flows again; that nothing waits any more doesn't show it."""
    sent = status.last_sent
    return not status.is_stopped and sent is not None and sent.finished_at > outage.since


def _begin(session: Session, status: DeliveryStatus) -> None:
    cause = cause_of(session, status)
    if cause is None or status.stopped_since is None:
        return
    values = {"id": ONLY, "since": status.stopped_since, **cause.stored}
    inserted = insert_into(session, Outage).values(values).on_conflict_do_nothing().returning(Outage.id)
    if session.scalar(inserted) is None:
        return
    since = webhooks.iso(status.stopped_since)
    log.error("mail stopped", stage=cause.stage, code=cause.code, since=since, waiting=status.waiting)
    _call_webhooks(session, STOPPED, "Mail is not going out.", status, cause, since)


def _end(session: Session, status: DeliveryStatus, now: datetime) -> None:
    ended = session.scalar(delete(Outage).where(Outage.id == ONLY).returning(Outage))
    if ended is None:
        return
    since = webhooks.iso(ended.since)
    seconds = round((now - ended.since).total_seconds())
    log.info("mail flows again", stage=ended.stage, code=ended.code, since=since, seconds=seconds)
    _call_webhooks(session, RECOVERED, "Mail is going out again.", status, ended.failure, since)
    data = {"since": ended.since.isoformat(), "until": now.isoformat(), **ended.failure.stored}
    notifications.enqueue_for_administrators(session, "mail_recovered", data)


def _call_webhooks(
    session: Session, event: EventType, text: str, status: DeliveryStatus, cause: Failure, since: str
) -> None:
    server = servers.primary(session)
    webhooks.enqueue(
        session,
        event,
        text,
        cause=webhook_events.cause(cause),
        since=since,
        waiting=status.waiting,
        mail_server={"provider": server.provider, "host": server.host} if server else None,
        url=webhooks.mail_server_url(general(session, app_state().config)),
    )
