"""One-time links that an administrator hands over, for when mail does not arrive: shown once, kept nowhere."""

import json
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from webapp import clock
from webapp.accounts import tries, users
from webapp.accounts.links import codes
from webapp.accounts.links import service as links
from webapp.accounts.links.password_links import AccountDisabled
from webapp.accounts.models import Purpose, SignIn, Status, User
from webapp.accounts.users import OwnAccount
from webapp.audit import service as audit
from webapp.audit.events import Event
from webapp.errors import Failure
from webapp.outbox import service as outbox
from webapp.outbox.queue import Queue
from webapp.sealing import SealBroken, Sealer
from webapp.settings.security import security

SHOWN = "shown link"


@dataclass(frozen=True)
class Handover:
    """A link to be shown once: whose, what for, until when, and the two ways to use it."""

    user_id: int
    purpose: Purpose
    expires_at: datetime
    secret: str = field(repr=False)
    code: str = field(repr=False)


def make(session: Session, queue: Queue, sealer: Sealer, user_id: int, by: User, limited: bool = True) -> Handover:
    """A link with which the person activates the account or, being active, chooses a new password.

    Of the latter the person is told by mail: whoever makes the link could use it.
    Raises NotFound, Refused, AccountDisabled, TooManyRequests.
    """
    person = users.locked_for(session, user_id, by)
    if person.status == Status.PENDING:
        return activation(session, sealer, person)
    if refusal := why_not(person, by):
        raise refusal
    if limited:
        tries.reset_shown(session, by)
    outbox.owe(session, queue, "link_shown", person.email, user_id=person.id)
    audit.record(session, Event.RESET_SHOWN, person)
    return _made(session, sealer, person, Purpose.RESET, clock.now() + security(session).reset_lifetime)


def activation(session: Session, sealer: Sealer, pending: User) -> Handover:
    """A link with which a pending person activates the account."""
    audit.record(session, Event.ACTIVATION_SHOWN, pending)
    expires_at = clock.now() + security(session).activation_lifetime
    return _made(session, sealer, pending, Purpose.ACTIVATION, expires_at)


def why_not(person: User, by: User) -> Failure | None:
    """Why no link is shown for this person, if so.

    Not for oneself: who finds a browser signed in could then choose a password without knowing the present one.
    """
    if person.status == Status.DISABLED:
        return AccountDisabled()
    return OwnAccount() if person.id == by.id else None


def sealed(sealer: Sealer, made: Handover, sign_in: SignIn) -> str:
    """The link on its way to the page that shows it, for the browser that asked alone."""
    parts = [sign_in.id, made.user_id, made.purpose, made.expires_at.isoformat(), made.secret, made.code]
    return sealer.seal(json.dumps(parts), SHOWN)


def show(session: Session, sealer: Sealer, sealed: str, user_id: int, sign_in: SignIn) -> Handover | None:
    """The link for this person again, this once, while it is good: to the sign-in that asked for it, else None.

    The database tells whether it was shown before, as a browser can send again what was sealed.
    """
    try:
        asked_by, whose, purpose, expires_at, secret, code = json.loads(sealer.open(sealed, SHOWN))
    except SealBroken:
        return None
    if (asked_by, whose) != (sign_in.id, user_id) or not links.show(session, secret):
        return None
    return Handover(user_id, Purpose(purpose), datetime.fromisoformat(expires_at), secret, code)


def _made(session: Session, sealer: Sealer, person: User, purpose: Purpose, expires_at: datetime) -> Handover:
    ticket = codes.mint(session, sealer, person, purpose, expires_at)
    return Handover(person.id, purpose, expires_at, ticket.secret, ticket.code)
