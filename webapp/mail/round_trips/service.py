"""Begin a round trip with a test email, and record that it has arrived."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.database import MAX_ID
from webapp.core.errors import NotFound
from webapp.core.sealing import sha256_hex
from webapp.mail.round_trips.models import RoundTrip
from webapp.mail.round_trips.notices import Notice

# Of the link, and of the page that says whether it was followed.
PATH, RESULTS = "/round-trip/", "/settings/mail/round-trips/"
RETENTION = timedelta(days=7)


@dataclass(frozen=True)
class Begun:
    """A round trip whose email is about to be sent. `link_path` follows the public URL."""

    trip: RoundTrip
    secret: str = field(repr=False)

    @property
    def link_path(self) -> str:
        """The path of the link in the email."""
        return f"{PATH}{self.secret}"


def begin(session: Session, host: str, recipient: str) -> Begun:
    """Begin a round trip; `host` is the server that the email goes to."""
    secret = secrets.token_urlsafe(32)
    trip = RoundTrip(secret_hash=sha256_hex(secret), host=host, recipient=recipient, created_at=clock.now(), notices=[])
    session.add(trip)
    session.flush()
    return Begun(trip, secret)


def give_up(session: Session, trip_id: int) -> None:
    """Forget a round trip whose email was not sent."""
    session.execute(delete(RoundTrip).where(RoundTrip.id == trip_id))


def get(session: Session, trip_id: int) -> RoundTrip:
    """Return the round trip with this id. Raises NotFound."""
    trip = session.get(RoundTrip, trip_id) if trip_id <= MAX_ID else None
    if trip is None:
        raise NotFound
    return trip


def find(session: Session, secret: str, lock: bool = False) -> RoundTrip | None:
    """Return the round trip whose link has this secret; with `lock`, locked until the transaction ends."""
    found = select(RoundTrip).where(RoundTrip.secret_hash == sha256_hex(secret))
    return session.scalar(found.with_for_update() if lock else found)


def arrived(session: Session, secret: str, notices: Iterable[Notice]) -> None:
    """Record that the email has arrived, and what was noticed; only once, and only of a known round trip."""
    trip = find(session, secret, lock=True)
    if trip is not None and trip.arrived_at is None:
        trip.arrived_at = clock.now()
        trip.notices = [one.to_json() for one in notices]


def delete_old(session: Session, now: datetime) -> None:
    """Delete round trips after RETENTION."""
    session.execute(delete(RoundTrip).where(RoundTrip.created_at <= now - RETENTION))
