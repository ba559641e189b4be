"""Links with which a password is chosen: to activate an account, or to reset a forgotten password."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from sqlalchemy.orm import Session

from webapp.accounts import audit_events, notifications, return_to, throttles, webhook_events
from webapp.accounts.address_changes import service as address_changes
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import AccountDisabled, AlreadyActive, LinkNotFound, LinkRefused, NotActive
from webapp.accounts.models import Link, LinkPurpose, User, UserState
from webapp.accounts.passwords import policy
from webapp.accounts.return_to import ReturnTo, WayBack
from webapp.accounts.sessions import known_devices, lockout
from webapp.accounts.sessions import service as sessions
from webapp.audit import service as audit
from webapp.audit.service import Subject
from webapp.core import clock, rate_limits
from webapp.core.email_addresses import comparison_key, validate
from webapp.core.errors import TooManyRequests
from webapp.outbox import service as outbox
from webapp.settings.service import security
from webapp.web.client import Client


def enqueue_activation(session: Session, user: User, back: ReturnTo | None = None) -> None:
    """Enqueue an activation email to a pending user, at most one in five minutes.

    Its link leads back where the one before did, unless `back` says where.
    Raises AlreadyActive, AccountDisabled, TooManyRequests.
    """
    require_state(user, UserState.PENDING)
    rate_limits.consume(session, throttles.ACTIVATION_EMAILS_BY_ADDRESS, user.email_key)
    expires_at = clock.now() + security(session).activation_lifetime
    data = return_to.data_of(back or return_to.last_of(session, [user.id], "activation").get(user.id))
    outbox.enqueue(session, "activation", user.email, user_id=user.id, data=data, expires_at=expires_at)
    audit.record(session, audit_events.ACTIVATION_REQUESTED, user)


def enqueue_activations(session: Session, users: Sequence[Subject], back: Mapping[int, ReturnTo] | None = None) -> None:
    """Enqueue activation emails to locked or new pending users, without a limit: that is for what strangers request.

    They are sent after emails that somebody waits for. `back` says where the links lead back to, by user.
    """
    data = {user_id: return_to.data_of(kept) for user_id, kept in (back or {}).items()}
    outbox.enqueue_all(session, "activation", users, clock.now() + security(session).activation_lifetime, data)
    audit.record_all(session, audit_events.ACTIVATION_REQUESTED, users)


def renew_activation(session: Session, secret: str) -> None:
    """Enqueue a new activation email to the user of this link, if the account is still pending."""
    with suppress(LinkRefused, TooManyRequests):
        link = links.find(session, secret, LinkPurpose.ACTIVATION)
        enqueue_activation(session, links.get_user(session, link), link.return_to)


def find_user(session: Session, secret: str, purpose: LinkPurpose) -> User:
    """Return the user of a valid link. Raises LinkRefused."""
    link = links.find(session, secret, purpose)
    user = links.get_user(session, link)
    if user.state != UserState.DISABLED:
        links.check(link)
    require_state(user, UserState.PENDING if purpose == LinkPurpose.ACTIVATION else UserState.ACTIVE)
    return user


def activate(session: Session, secret: str, password_hash: str, language: str = "") -> User:
    """Use an activation link: activate the account with this password, and this language unless it has one.

    Raises LinkRefused; the caller's transaction must then be rolled back.
    """
    link = links.use(session, secret, LinkPurpose.ACTIVATION)
    user = _set_password(session, link, UserState.PENDING, password_hash)
    user.state, user.activated_at = UserState.ACTIVE, user.password_changed_at
    user.language = user.language or language or None
    outbox.enqueue(session, "activated", user.email, user_id=user.id, data=notifications.request_origin())
    audit.record(session, audit_events.USER_ACTIVATED, user)
    webhook_events.announce(session, webhook_events.ACTIVATED, user)
    return user


def request_reset(session: Session, email: str, client: Client, last_link: str = "") -> None:
    """Enqueue a reset email, at most one in five minutes. Raises InvalidEmailAddress, TooManyRequests.

    Whether an account uses the address is checked on delivery, so that the response and its time are always the same.
    Its link leads back where that with the secret `last_link` did, if that was for the same address.
    """
    address = validate(email)
    throttles.count_for_network(session, throttles.RESET_REQUESTS_BY_NETWORK, client.ip_address)
    if not rate_limits.try_consume(session, throttles.RESET_EMAILS_BY_ADDRESS, comparison_key(address)):
        return
    data = return_to.data_of(_replaced(session, last_link, address))
    outbox.enqueue(session, "reset", address, data=data, expires_at=clock.now() + security(session).reset_lifetime)
    audit.record(session, audit_events.RESET_REQUESTED, email=address)


def enqueue_reset(session: Session, user: User, back: ReturnTo | None = None) -> None:
    """Enqueue a reset email to an active user, at most one in five minutes.

    Raises AccountDisabled, NotActive, TooManyRequests.
    """
    count_reset(session, user)
    expires_at = clock.now() + security(session).reset_lifetime
    data = return_to.data_of(back)
    outbox.enqueue(session, "reset", user.email, user_id=user.id, data=data, expires_at=expires_at)
    audit.record(session, audit_events.RESET_REQUESTED, user)


def count_reset(session: Session, user: User) -> None:
    """Count an email about resetting the password of an active user.

    Raises AccountDisabled, NotActive, TooManyRequests.
    """
    if user.state == UserState.PENDING:
        raise NotActive
    require_state(user, UserState.ACTIVE)
    rate_limits.consume(session, throttles.RESET_EMAILS_BY_ADDRESS, user.email_key)


def find_way_back(session: Session, secret: str, purpose: LinkPurpose) -> WayBack | None:
    """Return where the person who used a link is led back to; administrators stay here."""
    with suppress(LinkNotFound):
        link = links.find(session, secret, purpose)
        if not links.get_user(session, link).is_administrator:
            return return_to.find(session, link.return_to)
    return None


def complete_reset(session: Session, secret: str, password_hash: str) -> User:
    """Use a reset link: set the password, sign the user out everywhere, and forget all known devices.

    Raises LinkRefused; the caller's transaction must then be rolled back.
    """
    link = links.use(session, secret, LinkPurpose.RESET)
    policy.add_to_history(session, link.user_id)
    user = _set_password(session, link, UserState.ACTIVE, password_hash)
    sessions.end_all(session, user.id)
    known_devices.forget_all(session, user.id)
    address_changes.discard(session, user.id)
    # Failed attempts, the user's or an attacker's, are no reason to wait with the new password.
    lockout.clear(session, user)
    notifications.notify_password_changed(session, user, by_link=True)
    audit.record(session, audit_events.RESET_COMPLETED, user)
    webhook_events.announce(session, webhook_events.PASSWORD_RESET, user)
    return user


def require_state(user: User, state: UserState) -> None:
    """Require a user in this state, pending or active. Raises AccountDisabled, AlreadyActive."""
    if user.state == UserState.DISABLED:
        raise AccountDisabled
    if user.state != state:
        raise AlreadyActive


def _replaced(session: Session, last_link: str, address: str) -> ReturnTo | None:
    """Return where the reset link that the browser opened last leads back to, if it is that of this address."""
    with suppress(LinkNotFound):
        link = links.find(session, last_link, LinkPurpose.RESET)
        if links.get_user(session, link).email_key == comparison_key(address):
            return link.return_to
    return None


def _set_password(session: Session, link: Link, state: UserState, password_hash: str) -> User:
    """Set the password of the link's user, who must be in this state, and revoke the other links."""
    user = links.get_user(session, link)
    require_state(user, state)
    user.password_hash, user.password_changed_at = password_hash, clock.now()
    links.revoke(session, user.id, LinkPurpose(link.purpose))
    return user
