"""Sign-in is locked for a while after several wrong passwords: for whoever gave them, not for the person.

Tries count for the address that was typed, whether it has an account or not, and apart for each place
that they come from: a network, or a browser in which the person signed in before. An unknown browser is
also locked when too many tries failed for the address from everywhere; a known one then still gets in.
That is OWASP's protocol of device cookies, with networks told apart as well:
https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from webapp.accounts import events
from webapp.accounts.models import User
from webapp.accounts.sessions import known_devices
from webapp.accounts.sessions.service import Client
from webapp.audit import service as audit
from webapp.core import clock, rate_limits
from webapp.core.email_addresses import InvalidEmailAddress, comparison_key, validate
from webapp.core.errors import TooManyRequests
from webapp.core.rate_limits import Limit, network
from webapp.outbox import service as outbox
from webapp.settings.service import SecurityPolicy, security

# Failures are forgotten one by one within it: slow guesses lock as well as fast ones.
WINDOW = timedelta(days=1)
# All unknown browsers are locked after this many times the failures that lock one network.
CROWD = 10
EVERYWHERE = "everywhere"

# Failed attempts from one network, whatever the addresses.
FAILURES_BY_NETWORK = Limit("failed logins, network", 100, timedelta(minutes=15))
# However many locks an attacker causes, the person gets few mails about them.
MAIL_IN_A_WHILE = Limit("lock told", 1, timedelta(minutes=5))
MAIL_IN_A_DAY = Limit("lock told, day", 3, timedelta(days=1))


class LockedOut(TooManyRequests):
    """Too many passwords were wrong."""

    is_audited = True


@dataclass
class Attempt:
    """One try to sign in, as far as it counts: for which address, by whom, from which places."""

    email: str
    client: Client
    # Where its failures count; one that is locked at any of them is locked. All transactions take
    # from them in this order, so that no two wait for each other.
    places: tuple[str, ...]

    @property
    def key(self) -> str:
        """The address as it is compared."""
        return comparison_key(self.email)

    @property
    def known(self) -> bool:
        """Whether the person signed in with this browser before."""
        return EVERYWHERE not in self.places


def attempt(session: Session, email: str, client: Client) -> Attempt:
    """A try to sign in with this address."""
    browser = known_devices.device_id(session, email, client.known_as)
    places = (EVERYWHERE, network(client.address)) if browser is None else (f"browser {browser}",)
    return Attempt(email, client, places)


def begin(session: Session, tried: Attempt) -> int:
    """Count a try before the password is looked at: 0, or the seconds for which it locked sign-in.

    Raises Locked, and TooManyRequests when too many tries failed from its network.
    """
    rules = security(session)
    _refuse_locked(session, rules, tried)
    if not tried.known:
        rate_limits.consume(session, FAILURES_BY_NETWORK, network(tried.client.address))
    full = [
        place
        for place in tried.places
        if not rate_limits.try_consume(session, _failures(rules, place), tried.key, place)
    ]
    if not full:
        # It may have been locked, and the failures forgotten, while this try waited for its turn to count.
        _refuse_locked(session, rules, tried)
        return 0
    # All are used up by tries whose passwords are looked at right now, or that broke off.
    _close(session, tried, full)
    return rate_limits.seconds_to_wait(session, _lock(rules), tried.key, *full)


def failed(session: Session, tried: Attempt) -> None:
    """The password was wrong, or there was none; after too many of those sign-in is locked, and the person told."""
    rules = security(session)
    full = [
        place for place in tried.places if rate_limits.is_exhausted(session, _failures(rules, place), tried.key, place)
    ]
    _close(session, tried, full)


def passed(session: Session, tried: Attempt) -> None:
    """The password was right: only failing tries count, and those from here are forgotten."""
    rules = security(session)
    if not tried.known:
        rate_limits.give_back(session, FAILURES_BY_NETWORK, network(tried.client.address))
        rate_limits.give_back(session, _failures(rules, EVERYWHERE), tried.key, EVERYWHERE)
    rate_limits.reset(session, _failures(rules, tried.places[-1]), tried.key, tried.places[-1])


def locked_until(session: Session, person: User) -> datetime | None:
    """When the last lock of this person's address ends, if there is one anywhere."""
    return rate_limits.exhausted_until(session, _lock(security(session)), comparison_key(person.email))


def clear(session: Session, person: User) -> None:
    """Let this person's address be tried anew from everywhere; what failed is forgotten."""
    rules, key = security(session), comparison_key(person.email)
    if locked_until(session, person):
        audit.record(session, events.LOCKOUT_CLEARED, person)
    rate_limits.reset(session, _failures(rules, EVERYWHERE), key, EVERYWHERE)
    rate_limits.reset(session, _failures(rules, EVERYWHERE), key)
    rate_limits.reset(session, _lock(rules), key)


def _refuse_locked(session: Session, rules: SecurityPolicy, tried: Attempt) -> None:
    """Raises Locked if sign-in is, at any of the places."""
    if seconds := rate_limits.seconds_to_wait(session, _lock(rules), tried.key, *tried.places):
        raise LockedOut(seconds)


def _close(session: Session, tried: Attempt, places: list[str]) -> None:
    """Lock these places, and tell of those that were not locked yet, alike whether anybody has the address."""
    rules, new = security(session), []
    for place in places:
        rate_limits.reset(session, _failures(rules, place), tried.key, place)
        if rate_limits.try_consume(session, _lock(rules), tried.key, place):
            new.append(place)
    if new:
        everywhere = EVERYWHERE in new
        audit.record(
            session, events.LOCKOUT_STARTED, email=tried.email, minutes=rules.lockout_minutes, everywhere=everywhere
        )
        _notify(session, tried, rules, everywhere)


def _notify(session: Session, tried: Attempt, rules: SecurityPolicy, everywhere: bool) -> None:
    """Owe the mail about a lock; whether anybody has the address is asked on delivery, as for a reset."""
    try:
        address = validate(tried.email)
    except InvalidEmailAddress:
        return
    if rate_limits.try_consume(session, MAIL_IN_A_WHILE, tried.key) and rate_limits.try_consume(
        session, MAIL_IN_A_DAY, tried.key
    ):
        until = clock.now() + _lock(rules).period
        data = {"client": tried.client.address, "everywhere": everywhere, "until": until.isoformat()}
        outbox.enqueue(session, "lockout", address, data=data)


def _failures(rules: SecurityPolicy, place: str) -> Limit:
    return Limit("failed sign-ins", rules.lockout_threshold * (CROWD if place == EVERYWHERE else 1), WINDOW)


def _lock(rules: SecurityPolicy) -> Limit:
    """Locking is taking from it: it succeeds once, until the lock has ended."""
    return Limit("sign-in locked", 1, timedelta(minutes=rules.lockout_minutes))
