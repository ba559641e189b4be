"""Save the mail server: to be used at once or, while it can't work yet, as a draft beside the one in use."""

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import date, datetime
from itertools import zip_longest

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.core import certificates, clock
from webapp.core.errors import MailroomError, SetInFile, StaleVersion
from webapp.core.sealing import Sealer
from webapp.mail import audit_events, signals
from webapp.mail.grants import service as grants
from webapp.mail.models import ExpiryAlert, GrantStatus, MailServer
from webapp.mail.revisions import service as revisions
from webapp.mail.servers import (
    CERTIFICATE_SETTINGS,
    CLIENT_CERTIFICATE,
    CLIENT_SECRETS,
    COLUMNS,
    DRAFT,
    OAUTH2_COLUMNS,
    PRIMARY,
    EnteredServer,
    SavedServers,
    find_saved,
    open_secrets,
    seal_purpose,
    secrets_to_retype,
)
from webapp.providers import Limits, OAuth2
from webapp.providers.registry import get_providers


class SecretsRequired(MailroomError):
    """Saved secrets were left blank although their destination is not the one they were saved for."""


@dataclass(frozen=True)
class Saved:
    """What saving did."""

    server: MailServer
    discarded_grant: bool = False
    can_work: bool = True
    discarded_draft: bool = False
    unchanged: bool = False

    @property
    def is_draft(self) -> bool:
        """Whether the settings are kept beside the primary, which goes on sending."""
        return self.server.position == DRAFT


def save(
    session: Session,
    sealer: Sealer,
    entered: EnteredServer,
    by: str,
    version: int | None = None,
    keep_draft: bool = False,
) -> Saved:
    """Save what the form holds, put it to use if it can work, and try everything that waits at once.

    The form shows the saved draft, or else the primary. Settings that need an access token first are kept as a draft
    while the primary can work, which goes on sending. All others become the primary, and then no draft is left; with
    `keep_draft`, a draft stays one.

    A blank secret keeps the saved one. Secrets that the new settings cannot use are deleted, and so is a grant
    that was obtained with other settings (see `grants.discarding_changes`).
    `version` is that of the mail server that the form showed, 0 if none was saved. Raises StaleVersion if another
    administrator has saved something else since, SecretsRequired if a blank secret was saved for another destination,
    and SetInFile if the settings file sets what would change.
    """
    saved = find_saved(session, lock=True)
    shown = saved.shown
    if version is not None and version != (shown.version if shown else 0):
        return _saved_already(session, sealer, shown, entered)
    if locked := saved.locked & _changed_fields(shown, entered):
        raise SetInFile(locked)
    if secrets_to_retype(shown, entered):
        raise SecretsRequired
    changed = _changes_of_grant(sealer, shown, entered)
    position = _position(session, saved, entered, changed, keep_draft)
    before = _fields(shown if position == DRAFT else saved.primary)
    server = _row_for(saved, position)
    if position == PRIMARY and (changed or server is not saved.primary):
        revisions.keep_grant(session, saved.primary)
    discarded = server is shown and bool(changed) and grants.discard(session, server, changed)
    draft_discarded = position == PRIMARY and _discards(session, saved.draft, entered)
    unchanged = server is shown and server.position == position and is_unchanged(server, entered)
    try:
        with session.begin_nested():
            if not unchanged:
                session.add(_fill(server, sealer, entered, by))
    except IntegrityError:
        # A second click, or another administrator, saved the first one at the same moment.
        return save(session, sealer, entered, by, version, keep_draft)
    if position == PRIMARY and server is saved.draft and saved.primary is not None:
        _put_to_use(session, server, saved.primary)
    grants.prepare(session, server, entered.method)
    _announce(session, server, before, by)
    # After the messages, in the order in which the outbox locks both.
    grants.ask_again(session)
    return Saved(server, discarded, can_work(session, server), draft_discarded, unchanged)


def discard_draft(session: Session, version: int | None = None) -> None:
    """Delete the draft with its access token.

    Raises StaleVersion if it is not the one with this `version` any more, and SetInFile if the settings file sets it.
    """
    saved = find_saved(session, lock=True)
    draft = saved.draft
    if saved.locked:
        raise SetInFile(saved.locked)
    if draft is None or version not in (None, draft.version):
        raise StaleVersion(draft.version if draft else 0)
    grants.discard(session, draft)
    session.delete(draft)
    audit.record(session, audit_events.MAIL_SERVER_DRAFT_DISCARDED, provider=draft.provider)


def stays_draft(session: Session, sealer: Sealer, entered: EnteredServer) -> bool:
    """Return whether these settings, saved now, would be a draft."""
    saved = find_saved(session)
    changed = _changes_of_grant(sealer, saved.shown, entered)
    return _position(session, saved, entered, changed) == DRAFT


def can_work(session: Session, server: MailServer) -> bool:
    """Return whether the saved server can send: its plugin is there and, with OAuth2, an access token."""
    provider = get_providers().get(server.provider)
    method = provider.authentication_named(server.authentication) if provider else None
    return method is not None and (not isinstance(method, OAuth2) or _has_token(session, server))


def limits(provider: str, *lowered: int | None) -> Limits:
    """Return what may be sent through a provider at most, where an administrator has `lowered` its limits to these."""
    found = get_providers().get(provider)
    allowed = astuple(found.limits) if found else ()
    return Limits(*map(_lower, zip_longest(allowed, lowered)))


def is_unchanged(saved: MailServer | None, entered: EnteredServer, opened: Mapping[str, str] | None = None) -> bool:
    """Return whether saving what was entered would change nothing.

    Entered secrets count as changes, unless they are the same as the `opened` ones.
    """
    same_secrets = all((opened or {}).get(name) == value for name, value in entered.secrets.items() if value)
    if saved is None or not same_secrets or entered.removed & set(saved.sealed_secrets):
        return False
    return not saved.differing(entered.values, entered.values, entered.provider_fields)


def _changed_fields(shown: MailServer | None, entered: EnteredServer) -> frozenset[str]:
    """Return the names of the fields in which what was entered differs from the server that the form showed."""
    if shown is None:
        return frozenset()
    differing = shown.differing(entered.values, entered.values, entered.provider_fields)
    return differing | entered.new_secrets.keys() | entered.removed.intersection(shown.sealed_secrets)


def _lower(numbers: Iterable[int | None]) -> int | None:
    return min((one for one in numbers if one is not None), default=None)


def _saved_already(session: Session, sealer: Sealer, shown: MailServer | None, entered: EnteredServer) -> Saved:
    """Return what is saved, if it is just this, as after a second click. Raises StaleVersion if it is not."""
    if shown is None or not is_unchanged(shown, entered, open_secrets(sealer, shown, needed=())):
        raise StaleVersion(shown.version if shown else 0)
    return Saved(shown, can_work=can_work(session, shown))


def _row_for(saved: SavedServers, position: int) -> MailServer:
    """Return the row to save into, which may be a new one with the secrets of the server that the form showed."""
    if row := saved.draft or (saved.primary if position == PRIMARY else None):
        return row
    secrets = saved.shown.sealed_secrets if saved.shown else {}
    return MailServer(position=position, sealed_secrets=secrets, provider_fields={})


def _position(
    session: Session,
    saved: SavedServers,
    entered: EnteredServer,
    changed: frozenset[str],
    keep_draft: bool = False,
) -> int:
    """Return where the settings are saved: as the primary if they can work or it can't anyway, else as the draft."""
    shown = saved.shown
    if saved.primary is None or shown is None or not can_work(session, saved.primary):
        return PRIMARY
    if keep_draft and saved.draft is not None:
        return DRAFT
    works_at_once = not isinstance(entered.method, OAuth2) or (not changed and _has_token(session, shown))
    return PRIMARY if works_at_once else DRAFT


def _discards(session: Session, draft: MailServer | None, entered: EnteredServer) -> bool:
    """Return whether settings that are put to use replace this draft by others, and record it if so."""
    kind = (entered.provider.key, entered.values["authentication"])
    if draft is None or (draft.provider, draft.authentication) == kind:
        return False
    audit.record(session, audit_events.MAIL_SERVER_DRAFT_DISCARDED, provider=draft.provider)
    return True


def _has_token(session: Session, server: MailServer) -> bool:
    grant = grants.get(session, server.id)
    return grant is not None and grant.status == GrantStatus.GENERATED


def _changes_of_grant(sealer: Sealer, shown: MailServer | None, entered: EnteredServer) -> frozenset[str]:
    """Return the changes to the server that the form showed after which its grant can't be used."""
    if shown is None:
        return frozenset()
    opened = open_secrets(sealer, shown, needed=()) if entered.new_secrets else {}
    return grants.discarding_changes(shown, entered, opened)


def _put_to_use(session: Session, draft: MailServer, former: MailServer) -> None:
    """Make the draft the primary, and delete the former one with its grant; alerts about that will be resolved."""
    alerts = update(ExpiryAlert).where(ExpiryAlert.mail_server_id == former.id)
    session.execute(alerts.values(mail_server_id=draft.id))
    revisions.take_over(session, draft, former)
    grants.discard(session, former)
    session.delete(former)
    session.flush()
    draft.position = PRIMARY
    session.flush()


def _announce(session: Session, server: MailServer, before: dict[str, object], by: str) -> None:
    """Record what was changed, if anything, and, unless it is a draft, have everything that waits tried at once."""
    after = _fields(server)
    # An empty setting counts as one that is not there.
    changes = sorted(name for name in before | after if (before.get(name) or None) != (after.get(name) or None))
    event = audit_events.MAIL_SERVER_DRAFT_SAVED
    if server.position == PRIMARY:
        event = audit_events.MAIL_SERVER_SAVED
        if changes:
            revisions.record(session, server, changes, by)
        signals.mail_server_saved.send(session=session)
    if changes:
        audit.record(session, event, provider=server.provider, changed=changes)


def _fields(server: MailServer | None) -> dict[str, object]:
    """Return what a form can change, by name; the secrets stay sealed, so they differ whenever they are entered."""
    if server is None:
        return {}
    return {name: getattr(server, name) for name in COLUMNS} | server.provider_fields | server.sealed_secrets


def _fill(server: MailServer, sealer: Sealer, entered: EnteredServer, by: str) -> MailServer:
    if server.differing(CERTIFICATE_SETTINGS, entered.values, entered.provider_fields):
        server.certificate_since = server.certificate_expires_at = server.certificate_seen_at = None
    server.sealed_secrets = _sealed(sealer, server, entered)
    expires_on = _secret_expires_on(server, entered)
    for name, value in (dict.fromkeys(OAUTH2_COLUMNS, "") | dict(entered.values)).items():
        setattr(server, name, value)
    server.secret_expires_on = expires_on
    server.client_certificate_expires_at = _certificate_expires_at(server, entered)
    server.provider_fields = dict(entered.provider_fields)
    server.updated_at = clock.now()
    server.updated_by = by
    return server


def _secret_expires_on(server: MailServer, entered: EnteredServer) -> date | None:
    """Return the last day of the client secret or key: as entered; None without such a secret."""
    if not set(CLIENT_SECRETS) & set(server.sealed_secrets):
        return None
    day = entered.values.get("secret_expires_on")
    return day if isinstance(day, date) else None


def _certificate_expires_at(server: MailServer, entered: EnteredServer) -> datetime | None:
    """Return when the client certificate expires: the entered one, else the saved one."""
    if new := entered.new_secrets.get(CLIENT_CERTIFICATE):
        return certificates.parse(new)[0].not_valid_after_utc
    return server.client_certificate_expires_at if CLIENT_CERTIFICATE in server.sealed_secrets else None


def _sealed(sealer: Sealer, server: MailServer, entered: EnteredServer) -> dict[str, dict[str, str]]:
    kept = {name: secret for name, secret in server.sealed_secrets.items() if name in entered.secret_names}
    now = clock.now().isoformat()
    new_secrets = {
        name: {"sealed": sealer.seal(value, seal_purpose(name)), "saved_at": now}
        for name, value in entered.new_secrets.items()
    }
    return kept | new_secrets
