"""The saved mail server: reading it, saving it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.audit.events import Event
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.errors import MailroomError
from webapp.core.sealing import CannotUnseal
from webapp.mail.grants import service as grants
from webapp.mail.models import MailServer
from webapp.outbox import service as outbox
from webapp.providers import Authentication
from webapp.providers.registry import secret_fields

PRIMARY = 0
PROXY_PASSWORD = "proxy_password"  # noqa: S105 -- the name of a field
# Where a saved secret is sent to. When one of these changes, the secret has to be typed again, or
# whoever may edit the form could have it sent to a server of their own.
DESTINATION = (
    "provider", "host", "port", "security", "proxy_type", "proxy_host", "proxy_port", "authentication", "username",
    "client_id", "tenant_id", "token_url", "device_authorization_url",
)  # fmt: skip
# What only OAuth2 needs; a draft that does not name them has none of it.
OF_OAUTH2 = ("client_id", "tenant_id", "authorize_url", "token_url", "device_authorization_url", "scopes")
OF_CERTIFICATE = ("certificate_since", "certificate_expires_at", "certificate_seen_at")
PROXY_DESTINATION = ("proxy_type", "proxy_host", "proxy_port", "proxy_username")


class SecretsRequired(MailroomError):
    """Saved secrets were left blank although where they go to is another place than they were saved for."""


@dataclass(frozen=True)
class ServerDraft:
    """A mail server as a form describes it: the columns by name, the provider's fields, the typed secrets.

    Saved secrets that are `removed` are neither kept nor used.
    """

    values: Mapping[str, object]
    extra: Mapping[str, str]
    secrets: Mapping[str, str]
    removed: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"Draft({self.values.get('provider')!r})"


def primary(session: Session) -> MailServer | None:
    """The mail server that everything goes through, once one was saved."""
    return session.scalars(select(MailServer).where(MailServer.position == PRIMARY)).one_or_none()


def secret_names(parts: AppState, draft: ServerDraft) -> frozenset[str]:
    """The secrets that this draft can have: those of its sign-in, of its provider's fields, of its proxy."""
    provider, method = parts.providers[str(draft.values["provider"])], method_of(parts, draft.values)
    names = {"password", *grants.SECRETS} & set(method.fields if method else ()) | secret_fields(provider)
    if draft.values["proxy_type"] != "none" and draft.values["proxy_username"]:
        names.add(PROXY_PASSWORD)
    return frozenset(names) - draft.removed


def secrets_to_retype(parts: AppState, saved: MailServer | None, draft: ServerDraft) -> frozenset[str]:
    """The saved secrets that were left blank although where they go to has changed."""
    if saved is None:
        return frozenset()
    blank = {name for name in secret_names(parts, draft) if name in saved.secrets and not draft.secrets.get(name)}
    changed = destination_changes(saved, draft)
    elsewhere = changed - {"proxy_username"}
    return frozenset(
        name for name in blank if (changed & set(PROXY_DESTINATION) if name == PROXY_PASSWORD else elsewhere)
    )


def destination_changes(saved: MailServer, draft: ServerDraft) -> frozenset[str]:
    """The settings in this draft by which secrets would go elsewhere, or be another account's."""
    return saved.differing((*DESTINATION, *PROXY_DESTINATION), draft.values, draft.extra)


@dataclass(frozen=True)
class Saved:
    """What saving did."""

    server: MailServer
    dropped_grant: bool = False


def save(session: Session, parts: AppState, draft: ServerDraft, by: str) -> Saved:
    """Save the draft as the primary mail server and have everything that waits tried at once.

    A blank secret keeps the saved one; secrets that the new settings cannot use are forgotten, and
    so is a grant that was gained with other settings (see `erases_grant`).
    Raises SecretsMoved: somebody else may have saved since the form was checked.
    """
    server = locked(session)
    before = _fields(server) if server else {}
    dropped = False
    if server is None:
        server = MailServer(position=PRIMARY, secrets={})
        try:
            with session.begin_nested():
                session.add(_filled(server, parts, draft, by))
        except IntegrityError:
            # A second click, or another administrator, saved the first one at the same moment.
            return save(session, parts, draft, by)
    elif secrets_to_retype(parts, server, draft):
        raise SecretsRequired
    else:
        if lost := erases_grant(parts, server, draft):
            dropped = grants.discard(session, server, lost)
        _filled(server, parts, draft, by)
    grants.prepare(session, server, method_of(parts, draft.values))
    outbox.retry_waiting(session)
    after = _fields(server)
    # One that is empty is as one that is not there.
    changed = sorted(name for name in before | after if (before.get(name) or None) != (after.get(name) or None))
    audit.record(session, Event.MAIL_SERVER_SAVED, provider=server.provider, changed=changed)
    return Saved(server, dropped)


def is_unchanged(saved: MailServer | None, draft: ServerDraft) -> bool:
    """Whether saving this draft would change nothing."""
    if saved is None or any(draft.secrets.values()) or draft.removed & set(saved.secrets):
        return False
    return saved.extra == dict(draft.extra) and all(
        getattr(saved, name) == value for name, value in draft.values.items()
    )


def erases_grant(parts: AppState, saved: MailServer, draft: ServerDraft) -> frozenset[str]:
    """The changes in this draft for which a grant is erased when it is saved; empty if it stays.

    Access tokens go where the mail goes. Who changes that has to type the client secret again; an
    application without one has nothing to show, so its grant is erased then.
    """
    secrets = {name: value for name, value in draft.secrets.items() if value and _differs(parts, saved, name, value)}
    removed = draft.removed & set(saved.secrets)
    changed = grants.changed_settings(saved, draft.values, draft.extra, secrets.keys() | removed)
    if not set(grants.SECRETS) & set(saved.secrets):
        changed |= destination_changes(saved, draft)
    return changed


def locked(session: Session) -> MailServer | None:
    """The primary, which nobody else changes until the end of the transaction."""
    found = select(MailServer).where(MailServer.position == PRIMARY).with_for_update()
    return session.scalars(found).one_or_none()


def _fields(server: MailServer) -> dict[str, object]:
    """What a form can change, by name; secrets sealed, so that they differ whenever they were typed."""
    kept = ("id", "position", "extra", "secrets", "updated_at", "updated_by", *OF_CERTIFICATE)
    names = [column.key for column in MailServer.__table__.columns if column.key not in kept]
    return {name: getattr(server, name) for name in names} | server.extra | server.secrets


def _filled(server: MailServer, parts: AppState, draft: ServerDraft, by: str) -> MailServer:
    if _shows_another_certificate(server, draft):
        for name in OF_CERTIFICATE:
            setattr(server, name, None)
    server.secrets = _sealed(parts, server, draft)
    last_day = _last_day(server, draft)
    for name, value in (dict.fromkeys(OF_OAUTH2, "") | dict(draft.values)).items():
        setattr(server, name, value)
    server.secret_expires_on = last_day
    server.extra = dict(draft.extra)
    server.updated_at = clock.now()
    server.updated_by = by
    return server


def _last_day(server: MailServer, draft: ServerDraft) -> date | None:
    """The last day of the secret that the sign-in shows: as entered, else as it was, while there is one to show."""
    shown = set(grants.SECRETS) & set(server.secrets)
    day = draft.values.get("secret_expires_on", server.secret_expires_on) if shown else None
    return day if isinstance(day, date) else None


def _shows_another_certificate(server: MailServer, draft: ServerDraft) -> bool:
    shown_by = ("provider", "host", "port", "security")
    moved = any(getattr(server, name) != draft.values.get(name) for name in shown_by)
    return moved or server.extra != dict(draft.extra)


def method_of(parts: AppState, values: Mapping[str, object]) -> Authentication | None:
    """The way to sign in that these values choose. Raises UnknownProvider."""
    return parts.providers[str(values["provider"])].authentication_named(str(values["authentication"]))


def _differs(parts: AppState, saved: MailServer, name: str, value: str) -> bool:
    try:
        return name not in saved.secrets or parts.sealer.open(saved.secrets[name]["sealed"], purpose(name)) != value
    except CannotUnseal:
        return True


def _sealed(parts: AppState, server: MailServer, draft: ServerDraft) -> dict[str, dict[str, str]]:
    names = secret_names(parts, draft)
    secrets = {name: value for name, value in server.secrets.items() if name in names}
    for name in names:
        if value := draft.secrets.get(name):
            secrets[name] = {"sealed": parts.sealer.seal(value, purpose(name)), "saved_at": clock.now().isoformat()}
    return secrets


def purpose(name: str) -> str:
    """What the secret of this name is sealed for."""
    return f"mail_server.{name}"
