"""Record each change of a mail server that takes effect, and keep its tokens in case it is restored."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnDefault, Date, delete, select, update
from sqlalchemy.orm import Session

from webapp.core.database import MAX_ID, Base, UtcDateTime
from webapp.core.sealing import Sealer
from webapp.mail.grants.service import GRANT_SETTINGS
from webapp.mail.models import Grant, GrantStatus, MailServer
from webapp.mail.revisions.models import Revision
from webapp.mail.servers import CLIENT_SECRETS, COLUMNS, DESTINATION, LIMITS, PROXY_DESTINATION, open_secrets

# How many revisions of a mail server are kept.
KEPT = 50
# A change of these is none of the way to the server: what worked before works with them.
INERT = frozenset({"mail_from", "secret_expires_on", *LIMITS, "goes_back"})
TOKENS = ("sealed_refresh_token", "sealed_access_token")
# What is kept of a grant besides its tokens.
GRANT_COLUMNS = (
    "grant_type", "account", "scopes", "granted_at", "last_refresh_at", "access_expires_at", "refresh_expires_at",
    "refresh_deadline", "refresh_expiry_slides", "refresh_interrupted",
)  # fmt: skip


def record(
    session: Session, server: MailServer, changed: Iterable[str], by: str = "", restored_from: int | None = None
) -> Revision:
    """Record the settings that just took effect, and delete the oldest revisions above KEPT."""
    former = find(session, server.id, server.revision)
    names = sorted(changed)
    server.revision += 1
    revision = Revision(
        mail_server_id=server.id,
        number=server.revision,
        created_at=server.updated_at,
        created_by=by,
        restored_from=restored_from,
        changed=names,
        values={name: _to_json(getattr(server, name)) for name in COLUMNS},
        provider_fields=server.provider_fields,
        sealed_secrets=server.sealed_secrets,
        worked_at=former.worked_at if former and INERT.issuperset(names) else None,
    )
    of_server = Revision.mail_server_id == server.id
    session.execute(update(Revision).where(of_server, Revision.rollback_to.is_not(None)).values(rollback_to=None))
    session.execute(delete(Revision).where(of_server, Revision.number <= server.revision - KEPT))
    session.add(revision)
    session.flush()
    return revision


def of_server(session: Session, server_id: int) -> list[Revision]:
    """Return the revisions of a mail server, the newest first."""
    return list(
        session.scalars(select(Revision).where(Revision.mail_server_id == server_id).order_by(Revision.number.desc()))
    )


def find(session: Session, server_id: int, number: int, lock: bool = False) -> Revision | None:
    """Return one revision, if it is still there; `lock` keeps others from changing it until the transaction ends."""
    if not (0 < server_id <= MAX_ID and 0 < number <= MAX_ID):
        return None
    one = select(Revision).where(Revision.mail_server_id == server_id, Revision.number == number)
    return session.scalar(one.with_for_update() if lock else one)


def changed_since(session: Session, revision: Revision, number: int) -> list[str]:
    """Return the names of the fields that changed between the revision of this number and a later one."""
    return sorted({name for names in _changes_since(session, revision, number) for name in names})


def unrelated_since(session: Session, revision: Revision, number: int) -> list[str]:
    """Return those of `changed_since` that were only changed by themselves, or with others that are INERT too."""
    found = _changes_since(session, revision, number)
    related = {name for names in found if not INERT.issuperset(names) for name in names}
    return sorted({name for names in found for name in names} - related)


def _changes_since(session: Session, revision: Revision, number: int) -> Sequence[list[str]]:
    later = (Revision.number > number) & (Revision.number <= revision.number)
    changes = select(Revision.changed).where(Revision.mail_server_id == revision.mail_server_id, later)
    return session.scalars(changes).all()


def keep_grant(session: Session, server: MailServer) -> None:
    """Keep the grant with the revision in use; call this before a save that discards it."""
    grant = session.scalar(select(Grant).where(Grant.mail_server_id == server.id))
    revision = find(session, server.id, server.revision)
    if revision is None or grant is None or grant.status != GrantStatus.GENERATED:
        return
    revision.grant = {name: _to_json(getattr(grant, name)) for name in GRANT_COLUMNS}
    # The reply to a refresh that is under way will be lost, and with it perhaps a new refresh token.
    revision.grant["refresh_interrupted"] |= bool(grant.lease_id)
    revision.sealed_tokens = {name: {"sealed": sealed} for name in TOKENS if (sealed := getattr(grant, name))}


def give_grant_back(session: Session, sealer: Sealer, revision: Revision, grant: Grant) -> bool:
    """Fill an empty grant with the newest tokens that were kept for settings like these; return whether there are any.

    They are taken, not copied: once they are in use, the provider may replace them.
    """
    kept = next((one for one in of_server(session, revision.mail_server_id) if _fits(sealer, one, revision)), None)
    if kept is None:
        return False
    for name, value in kept.grant.items():
        setattr(grant, name, _from_json(Grant, name, value))
    for name, token in kept.sealed_tokens.items():
        setattr(grant, name, token["sealed"])
    grant.status = GrantStatus.GENERATED
    kept.grant, kept.sealed_tokens = {}, {}
    session.flush()
    return True


def to_values(revision: Revision) -> dict[str, Any]:
    """Return the columns of the mail server, as a form holds them."""
    return {name: _from_json(MailServer, name, revision.values.get(name, _default(name))) for name in COLUMNS}


def _fits(sealer: Sealer, kept: Revision, wanted: Revision) -> bool:
    """Return whether tokens that were kept with one revision are those of the other, too.

    They go where the email goes, so without a secret that proves who restores them, that has to be the same as well.
    """
    proof = _proof(sealer, wanted)
    if not kept.grant or _proof(sealer, kept) != proof:
        return False
    names = GRANT_SETTINGS if proof else (*GRANT_SETTINGS, *DESTINATION, *PROXY_DESTINATION)
    same = all((kept.fields.get(name) or None) == (wanted.fields.get(name) or None) for name in names)
    return same and kept.provider_fields == wanted.provider_fields


def _proof(sealer: Sealer, revision: Revision) -> dict[str, str]:
    """Return the secrets with which tokens are asked for."""
    opened = open_secrets(sealer, revision, needed=())
    return {name: opened[name] for name in CLIENT_SECRETS if name in opened}


def _default(name: str) -> Any:
    """Return what a column has in rows from before it was added."""
    default = MailServer.__table__.columns[name].default
    return default.arg if isinstance(default, ColumnDefault) and default.is_scalar else None


def _to_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _from_json(model: type[Base], name: str, value: Any) -> Any:
    """Return the value of a column."""
    kind = model.__table__.columns[name].type
    if value is None or not isinstance(kind, Date | UtcDateTime):
        return value
    return date.fromisoformat(value) if isinstance(kind, Date) else datetime.fromisoformat(value)
