"""One-time links that an administrator passes on when email does not arrive: shown once, never stored."""

import json
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from webapp.accounts import audit_events, return_to, throttles
from webapp.accounts.links import codes
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import AccountDisabled
from webapp.accounts.models import LinkPurpose, User, UserState
from webapp.accounts.models import Session as UserSession
from webapp.accounts.return_to import ReturnTo
from webapp.accounts.users import administration
from webapp.accounts.users.administration import OwnAccount
from webapp.audit import service as audit
from webapp.core import clock, rate_limits
from webapp.core.actor import current_actor
from webapp.core.errors import MailroomError
from webapp.core.sealing import CannotUnseal, Sealer
from webapp.outbox import service as outbox
from webapp.settings.service import security

SHOWN_LINK_PURPOSE = "shown link"


@dataclass(frozen=True)
class ShownLink:
    """A link to be shown once, and the code that does the same."""

    user_id: int
    purpose: LinkPurpose
    expires_at: datetime
    secret: str = field(repr=False)
    code: str = field(repr=False)

    def url(self, public_url: str) -> str:
        """Return the whole link."""
        return public_url + links.PATHS[self.purpose] + self.secret


def create(session: Session, sealer: Sealer, user_id: int, by: User | None) -> ShownLink:
    """Create an activation link for a pending user, or a reset link for an active one.

    The user is notified of a reset link by email, because the administrator could use it.
    Raises NotFound, OwnAccount, AccountDisabled, Forbidden, TooManyRequests.
    """
    user = administration.lock_user(session, user_id, by)
    if user.state == UserState.PENDING:
        return create_activation(session, sealer, user)
    if refusal := refusal_reason(user, by):
        raise refusal
    if by is not None:
        rate_limits.consume(session, throttles.ADMIN_LINKS_BY_ADMINISTRATOR, str(by.id))
    return create_reset(session, sealer, user)


def create_reset(session: Session, sealer: Sealer, user: User, back: ReturnTo | None = None) -> ShownLink:
    """Create a reset link for an active user, who is notified by email. `back` is where it leads back to."""
    application = current_actor().application
    data = {"application": application} if application else {}
    outbox.enqueue(session, "admin_link_created", user.email, user_id=user.id, data=data)
    audit.record(session, audit_events.RESET_LINK_SHOWN, user)
    return _issue(session, sealer, user, LinkPurpose.RESET, clock.now() + security(session).reset_lifetime, back)


def create_activation(session: Session, sealer: Sealer, user: User, back: ReturnTo | None = None) -> ShownLink:
    """Create an activation link for a pending user. It leads back where the last one did, unless `back` says where."""
    audit.record(session, audit_events.ACTIVATION_LINK_SHOWN, user)
    expires_at = clock.now() + security(session).activation_lifetime
    back = back or return_to.last_of(session, [user.id], LinkPurpose.ACTIVATION).get(user.id)
    return _issue(session, sealer, user, LinkPurpose.ACTIVATION, expires_at, back)


def refusal_reason(user: User, by: User | None) -> MailroomError | None:
    """Say why no link can be created for this user, if so.

    Not for oneself: a stranger at a signed-in browser could set a password without knowing the current one.
    """
    if user.state == UserState.DISABLED:
        return AccountDisabled()
    return OwnAccount() if by is not None and user.id == by.id else None


def seal(sealer: Sealer, shown: ShownLink, user_session: UserSession) -> str:
    """Seal the link on its way to the page that shows it, for one session."""
    parts = [
        user_session.identity,
        shown.user_id,
        shown.purpose,
        shown.expires_at.isoformat(),
        shown.secret,
        shown.code,
    ]
    return sealer.seal(json.dumps(parts), SHOWN_LINK_PURPOSE)


def open_once(
    session: Session, sealer: Sealer, sealed: str, user_id: int, user_session: UserSession
) -> ShownLink | None:
    """Open a sealed link for this user in the session that created it; None if it is invalid or was shown before.

    The database remembers what was shown, because a browser can send an old cookie again.
    """
    try:
        identity, for_user, purpose, expires_at, secret, code = json.loads(sealer.open(sealed, SHOWN_LINK_PURPOSE))
    except CannotUnseal:
        return None
    if (identity, for_user) != (user_session.identity, user_id) or not links.mark_shown(session, secret):
        return None
    return ShownLink(user_id, LinkPurpose(purpose), datetime.fromisoformat(expires_at), secret, code)


def _issue(
    session: Session, sealer: Sealer, user: User, purpose: LinkPurpose, expires_at: datetime, back: ReturnTo | None
) -> ShownLink:
    issued = codes.issue(session, sealer, user, purpose, expires_at, return_to=back)
    return ShownLink(user.id, purpose, expires_at, issued.secret, issued.code)
