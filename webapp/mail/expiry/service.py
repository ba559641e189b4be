"""What a mail server needs that ends one day: when each ends, and how near that is.

A warning comes AHEAD of an end. What is replaced by itself while all is well, and often lives for
days only, is warned of later: when the last quarter of its time has begun and it is still there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from webapp.mail.models import Grant, GrantStatus, MailServer
from webapp.mail.servers import PRIMARY

AHEAD = timedelta(days=14)
# The sign-ins that show a secret of the application's own.
BY_SECRET = ("authorization_code", "client_credentials", "device_code")
BY_KEY = "service_account"


class ExpirySubject(StrEnum):
    """What ends."""

    GRANT = "grant"
    CLIENT_SECRET = "client_secret"  # noqa: S105 -- the name of one
    SERVICE_ACCOUNT_KEY = "service_account_key"
    CERTIFICATE = "certificate"


class ExpiryState(StrEnum):
    """How things stand with it. REFUSED is a grant that its provider does not renew any more."""

    UNKNOWN = "unknown"
    HOLDS = "holds"
    SOON = "soon"
    ENDED = "ended"
    REFUSED = "refused"


@dataclass(frozen=True)
class Expiry:
    """One end. `ends_at` is None where none is known; of what was REFUSED it is the moment of that.

    `moves` says that Mailroom moves the end on, again and again.
    """

    what: ExpirySubject
    state: ExpiryState
    ends_at: datetime | None = None
    moves: bool = False

    @property
    def warns(self) -> bool:
        """Whether somebody has to do something."""
        return self.state in (ExpiryState.SOON, ExpiryState.ENDED, ExpiryState.REFUSED)

    @property
    def facts(self) -> dict[str, Any]:
        """The same, as a message of the outbox keeps it."""
        return {
            "what": self.what,
            "state": self.state,
            "ends_at": self.ends_at.isoformat() if self.ends_at else None,
        }

    @classmethod
    def of_facts(cls, facts: dict[str, Any]) -> "Expiry":
        """From there."""
        ends_at = datetime.fromisoformat(facts["ends_at"]) if facts["ends_at"] else None
        return cls(ExpirySubject(facts["what"]), ExpiryState(facts["state"]), ends_at)


@dataclass(frozen=True)
class Known:
    """What the database knows of the primary mail server and its grant."""

    authentication: str
    security: str
    secret_expires_on: date | None
    certificate_since: datetime | None
    certificate_expires_at: datetime | None
    status: str | None
    granted_at: datetime | None
    last_refresh_at: datetime | None
    refresh_expiry_slides: bool | None
    refresh_deadline: datetime | None
    failed_at: datetime | None


# The fields of Known, in their order.
_COLUMNS: tuple[InstrumentedAttribute[Any], ...] = (
    MailServer.authentication, MailServer.security, MailServer.secret_expires_on, MailServer.certificate_since,
    MailServer.certificate_expires_at, Grant.status, Grant.granted_at, Grant.last_refresh_at,
    Grant.refresh_expiry_slides, Grant.refresh_deadline, Grant.failed_at,
)  # fmt: skip
STATEMENT = (
    select(*_COLUMNS).outerjoin(Grant, Grant.mail_server_id == MailServer.id).where(MailServer.position == PRIMARY)
)


def of_the_mail_server(session: Session, now: datetime) -> list[Expiry]:
    """The ends of the saved mail server; none while there is no server."""
    return of_row(session.execute(STATEMENT).first(), now)


def of_row(row: Sequence[Any] | None, now: datetime) -> list[Expiry]:
    """The same, from the row that STATEMENT gives, if it gives one."""
    return expiries(Known(*row), now) if row else []


def expiries(known: Known, now: datetime) -> list[Expiry]:
    """The ends of one mail server, in the order in which people look after them."""
    found = (_of_grant(known, now), _of_secret(known, now), _of_certificate(known, now))
    return [one for one in found if one is not None]


def _of_grant(known: Known, now: datetime) -> Expiry | None:
    if known.status is None:
        return None
    if known.granted_at is None or known.status == GrantStatus.NONE:
        # Somebody is setting it up.
        return Expiry(ExpirySubject.GRANT, ExpiryState.UNKNOWN)
    if known.status == GrantStatus.ACTION_REQUIRED:
        return Expiry(ExpirySubject.GRANT, ExpiryState.REFUSED, known.failed_at)
    if known.refresh_deadline is None:
        return Expiry(ExpirySubject.GRANT, ExpiryState.HOLDS, moves=True)
    moves = known.refresh_expiry_slides is not False
    state = _state(known.refresh_deadline, now, known.last_refresh_at if moves else None)
    return Expiry(ExpirySubject.GRANT, state, known.refresh_deadline, moves)


def _of_secret(known: Known, now: datetime) -> Expiry | None:
    if known.authentication not in (*BY_SECRET, BY_KEY):
        return None
    what = ExpirySubject.SERVICE_ACCOUNT_KEY if known.authentication == BY_KEY else ExpirySubject.CLIENT_SECRET
    if known.secret_expires_on is None:
        return Expiry(what, ExpiryState.UNKNOWN)
    # Nobody tells the hour, so the whole day is left to it.
    ends_at = datetime.combine(known.secret_expires_on, time(23, 59, 59), UTC)
    return Expiry(what, _state(ends_at, now), ends_at)


def _of_certificate(known: Known, now: datetime) -> Expiry | None:
    if known.security == "none":
        return None
    if known.certificate_expires_at is None:
        return Expiry(ExpirySubject.CERTIFICATE, ExpiryState.UNKNOWN)
    state = _state(known.certificate_expires_at, now, known.certificate_since)
    return Expiry(ExpirySubject.CERTIFICATE, state, known.certificate_expires_at)


def _state(ends_at: datetime, now: datetime, since: datetime | None = None) -> ExpiryState:
    """The state of what ends then; `since` is when it began, of something that is replaced by itself."""
    if now >= ends_at:
        return ExpiryState.ENDED
    warned_from = datetime.combine((ends_at - AHEAD).date(), time(), UTC)
    if since is not None:
        warned_from = max(warned_from, ends_at - (ends_at - since) / 4)
    return ExpiryState.SOON if now >= warned_from else ExpiryState.HOLDS
