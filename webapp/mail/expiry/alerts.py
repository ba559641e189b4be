"""Alerts about expiry dates, sent to administrators by email and to webhooks.

Each alert is sent once, and again if what was about to expire has expired. Its row in `expiry_alerts`
keeps several workers from sending it twice. When the problem is resolved, the row is deleted and
the webhooks are called again.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.core import i18n
from webapp.core.app_state import app_state
from webapp.mail import audit_events, servers, signals, webhook_events
from webapp.mail.diagnosis.descriptions import describe
from webapp.mail.expiry import labels
from webapp.mail.expiry import service as expiries
from webapp.mail.expiry.service import Expiry, ExpiryState, ExpirySubject
from webapp.mail.grants import service as grants
from webapp.mail.models import ExpiryAlert, MailServer
from webapp.settings.service import general
from webapp.webhooks import events as webhooks
from webapp.webhooks.registry import EventType

WEBHOOK_EVENTS = {
    ExpiryState.EXPIRING: webhook_events.ENDING_SOON,
    ExpiryState.EXPIRED: webhook_events.ENDED,
    ExpiryState.REFUSED: webhook_events.GRANT_REFUSED,
}
MAX_REASON_LENGTH = 500


def send_alerts(now: datetime) -> None:
    """Send the alerts that are new, and resolve those that are over."""
    database = app_state().database
    with database.read() as session:
        if not list(_changes(session, now)):
            return
    with database.transaction() as session:
        servers.lock_all(session)
        for alert, expiry in _changes(session, now):
            server = session.get_one(MailServer, expiry.server_id if expiry else alert.mail_server_id if alert else 0)
            if expiry is None:
                _resolve(session, server, alert)
            else:
                _raise(session, server, alert, expiry, now)


def is_current(session: Session, alerted: Expiry, now: datetime) -> bool:
    """Return whether an alert is still true."""
    same = (one for one in expiries.of_all(session, now) if one.subject is alerted.subject)
    # Messages of earlier versions don't say which server they are about.
    found = next((one for one in same if alerted.server_id in (0, one.server_id)), None)
    if found is None or not found.needs_attention:
        return False
    return alerted.state is ExpiryState.EXPIRING or found.state is not ExpiryState.EXPIRING


def _changes(session: Session, now: datetime) -> Iterator[tuple[ExpiryAlert | None, Expiry | None]]:
    """Return alerts to raise or update, with their expiry, and alerts to resolve, without one."""
    saved = session.scalars(select(ExpiryAlert))
    alerts = {(alert.mail_server_id, ExpirySubject(alert.subject)): alert for alert in saved}
    present = {(expiry.server_id, expiry.subject): expiry for expiry in expiries.of_all(session, now)}
    for key, alert in alerts.items():
        if _is_resolved(present.get(key)):
            yield alert, None
    for key, expiry in present.items():
        previous = alerts.get(key)
        if expiry.needs_attention and (previous is None or _differs(previous, expiry)):
            yield previous, expiry


def _is_resolved(expiry: Expiry | None) -> bool:
    """Return whether an alert is over; not while an administrator is still obtaining a new grant."""
    if expiry is None:
        return True
    in_progress = expiry.subject is ExpirySubject.GRANT and expiry.state is ExpiryState.UNKNOWN
    return not expiry.needs_attention and not in_progress


def _differs(alert: ExpiryAlert, expiry: Expiry) -> bool:
    return (alert.state, alert.expires_at) != (expiry.state, expiry.expires_at)


def _raise(session: Session, server: MailServer, alert: ExpiryAlert | None, expiry: Expiry, now: datetime) -> None:
    """Save the alert, and send it if it is new or what was about to expire has expired."""
    is_new = alert is None or (alert.state == ExpiryState.EXPIRING and expiry.state is not ExpiryState.EXPIRING)
    if alert is None:
        alert = ExpiryAlert(mail_server_id=server.id, subject=expiry.subject)
        session.add(alert)
    alert.state, alert.expires_at = expiry.state, expiry.expires_at
    if not is_new:
        return
    alert.alerted_at = now
    signals.expiry_alert_raised.send(session=session, expiry=expiry)
    with i18n.use_language(i18n.DEFAULT):
        text = labels.summary(expiry)
    _call_webhooks(session, server, alert, WEBHOOK_EVENTS[expiry.state], text, **_reason(session, server, expiry))
    audit.record(session, audit_events.EXPIRY_ALERT_RAISED, about=expiry.subject, state=expiry.state)


def _resolve(session: Session, server: MailServer, alert: ExpiryAlert | None) -> None:
    if alert is None:
        return
    session.delete(alert)
    with i18n.use_language(i18n.DEFAULT):
        text = f"{labels.NAMES[ExpirySubject(alert.subject)]}: the problem is resolved."
    _call_webhooks(session, server, alert, webhook_events.RESOLVED, text)
    audit.record(session, audit_events.EXPIRY_ALERT_RESOLVED, about=alert.subject)


def _reason(session: Session, server: MailServer, expiry: Expiry) -> dict[str, str]:
    """Return why a grant is refused, as the page shows it."""
    grant = grants.get(session, server.id) if expiry.state is ExpiryState.REFUSED else None
    if grant is None or grant.failure is None:
        return {}
    with i18n.use_language(i18n.DEFAULT):
        return {"reason": describe(grant.failure)[:MAX_REASON_LENGTH]}


def _call_webhooks(
    session: Session, server: MailServer, alert: ExpiryAlert, event: EventType, text: str, **more: Any
) -> None:
    webhooks.enqueue(
        session,
        event,
        text,
        what=alert.subject,
        ends_at=webhooks.iso(alert.expires_at) if alert.expires_at else None,
        mail_server={"name": server.name, "provider": server.provider, "host": server.host},
        url=webhooks.mail_server_url(general(session, app_state().config), server.id if server.position else None),
        **more,
    )
