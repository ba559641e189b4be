"""Find out which application uses Mailroom: by its secret, or by its network.

It is asked for each request of the API and each session of SMTP, so what succeeds takes one query.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, bindparam, or_, select, update
from sqlalchemy.orm import Session

from webapp.applications import audit_events
from webapp.applications.models import Application, ApplicationSecret
from webapp.applications.values import IDENTIFIER
from webapp.audit import service as audit
from webapp.core import clock, rate_limits
from webapp.core.actor import acting, current_actor
from webapp.core.database import Database
from webapp.core.errors import MailroomError, TooManyRequests
from webapp.core.hosts import IpAddress, parse_ip_address
from webapp.core.rate_limits import Limit, network
from webapp.core.sealing import sha256_hex

# How often it is written that an application was used.
USE_INTERVAL = timedelta(minutes=1)
WRONG_BY_NETWORK = Limit("wrong secrets of applications, network", 30, timedelta(minutes=15))
# However many are refused, the audit trail gets few entries: for each application, and in all for wrong secrets.
AUDITED = Limit("refused credentials audited", 20, timedelta(hours=1))
_APPLICATIONS: Table = Application.__table__  # type: ignore[assignment]  # SQLAlchemy: a FromClause, for views
# Built once, as each request asks it.
_WITH_SECRET = (
    select(_APPLICATIONS)
    .join(ApplicationSecret)
    .where(
        ApplicationSecret.secret_hash == bindparam("secret_hash"),
        or_(ApplicationSecret.expires_at.is_(None), ApplicationSecret.expires_at > bindparam("now")),
    )
)


class Refused(MailroomError):
    """The credentials don't let anybody in."""


class InvalidCredentials(Refused):
    """The secret is none that is valid now, or it is of another application than the identifier."""

    code = "invalid_credentials"


class ApplicationDisabled(Refused):
    """The secret is right, and the application is disabled."""

    code = "application_disabled"


class NetworkNotAllowed(Refused):
    """The secret is right, and the application may not come from there."""

    code = "network_not_allowed"


def authenticate(database: Database, secret: str, client_address: str, identifier: str = "") -> Application:
    """Return the application that has this secret, and note that it was used.

    Raises InvalidCredentials; ApplicationDisabled or NetworkNotAllowed with a right secret; TooManyRequests after too
    many wrong ones from the same network. Somebody else's wrong secrets never keep a right one out, as it has too many
    random bits to be guessed. Call it outside of any transaction, because a refusal is counted in one of its own.
    """
    now = clock.now()
    application = _find(database, secret, identifier, now)
    try:
        application = _let_in(application, client_address)
    except Refused as error:
        _refuse(database, error, application, client_address, identifier)
        raise
    note_use(database, application, client_address)
    return application


def trusted(database: Database, client_address: str) -> Application | None:
    """Return the application that clients in this network are without authenticating, and note that it was used.

    The most specific network wins. While its application is disabled, no other takes its place.
    """
    address = _ip(client_address)
    if address is None:
        return None
    with database.read() as session:
        trusting = session.scalars(select(Application).where(Application.trusts_networks).order_by(Application.id))
        found = [(length, one) for one in trusting if (length := _longest_prefix(one.networks, address)) is not None]
    application = max(found, key=lambda pair: pair[0])[1] if found else None
    if application is None or application.disabled_at is not None:
        return None
    note_use(database, application, client_address)
    return application


def note_use(database: Database, application: Application, client_address: str) -> None:
    """Note when the application was last used, and from where: once a minute at most."""
    now = clock.now()
    last = application.last_used_at
    if last is not None and abs(now - last) < USE_INTERVAL:
        return
    # Not through the model, which would count this as a change that forms must not overwrite.
    noted = update(_APPLICATIONS).where(_APPLICATIONS.c.id == application.id)
    with database.transaction() as session:
        session.execute(noted.values(last_used_at=now, last_used_from=client_address[:64]))


def is_within(networks: Sequence[str], client_address: str) -> bool:
    """Return whether an address is in one of these networks. An IPv4 address may be written as an IPv6 one."""
    address = _ip(client_address)
    return address is not None and _longest_prefix(networks, address) is not None


def _find(database: Database, secret: str, identifier: str, now: datetime) -> Application | None:
    """Look the secret up by its hash, which takes as long for any secret."""
    with database.read_columns() as connection:
        found = connection.execute(_WITH_SECRET, {"secret_hash": sha256_hex(secret), "now": now}).one_or_none()
    return Application(**found._mapping) if found is not None and identifier in ("", found.identifier) else None


def _let_in(application: Application | None, client_address: str) -> Application:
    if application is None:
        raise InvalidCredentials
    if application.disabled_at is not None:
        raise ApplicationDisabled
    if application.networks and not is_within(application.networks, client_address):
        raise NetworkNotAllowed
    return application


def _refuse(
    database: Database, error: Refused, application: Application | None, client_address: str, identifier: str
) -> None:
    """Count and record a refusal. Raises TooManyRequests instead of InvalidCredentials. Most calls only read."""
    place = network(client_address)
    is_wrong = isinstance(error, InvalidCredentials)
    audited = str(application.id) if application else ""
    with database.read() as session:
        wait = rate_limits.seconds_to_wait(session, WRONG_BY_NETWORK, place) if is_wrong else 0
        if wait:
            raise TooManyRequests(wait) from error
        if not is_wrong and rate_limits.is_exhausted(session, AUDITED, audited):
            return
    with database.transaction() as session:
        if is_wrong:
            rate_limits.try_consume(session, WRONG_BY_NETWORK, place)
        if not rate_limits.try_consume(session, AUDITED, audited):
            return
        name = application.name if application else _name(session, identifier)
        data: dict[str, Any] = {"refusal": error.code, **({"application": name} if name else {})}
        actor = current_actor()
        with acting(replace(actor, ip_address=actor.ip_address or client_address)):
            audit.record(session, audit_events.CREDENTIALS_REFUSED, **data)


def _name(session: Session, identifier: str) -> str:
    """Return the name of the application that was tried. What was entered may be a secret in the wrong field."""
    if not IDENTIFIER.fullmatch(identifier):
        return ""
    return session.scalar(select(Application.name).where(Application.identifier == identifier)) or ""


def _ip(client_address: str) -> IpAddress | None:
    address = parse_ip_address(client_address)
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address


def _longest_prefix(networks: Sequence[str], address: IpAddress) -> int | None:
    """Return the length of the longest prefix among the networks that hold an address."""
    parsed = map(ipaddress.ip_network, networks)
    return max((one.prefixlen for one in parsed if address in one), default=None)
