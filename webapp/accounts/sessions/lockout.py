"""Locks sign-in for a while after several wrong passwords: where they were entered, not for the user.

Failures count for the address that was entered, whether or not an account uses it, and separately for each network
and for each browser that the user has signed in with before. Unknown browsers are also locked when too many attempts
at the address failed in all of them together; known browsers then still get in. This is OWASP's protocol of device
cookies, separately for each network as well:
https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from webapp.accounts import audit_events
from webapp.accounts.models import User
from webapp.accounts.sessions import known_devices
from webapp.audit import service as audit
from webapp.core import clock, rate_limits
from webapp.core.database import Database
from webapp.core.email_addresses import InvalidEmailAddress, comparison_key, validate
from webapp.core.errors import TooManyRequests
from webapp.core.rate_limits import Limit, network
from webapp.outbox import service as outbox
from webapp.settings.service import SecurityPolicy, security
from webapp.web.client import Client

# Failures are forgotten one by one over this period: slow guesses lock as well as fast ones.
WINDOW = timedelta(days=1)
# The place at which failures of all unknown browsers count, and how many more are allowed there than at one network.
ALL_UNKNOWN = "unknown browsers"
ALL_UNKNOWN_FACTOR = 10
# Failures of one network, whatever the addresses.
FAILURES_BY_NETWORK = Limit("failed logins, network", 100, timedelta(minutes=15))
# However many lockouts an attacker causes, the user gets few emails about them.
EMAILS_BY_ADDRESS = Limit("lockout emails, address", 1, timedelta(minutes=5))
EMAILS_BY_ADDRESS_AND_DAY = Limit("lockout emails, address and day", 3, timedelta(days=1))


class LockedOut(TooManyRequests):
    """Too many passwords were wrong."""

    is_audited = True


@dataclass(frozen=True)
class Attempt:
    """One attempt to sign in: the address, the client, and the places at which a failure counts.

    An attempt is refused if one of its places is locked. All transactions count in the order of the places, so that
    no two wait for each other.
    """

    email: str
    client: Client
    places: tuple[str, ...]

    @property
    def key(self) -> str:
        """The address as it is compared."""
        return comparison_key(self.email)

    @property
    def is_unknown(self) -> bool:
        """Whether the user has never signed in with this browser."""
        return ALL_UNKNOWN in self.places


def begin(database: Database, email: str, client: Client) -> Attempt:
    """Count an attempt before the password is verified.

    Raises LockedOut, and TooManyRequests when too many attempts from its network failed.
    """
    with database.transaction() as session:
        attempt = Attempt(email, client, _places(session, email, client))
        policy = security(session)
        _refuse_if_locked(session, policy, attempt)
        if attempt.is_unknown:
            rate_limits.consume(session, FAILURES_BY_NETWORK, network(client.ip_address))
        full = [
            place
            for place in attempt.places
            if not rate_limits.try_consume(session, _failures(policy, place), attempt.key, place)
        ]
        if not full:
            # A lockout may have started, and the failures been reset, while this attempt waited to be counted.
            _refuse_if_locked(session, policy, attempt)
            return attempt
        # Others that are being verified right now used up all attempts.
        _lock(session, attempt, full)
        seconds = rate_limits.seconds_to_wait(session, _lockout(policy), attempt.key, *full)
    # Not before the lockout is committed.
    raise LockedOut(seconds)


def record_failure(session: Session, attempt: Attempt) -> None:
    """Start a lockout if the password was wrong once too often, and tell the user about it by email."""
    policy = security(session)
    full = [
        place
        for place in attempt.places
        if rate_limits.is_exhausted(session, _failures(policy, place), attempt.key, place)
    ]
    _lock(session, attempt, full)


def record_success(session: Session, attempt: Attempt) -> None:
    """Uncount the attempt, whose password was right, and forget the failures from the same place."""
    policy = security(session)
    if attempt.is_unknown:
        rate_limits.give_back(session, FAILURES_BY_NETWORK, network(attempt.client.ip_address))
        rate_limits.give_back(session, _failures(policy, ALL_UNKNOWN), attempt.key, ALL_UNKNOWN)
    place = attempt.places[-1]
    rate_limits.reset(session, _failures(policy, place), attempt.key, place)


def locked_until(session: Session, user: User) -> datetime | None:
    """Return when the last lockout of this user's address ends; None if there is none anywhere."""
    return rate_limits.exhausted_until(session, _lockout(security(session)), comparison_key(user.email))


def clear(session: Session, user: User) -> None:
    """End all lockouts of this user's address, and forget the failures."""
    policy, key = security(session), comparison_key(user.email)
    if locked_until(session, user):
        audit.record(session, audit_events.LOCKOUT_CLEARED, user)
    # In the order of `Attempt.places`.
    rate_limits.reset(session, _failures(policy, ALL_UNKNOWN), key, ALL_UNKNOWN)
    rate_limits.reset(session, _failures(policy, ""), key)
    rate_limits.reset(session, _lockout(policy), key)


def _places(session: Session, email: str, client: Client) -> tuple[str, ...]:
    device_id = known_devices.device_id(session, email, client.device_cookie)
    return (ALL_UNKNOWN, network(client.ip_address)) if device_id is None else (f"browser {device_id}",)


def _refuse_if_locked(session: Session, policy: SecurityPolicy, attempt: Attempt) -> None:
    if seconds := rate_limits.seconds_to_wait(session, _lockout(policy), attempt.key, *attempt.places):
        raise LockedOut(seconds)


def _lock(session: Session, attempt: Attempt, places: list[str]) -> None:
    """Lock these places; record and announce those that were not locked yet, whether or not the address is used."""
    policy, new = security(session), []
    for place in places:
        rate_limits.reset(session, _failures(policy, place), attempt.key, place)
        if rate_limits.try_consume(session, _lockout(policy), attempt.key, place):
            new.append(place)
    if new:
        everywhere = ALL_UNKNOWN in new
        minutes = policy.lockout_minutes
        audit.record(session, audit_events.LOCKOUT_STARTED, email=attempt.email, minutes=minutes, everywhere=everywhere)
        _notify(session, attempt, policy, everywhere)


def _notify(session: Session, attempt: Attempt, policy: SecurityPolicy, everywhere: bool) -> None:
    """Enqueue the email about a lockout; whether an account uses the address is checked on delivery."""
    try:
        address = validate(attempt.email)
    except InvalidEmailAddress:
        return
    if rate_limits.try_consume(session, EMAILS_BY_ADDRESS, attempt.key) and rate_limits.try_consume(
        session, EMAILS_BY_ADDRESS_AND_DAY, attempt.key
    ):
        until = clock.now() + _lockout(policy).period
        data = {"ip_address": attempt.client.ip_address, "everywhere": everywhere, "until": until.isoformat()}
        outbox.enqueue(session, "lockout", address, data=data)


def _failures(policy: SecurityPolicy, place: str) -> Limit:
    factor = ALL_UNKNOWN_FACTOR if place == ALL_UNKNOWN else 1
    return Limit("failed logins", policy.lockout_threshold * factor, WINDOW)


def _lockout(policy: SecurityPolicy) -> Limit:
    """Return the lockout as a limit of one: counting in it starts the lockout, and fails until it has ended."""
    return Limit("lockout", 1, timedelta(minutes=policy.lockout_minutes))
