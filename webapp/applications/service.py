"""Create applications, change them, and give them secrets."""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.applications import audit_events
from webapp.applications.models import Application, ApplicationSecret
from webapp.applications.values import (
    IDENTIFIER,
    IDENTIFIER_PREFIX,
    PERMISSIONS,
    InvalidValues,
    Values,
    check,
    name_key,
)
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.database import MAX_ID
from webapp.core.errors import NotFound, StaleVersion
from webapp.core.i18n import lazy_gettext as _
from webapp.core.sealing import sha256_hex
from webapp.settings import declared

# By which secret scanners find one that was published.
SECRET_PREFIX, SECRET_BYTES = "mrs_", 32
IDENTIFIER_BYTES = 8
# In characters, of a secret that was made elsewhere: only its hash is stored, so nobody may be able to guess it.
MIN_SECRET_LENGTH = 32
# How long the previous secret is valid beside a new one.
DEFAULT_OVERLAP, MAX_OVERLAP = timedelta(days=1), timedelta(days=30)
# Beside a new one, a single other secret is valid.
KEPT_SECRETS = 1


class Created(NamedTuple):
    """A new application, and its secret, which can't be shown again."""

    application: Application
    secret: str


def list_all(session: Session) -> list[Application]:
    """List the applications by name."""
    return sorted(session.scalars(select(Application)), key=lambda one: name_key(one.name))


def get(session: Session, application_id: int) -> Application:
    """Return the application. Raises NotFound."""
    found = session.get(Application, application_id) if 0 < application_id <= MAX_ID else None
    if found is None:
        raise NotFound
    return found


def find(session: Session, name: str) -> Application:
    """Return the application that has this name or identifier. Raises NotFound."""
    wanted = name_key(name)
    for one in session.scalars(select(Application)):
        if one.identifier == name or name_key(one.name) == wanted:
            return one
    raise NotFound


def create(session: Session, values: Values, secret: str = "", identifier: str = "") -> Created:
    """Create an application with one secret. Raises InvalidValues.

    Secret and identifier are random, unless those are given that were chosen elsewhere.
    """
    values = check(values)
    _require_unique(session, values, None)
    if secret:
        _check_secret(session, secret)
    if identifier:
        _check_identifier(session, identifier)
    identifier = identifier or IDENTIFIER_PREFIX + secrets.token_hex(IDENTIFIER_BYTES)
    application = Application(identifier=identifier, created_at=clock.now(), **values.as_columns())
    secret = secret or _new_secret()
    application.secrets.append(ApplicationSecret(secret_hash=sha256_hex(secret), created_at=clock.now()))
    session.add(application)
    try:
        session.flush()
    except IntegrityError as error:
        # On PostgreSQL, another transaction may create one of the same name at this moment.
        raise InvalidValues({"name": _("Another application has this name.")}) from error
    audit.record(session, audit_events.APPLICATION_CREATED, application=values.name, may=_permissions(values))
    return Created(application, secret)


def update(session: Session, application_id: int, values: Values, expected_version: int | None = None) -> Application:
    """Change an application. Raises NotFound, InvalidValues, StaleVersion, SetInFile.

    What is saved already, as by a second click, is not stale.
    """
    values = check(values)
    application = _lock(session, application_id)
    _require_unique(session, values, application)
    new = values.as_columns()
    changed = [name for name, value in new.items() if getattr(application, name) != value]
    if not changed:
        return application
    if expected_version not in (None, application.version):
        raise StaleVersion(application.version)
    declared.refuse_changes(session, declared.APPLICATIONS, changed, application.name)
    for name in changed:
        setattr(application, name, new[name])
    audit.record(
        session,
        audit_events.APPLICATION_CHANGED,
        application=application.name,
        changed=changed,
        may=_permissions(values),
    )
    return application


def rotate(session: Session, application_id: int, overlap: timedelta = DEFAULT_OVERLAP) -> str:
    """Create a new secret and return it; the newest previous one ends after `overlap`, any other at once.

    Raises NotFound, SetInFile, or ValueError if the overlap is longer than MAX_OVERLAP.
    """
    if not timedelta(0) <= overlap <= MAX_OVERLAP:
        raise ValueError(f"the overlap must be from 0 to {MAX_OVERLAP.days} days")
    application, secret = _lock(session, application_id), _new_secret()
    declared.refuse_changes(session, declared.APPLICATIONS, ["secret"], application.name)
    _replace_secret(session, application, sha256_hex(secret), overlap)
    return secret


def use_secret(session: Session, application_id: int, secret: str) -> None:
    """Let an application use a secret that was made elsewhere, and the newest previous one for DEFAULT_OVERLAP more.

    Nothing changes if it has this one. Raises NotFound, InvalidValues.
    """
    application, wanted = _lock(session, application_id), sha256_hex(secret)
    _check_secret(session, secret, application_id)
    if not any(one.secret_hash == wanted and one.expires_at is None for one in application.secrets):
        _replace_secret(session, application, wanted, DEFAULT_OVERLAP)


def disable(session: Session, application_id: int) -> None:
    """Let an application do nothing any more. What it handed in is still sent. Raises NotFound."""
    application = _lock(session, application_id)
    if application.disabled_at is None:
        application.disabled_at = clock.now()
        audit.record(session, audit_events.APPLICATION_DISABLED, application=application.name)


def enable(session: Session, application_id: int) -> None:
    """Let a disabled application go on. Raises NotFound."""
    application = _lock(session, application_id)
    if application.disabled_at is not None:
        application.disabled_at = None
        audit.record(session, audit_events.APPLICATION_ENABLED, application=application.name)


def delete(session: Session, application_id: int) -> None:
    """Delete an application and its secrets. What it handed in is still sent, and listed.

    Raises NotFound, or SetInFile if the settings file declares it.
    """
    application = _lock(session, application_id)
    declared.refuse_changes(session, declared.APPLICATIONS, ["name"], application.name)
    session.delete(application)
    audit.record(session, audit_events.APPLICATION_DELETED, application=application.name)


def valid_secrets(application: Application, now: datetime) -> list[ApplicationSecret]:
    """Return the secrets that are valid now, the newest last."""
    return [one for one in application.secrets if one.expires_at is None or one.expires_at > now]


def values_of(application: Application) -> Values:
    """Return what can be changed of an application."""
    return Values(**{name: getattr(application, name) for name in Values.__dataclass_fields__})


def _lock(session: Session, application_id: int) -> Application:
    found = None
    if 0 < application_id <= MAX_ID:
        # What refers to it, such as an email that is being stored, doesn't have to wait.
        locking = {"key_share": True}
        found = session.get(Application, application_id, with_for_update=locking, populate_existing=True)
    if found is None:
        raise NotFound
    return found


def _new_secret() -> str:
    return SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def _check_identifier(session: Session, identifier: str) -> None:
    if not IDENTIFIER.fullmatch(identifier):
        raise InvalidValues({"identifier": _("Enter app_ and up to 36 lower-case letters, digits and underscores.")})
    if session.scalar(select(Application.id).where(Application.identifier == identifier)):
        raise InvalidValues({"identifier": _("Another application has this identifier.")})


def _check_secret(session: Session, secret: str, application_id: int | None = None) -> None:
    """Raise InvalidValues if a secret can be guessed, or is not this application's alone."""
    if len(secret) < MIN_SECRET_LENGTH:
        raise InvalidValues({"secret": _("Use at least %(least)s random characters.", least=MIN_SECRET_LENGTH)})
    owner = session.scalar(
        select(ApplicationSecret.application_id).where(ApplicationSecret.secret_hash == sha256_hex(secret))
    )
    if owner not in (None, application_id):
        raise InvalidValues({"secret": _("Another application has this secret.")})


def _replace_secret(session: Session, application: Application, new_hash: str, overlap: timedelta) -> None:
    """Have a new secret, which may be the previous one again; the newest of the others ends after `overlap`."""
    now = clock.now()
    known = [one for one in application.secrets if one.secret_hash == new_hash]
    others = [one for one in valid_secrets(application, now) if one not in known]
    previous = others[-KEPT_SECRETS:] if overlap else []
    for one in previous:
        one.expires_at = min(one.expires_at or now + overlap, now + overlap)
    new = known[0] if known else ApplicationSecret(secret_hash=new_hash, created_at=now)
    new.expires_at = None
    application.secrets = [*previous, new]
    ends = previous[-1].expires_at if previous else None
    audit.record(
        session,
        audit_events.SECRET_CREATED,
        application=application.name,
        previous_ends=ends.isoformat(timespec="minutes") if ends else "",
    )


def _require_unique(session: Session, values: Values, itself: Application | None) -> None:
    """Raise InvalidValues if another application has the name, or trusts the same network."""
    trusting = set(values.networks if values.trusts_networks else ())
    for other in session.scalars(select(Application)):
        if other is itself:
            continue
        if name_key(other.name) == name_key(values.name):
            raise InvalidValues({"name": _("Another application has this name.")})
        if other.trusts_networks and (same := trusting.intersection(other.networks)):
            message = _("%(network)s is trusted as “%(name)s” already.", network=min(same), name=other.name)
            raise InvalidValues({"networks": message})


def _permissions(values: Values) -> list[str]:
    return [name for name, field in PERMISSIONS.items() if getattr(values, field)]
