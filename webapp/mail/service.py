"""Save the mail server, and tell whether a draft of it differs from what is saved."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.errors import MailroomError, StaleVersion
from webapp.core.sealing import Sealer
from webapp.mail import audit_events, signals
from webapp.mail.grants import service as grants
from webapp.mail.models import MailServer
from webapp.mail.servers import (
    CERTIFICATE_SETTINGS,
    CLIENT_SECRETS,
    COLUMNS,
    OAUTH2_COLUMNS,
    PRIMARY,
    ServerDraft,
    lock_primary,
    open_secrets,
    seal_purpose,
    secrets_to_retype,
)


class SecretsRequired(MailroomError):
    """Saved secrets were left blank although their destination is not the one they were saved for."""


@dataclass(frozen=True)
class Saved:
    """What saving did."""

    server: MailServer
    discarded_grant: bool = False


def save(session: Session, sealer: Sealer, draft: ServerDraft, by: str, version: int | None = None) -> Saved:
    """Save the draft as the primary mail server, and try everything that waits at once.

    A blank secret keeps the saved one. Secrets that the new settings cannot use are deleted, and so is a grant
    that was obtained with other settings (see `grants.discarding_changes`).
    `version` is the one that the draft was made from, 0 if none was saved. Raises StaleVersion if another
    administrator has saved since, and SecretsRequired if a blank secret was saved for another destination.
    """
    server = lock_primary(session)
    if version is not None and version != (current := server.version if server else 0):
        raise StaleVersion(current)
    before = _fields(server) if server else {}
    discarded = False
    if server is None:
        server = MailServer(position=PRIMARY, sealed_secrets={})
        try:
            with session.begin_nested():
                session.add(_fill(server, sealer, draft, by))
        except IntegrityError:
            # A second click, or another administrator, saved the first one at the same moment.
            return save(session, sealer, draft, by, version)
    elif secrets_to_retype(server, draft):
        raise SecretsRequired
    else:
        opened = open_secrets(sealer, server, needed=()) if draft.entered_secrets else {}
        if changed := grants.discarding_changes(server, draft, opened):
            discarded = grants.discard(session, server, changed)
        if server.differing(CERTIFICATE_SETTINGS, draft.values, draft.provider_fields):
            server.certificate_since = server.certificate_expires_at = server.certificate_seen_at = None
        _fill(server, sealer, draft, by)
    grants.prepare(session, server, draft.method)
    signals.mail_server_saved.send(session=session)
    after = _fields(server)
    # An empty setting counts as one that is not there.
    changes = sorted(name for name in before | after if (before.get(name) or None) != (after.get(name) or None))
    audit.record(session, audit_events.MAIL_SERVER_SAVED, provider=server.provider, changed=changes)
    return Saved(server, discarded)


def is_unchanged(saved: MailServer | None, draft: ServerDraft) -> bool:
    """Return whether saving this draft would change nothing."""
    if saved is None or any(draft.secrets.values()) or draft.removed & set(saved.sealed_secrets):
        return False
    return not saved.differing(draft.values, draft.values, draft.provider_fields)


def _fields(server: MailServer) -> dict[str, object]:
    """Return what a form can change, by name; the secrets stay sealed, so they differ whenever they are entered."""
    return {name: getattr(server, name) for name in COLUMNS} | server.provider_fields | server.sealed_secrets


def _fill(server: MailServer, sealer: Sealer, draft: ServerDraft, by: str) -> MailServer:
    server.sealed_secrets = _sealed(sealer, server, draft)
    expires_on = _secret_expires_on(server, draft)
    for name, value in (dict.fromkeys(OAUTH2_COLUMNS, "") | dict(draft.values)).items():
        setattr(server, name, value)
    server.secret_expires_on = expires_on
    server.provider_fields = dict(draft.provider_fields)
    server.updated_at = clock.now()
    server.updated_by = by
    return server


def _secret_expires_on(server: MailServer, draft: ServerDraft) -> date | None:
    """Return the last day of the client secret or key: as entered; None without such a secret."""
    if not set(CLIENT_SECRETS) & set(server.sealed_secrets):
        return None
    day = draft.values.get("secret_expires_on")
    return day if isinstance(day, date) else None


def _sealed(sealer: Sealer, server: MailServer, draft: ServerDraft) -> dict[str, dict[str, str]]:
    kept = {name: secret for name, secret in server.sealed_secrets.items() if name in draft.secret_names}
    now = clock.now().isoformat()
    entered = {
        name: {"sealed": sealer.seal(value, seal_purpose(name)), "saved_at": now}
        for name, value in draft.entered_secrets.items()
    }
    return kept | entered
