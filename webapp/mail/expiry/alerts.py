"""Who is told that something a mail server needs ends soon, or has ended: administrators by mail, and the webhook.

Each warning is told once, and once more when what was to end has ended. The row in `told_warnings`
makes it so for all workers; it goes when the warning is over, and the webhook hears of that too.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.accounts import notifications
from webapp.audit import service as audit
from webapp.core import i18n
from webapp.core.app_state import AppState
from webapp.mail import events
from webapp.mail.diagnosis.descriptions import describe
from webapp.mail.expiry import words as expiry_words
from webapp.mail.expiry.service import Expiry, ExpiryState, ExpirySubject, of_the_mail_server
from webapp.mail.grants import service as grants
from webapp.mail.models import ExpiryAlert, MailServer
from webapp.mail.servers import lock_primary
from webapp.settings.service import General, general
from webapp.webhooks import service as webhooks

TYPES = {
    ExpiryState.SOON: "mail_server.ending_soon",
    ExpiryState.ENDED: "mail_server.ended",
    ExpiryState.REFUSED: "mail_server.grant_refused",
}
OVER = "mail_server.resolved"
LONGEST_REASON = 500


def send_alerts(parts: AppState, now: datetime) -> None:
    """Tell what nobody was told yet. Needs an application context."""
    with parts.database.read() as session:
        if not _is_news(session, now):
            return
    with parts.database.transaction() as session:
        server = lock_primary(session)
        if server is not None:
            _Teller(session, server, general(session, parts.config)).tell(now)


class _Teller:
    """Compares what is so with what was told, in one transaction that holds the mail server."""

    def __init__(self, session: Session, server: MailServer, general: General) -> None:
        self._session = session
        self._server = server
        self._page = webhooks.mail_server_url(general)

    def tell(self, now: datetime) -> None:
        told = _told(self._session)
        present = {one.what: one for one in of_the_mail_server(self._session, now)}
        for what, row in told.items():
            if _is_over(present.get(what)):
                self._settle(row)
        for expiry in present.values():
            if expiry.warns:
                self._warn(expiry, told.get(expiry.what), now)

    def _warn(self, expiry: Expiry, row: ExpiryAlert | None, now: datetime) -> None:
        """Note the warning as it is by now, and tell it if it is new or has come true."""
        news = row is None or (row.state == ExpiryState.SOON and expiry.state is not ExpiryState.SOON)
        if row is None:
            row = ExpiryAlert(mail_server_id=self._server.id, what=expiry.what)
            self._session.add(row)
        row.state, row.ends_at = expiry.state, expiry.ends_at
        if not news:
            return
        row.told_at = now
        notifications.mail_server(self._session, expiry.facts)
        with i18n.use_language(i18n.DEFAULT):
            text = expiry_words.summary(expiry)
        reason = self._reason() if expiry.state is ExpiryState.REFUSED else {}
        self._to_webhook(TYPES[expiry.state], text, expiry.what, expiry.ends_at, **reason)
        audit.record(self._session, events.EXPIRY_ALERT_RAISED, about=expiry.what, state=expiry.state)

    def _settle(self, row: ExpiryAlert) -> None:
        self._session.delete(row)
        with i18n.use_language(i18n.DEFAULT):
            text = f"{expiry_words.NAMES[ExpirySubject(row.what)]}: there is nothing to warn of any more."
        self._to_webhook(OVER, text, row.what, row.ends_at)
        audit.record(self._session, events.EXPIRY_ALERT_RESOLVED, about=row.what)

    def _reason(self) -> dict[str, str]:
        """Why a grant is refused, in the words that the page shows as well."""
        grant = grants.get(self._session, self._server.id)
        with i18n.use_language(i18n.DEFAULT):
            return {"reason": describe(grant.failure)[:LONGEST_REASON] if grant and grant.failure else ""}

    def _to_webhook(self, kind: str, text: str, what: str, ends_at: datetime | None, **more: str) -> None:
        server = {"provider": self._server.provider, "host": self._server.host}
        end = webhooks.iso(ends_at) if ends_at else None
        webhooks.enqueue(self._session, kind, text, what=what, ends_at=end, mail_server=server, url=self._page, **more)


def is_current(session: Session, told: Expiry, now: datetime) -> bool:
    """Whether a warning that was told still holds."""
    present = {one.what: one for one in of_the_mail_server(session, now) if one.warns}.get(told.what)
    return present is not None and (told.state is ExpiryState.SOON or present.state is not ExpiryState.SOON)


def _is_news(session: Session, now: datetime) -> bool:
    told = {what: (row.state, row.ends_at) for what, row in _told(session).items()}
    present = {one.what: one for one in of_the_mail_server(session, now)}
    warned = {what: (one.state, one.ends_at) for what, one in present.items() if one.warns}
    kept = {what: facts for what, facts in told.items() if not _is_over(present.get(what))}
    return kept != told or any(told.get(what) != facts for what, facts in warned.items())


def _told(session: Session) -> dict[ExpirySubject, ExpiryAlert]:
    return {ExpirySubject(row.what): row for row in session.scalars(select(ExpiryAlert))}


def _is_over(present: Expiry | None) -> bool:
    """Whether a warning that was told is over; not while somebody is still about to get a new grant."""
    return present is None or not (
        present.warns or (present.what is ExpirySubject.GRANT and present.state is ExpiryState.UNKNOWN)
    )
