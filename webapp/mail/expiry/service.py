"""When the things that a mail server needs expire, and when administrators are alerted.

Alerts start AHEAD of the expiry date. Something that is renewed automatically often lives for days only,
so its alert starts when the last quarter of its lifetime begins and it has not been renewed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, select
from sqlalchemy.orm import Session

from webapp.core import certificates
from webapp.mail.models import Grant, GrantStatus, MailServer
from webapp.providers.oauth2 import LABELS

AHEAD = timedelta(days=14)
AnyRow = Row[*tuple[Any, ...]]
_USED_WITH_GRANT = (
    select(
        MailServer.id.label("server_id"),
        MailServer.position,
        MailServer.name,
        MailServer.authentication,
        MailServer.secret_expires_on,
        MailServer.security,
        MailServer.pinned_certificate,
        MailServer.trusted_certificates,
        MailServer.client_certificate_expires_at,
        MailServer.certificate_since,
        MailServer.certificate_expires_at,
        MailServer.certificate_seen_at,
        Grant.id.label("grant_id"),
        Grant.status,
        Grant.granted_at,
        Grant.failed_at,
        Grant.last_refresh_at,
        Grant.refresh_deadline,
        Grant.refresh_expiry_slides,
    )
    .outerjoin(Grant, Grant.mail_server_id == MailServer.id)
    .where(MailServer.position.is_not(None))
    .order_by(MailServer.position)
)


class ExpirySubject(StrEnum):
    """What expires."""

    GRANT = "grant"
    CLIENT_SECRET = "client_secret"  # noqa: S105 -- the name of one
    SERVICE_ACCOUNT_KEY = "service_account_key"
    CERTIFICATE = "certificate"
    PINNED_CERTIFICATE = "pinned_certificate"
    TRUSTED_CERTIFICATES = "trusted_certificates"
    CLIENT_CERTIFICATE = "client_certificate"


class ExpiryState(StrEnum):
    """How near its expiry something is. REFUSED is a grant that its provider no longer refreshes."""

    UNKNOWN = "unknown"
    VALID = "valid"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    REFUSED = "refused"


@dataclass(frozen=True)
class Expiry:
    """When one thing expires; for a REFUSED grant, `expires_at` is when it was refused.

    `seen_at` is when a certificate was presented, `server` the name of the mail server if several are used.
    """

    subject: ExpirySubject
    state: ExpiryState
    expires_at: datetime | None = None
    renews_automatically: bool = False
    seen_at: datetime | None = None
    server_id: int = 0
    server: str = ""

    @property
    def needs_attention(self) -> bool:
        """Whether somebody has to do something."""
        return self.state in (ExpiryState.EXPIRING, ExpiryState.EXPIRED, ExpiryState.REFUSED)

    def to_data(self) -> dict[str, Any]:
        """Return it as the data of a message."""
        expires_at = self.expires_at.isoformat() if self.expires_at else None
        server = {"server_id": self.server_id, "server": self.server}
        return {"subject": self.subject, "state": self.state, "expires_at": expires_at, **server}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Expiry":
        """Return it from the data of a message."""
        expires_at = datetime.fromisoformat(data["expires_at"]) if data["expires_at"] else None
        # Messages of earlier versions are about the only mail server that there was.
        server = {"server_id": data.get("server_id", 0), "server": data.get("server", "")}
        return cls(ExpirySubject(data["subject"]), ExpiryState(data["state"]), expires_at, **server)


def of_all(session: Session | Connection, now: datetime) -> list[Expiry]:
    """Return the expiry dates of all mail servers that are used, which are named if there are several."""
    rows = session.execute(_USED_WITH_GRANT).all()
    return [
        replace(expiry, server_id=row.server_id, server=row.name if len(rows) > 1 else "")
        for row in rows
        for expiry in expiries_of(row, None if row.grant_id is None else row, now)
    ]


def expiries_of(server: MailServer | AnyRow, grant: Grant | AnyRow | None, now: datetime) -> list[Expiry]:
    """Return the expiry dates of one mail server and its grant."""
    found = (_grant_expiry(grant, now), _secret_expiry(server, now), *_certificate_expiries(server, now))
    return [expiry for expiry in found if expiry is not None]


def _grant_expiry(grant: Grant | AnyRow | None, now: datetime) -> Expiry | None:
    if grant is None:
        return None
    if grant.granted_at is None or grant.status == GrantStatus.NONE:
        # An administrator is still setting it up.
        return Expiry(ExpirySubject.GRANT, ExpiryState.UNKNOWN)
    if grant.status == GrantStatus.ACTION_REQUIRED:
        return Expiry(ExpirySubject.GRANT, ExpiryState.REFUSED, grant.failed_at)
    if grant.refresh_deadline is None:
        return Expiry(ExpirySubject.GRANT, ExpiryState.VALID, renews_automatically=True)
    slides = grant.refresh_expiry_slides is not False
    state = _state(grant.refresh_deadline, now, grant.last_refresh_at if slides else None)
    return Expiry(ExpirySubject.GRANT, state, grant.refresh_deadline, slides)


def _secret_expiry(server: MailServer | AnyRow, now: datetime) -> Expiry | None:
    if server.authentication not in LABELS:
        return None
    uses_key = server.authentication == "service_account"
    subject = ExpirySubject.SERVICE_ACCOUNT_KEY if uses_key else ExpirySubject.CLIENT_SECRET
    if server.secret_expires_on is None:
        return Expiry(subject, ExpiryState.UNKNOWN)
    # The time of day is unknown, so it counts as valid until the end of the day.
    expires_at = datetime.combine(server.secret_expires_on, time(23, 59, 59), UTC)
    return Expiry(subject, _state(expires_at, now), expires_at)


def _certificate_expiries(server: MailServer | AnyRow, now: datetime) -> Iterator[Expiry]:
    if server.security == "none":
        return
    if server.pinned_certificate:
        yield _fixed(ExpirySubject.PINNED_CERTIFICATE, _last_day(server.pinned_certificate), now)
    elif server.certificate_expires_at is None:
        yield Expiry(ExpirySubject.CERTIFICATE, ExpiryState.UNKNOWN)
    else:
        end, seen_at = server.certificate_expires_at, server.certificate_seen_at
        yield Expiry(ExpirySubject.CERTIFICATE, _state(end, now, server.certificate_since), end, seen_at=seen_at)
    if server.trusted_certificates and not server.pinned_certificate:
        yield _fixed(ExpirySubject.TRUSTED_CERTIFICATES, _last_day(server.trusted_certificates), now)
    if server.client_certificate_expires_at is not None:
        yield _fixed(ExpirySubject.CLIENT_CERTIFICATE, server.client_certificate_expires_at, now)


def _fixed(subject: ExpirySubject, expires_at: datetime, now: datetime) -> Expiry:
    return Expiry(subject, _state(expires_at, now), expires_at)


def _last_day(pem: str) -> datetime:
    """Return when the last of these certificates expires: an old authority may be kept beside its successor."""
    return max(one.not_valid_after_utc for one in certificates.parse(pem))


def _state(expires_at: datetime, now: datetime, renewed_at: datetime | None = None) -> ExpiryState:
    """Return the state; `renewed_at` is when something that renews automatically was last renewed."""
    if now >= expires_at:
        return ExpiryState.EXPIRED
    alert_from = datetime.combine((expires_at - AHEAD).date(), time(), UTC)
    if renewed_at is not None:
        alert_from = max(alert_from, expires_at - (expires_at - renewed_at) / 4)
    return ExpiryState.EXPIRING if now >= alert_from else ExpiryState.VALID
