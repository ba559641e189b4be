"""One-time links that an administrator hands over, for when mail does not arrive: shown once, kept nowhere."""

import json
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from webapp.accounts import events, throttles
from webapp.accounts.links import codes
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import AccountDisabled
from webapp.accounts.models import LinkPurpose, User, UserState
from webapp.accounts.models import Session as SignIn
from webapp.accounts.users import administration
from webapp.accounts.users.administration import OwnAccount
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.errors import MailroomError
from webapp.core.sealing import CannotUnseal, Sealer
from webapp.outbox import service as outbox
from webapp.settings.service import security

SHOWN = "shown link"


@dataclass(frozen=True)
class ShownLink:
    """A link to be shown once: whose, what for, until when, and the two ways to use it."""

    user_id: int
    purpose: LinkPurpose
    expires_at: datetime
    secret: str = field(repr=False)
    code: str = field(repr=False)


def create(session: Session, sealer: Sealer, user_id: int, by: User) -> ShownLink:
    """A link with which the person activates the account or, being active, chooses a new password.

    Of the latter the person is told by mail: whoever makes the link could use it.
    Raises NotFound, Refused, AccountDisabled, TooManyRequests.
    """
    person = administration.lock_user(session, user_id, by)
    if person.state == UserState.PENDING:
        return activation(session, sealer, person)
    if refusal := refusal_reason(person, by):
        raise refusal
    throttles.count_admin_link(session, by)
    outbox.enqueue(session, "admin_link_created", person.email, user_id=person.id)
    audit.record(session, events.RESET_LINK_SHOWN, person)
    return _made(session, sealer, person, LinkPurpose.RESET, clock.now() + security(session).reset_lifetime)


def activation(session: Session, sealer: Sealer, pending: User) -> ShownLink:
    """A link with which a pending person activates the account."""
    audit.record(session, events.ACTIVATION_LINK_SHOWN, pending)
    expires_at = clock.now() + security(session).activation_lifetime
    return _made(session, sealer, pending, LinkPurpose.ACTIVATION, expires_at)


def refusal_reason(person: User, by: User) -> MailroomError | None:
    """Why no link is shown for this person, if so.

    Not for oneself: who finds a browser signed in could then choose a password without knowing the present one.
    """
    if person.state == UserState.DISABLED:
        return AccountDisabled()
    return OwnAccount() if person.id == by.id else None


def sealed(sealer: Sealer, made: ShownLink, sign_in: SignIn) -> str:
    """The link on its way to the page that shows it, for the browser that asked alone."""
    parts = [sign_in.id, made.user_id, made.purpose, made.expires_at.isoformat(), made.secret, made.code]
    return sealer.seal(json.dumps(parts), SHOWN)


def show(session: Session, sealer: Sealer, sealed: str, user_id: int, sign_in: SignIn) -> ShownLink | None:
    """The link for this person again, this once, while it is good: to the sign-in that asked for it, else None.

    The database tells whether it was shown before, as a browser can send again what was sealed.
    """
    try:
        asked_by, whose, purpose, expires_at, secret, code = json.loads(sealer.open(sealed, SHOWN))
    except CannotUnseal:
        return None
    if (asked_by, whose) != (sign_in.id, user_id) or not links.mark_shown(session, secret):
        return None
    return ShownLink(user_id, LinkPurpose(purpose), datetime.fromisoformat(expires_at), secret, code)


def _made(session: Session, sealer: Sealer, person: User, purpose: LinkPurpose, expires_at: datetime) -> ShownLink:
    ticket = codes.issue(session, sealer, person, purpose, expires_at)
    return ShownLink(person.id, purpose, expires_at, ticket.secret, ticket.code)
