"""Mail servers, saved: used at once or, while they can't work yet, kept as a draft. Their order, copies, deletion."""

from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.errors import MailroomError, NotFound, SetInFile, StaleVersion
from webapp.core.sealing import Sealer
from webapp.mail import audit_events, server_list, servers, signals
from webapp.mail.filling import changed_fields, differences, fields_of, fill, is_unchanged
from webapp.mail.grants import service as grants
from webapp.mail.models import GrantStatus, MailServer
from webapp.mail.revisions import service as revisions
from webapp.mail.server_list import CannotBeFirst
from webapp.mail.servers import EnteredServer, open_secrets, secrets_to_retype
from webapp.providers import OAuth2
from webapp.providers.registry import get_providers

# Instead of the id of a server: a new one, beside those that there are. No URL has it.
NEW = -1
# What belongs to the place of a server and not to its settings: a draft leaves it as it is.
PLACE = frozenset({"id", "version", "position", "name", "replaces_id", "for_domains", "for_applications", "revision"})


class SecretsRequired(MailroomError):
    """Saved secrets were left blank although their destination is not the one they were saved for."""


class CannotWork(MailroomError):
    """The draft can't be used yet: it has no access token, or its plugin is missing."""


@dataclass(frozen=True)
class Saved:
    """What saving did. `server` is where the settings are now: the server in use, or the draft."""

    server: MailServer
    discarded_grant: bool = False
    can_work: bool = True
    unchanged: bool = False

    @property
    def is_draft(self) -> bool:
        """Whether the settings are only kept."""
        return self.server.is_draft


def save(
    session: Session,
    sealer: Sealer,
    entered: EnteredServer,
    by: str,
    version: int | None = None,
    server_id: int | None = None,
    keep_draft: bool = False,
) -> Saved:
    """Save what the form of a server or draft holds, put it to use if it can work, and try what waits at once.

    `server_id` is that of the server that the form showed: the primary unless given, NEW for one more. Settings that
    need an access token first are kept as a draft, while the server they would replace can work and goes on sending;
    with `keep_draft`, so are all others. A draft takes the place of the server that it replaces, else the last one.

    A blank secret keeps the saved one. Secrets that the new settings cannot use are deleted, and so is a grant
    that was obtained with other settings (see `grants.discarding_changes`).
    `version` is that of the mail server that the form showed, 0 if none was saved. Raises StaleVersion if another
    administrator has saved something else since, NotFound if it was deleted, SecretsRequired if a blank secret was
    saved for another destination, SetInFile if the settings file sets what would change, and CannotBeFirst.
    """
    servers.lock_all(session)
    shown = find(session, server_id)
    if version is not None and version != (shown.version if shown else 0):
        return _saved_already(session, sealer, shown, entered)
    if server_id == NEW and (same := _same(session, sealer, entered)):
        return Saved(same, can_work=can_work(session, same), unchanged=True)
    _refuse_forbidden(session, shown, entered)
    changed = _changes_of_grant(session, sealer, shown, entered)
    used = _goes_to_use(session, shown, entered, changed, keep_draft)
    before = fields_of(_target(session, shown) if used else shown)
    unchanged = shown is not None and used != shown.is_draft and is_unchanged(shown, entered)
    try:
        with session.begin_nested():
            row = _row_for(session, sealer, shown, entered, used)
            discarded = row is shown and _discard_grant(session, row, changed)
            if row is not shown or not unchanged:
                session.add(fill(row, sealer, entered, by))
    except IntegrityError:
        # A second click, or another administrator, saved the first one at the same moment.
        return save(session, sealer, entered, by, version, server_id, keep_draft)
    grants.prepare(session, row, entered.method)
    server = _finish(session, row, used, before, by)
    return Saved(server, discarded, can_work(session, server), unchanged)


def use(session: Session, server_id: int, by: str, version: int | None = None) -> Saved:
    """Put a draft to use: in the place of the server it replaces, else after all others. Make a fallback the first.

    Raises StaleVersion, NotFound, CannotWork, CannotBeFirst, and SetInFile if the settings file sets what would change.
    """
    server = server_list.find(session, server_id, version)
    if not server.is_draft:
        order = [server, *(one for one in servers.in_order(session) if one is not server)]
        server_list.reorder(session, order, server)
        return Saved(server, can_work=can_work(session, server))
    if not can_work(session, server):
        raise CannotWork
    return Saved(_finish(session, server, True, fields_of(_target(session, server)), by))


def copy(session: Session, server_id: int, by: str) -> MailServer:
    """Return a new draft with the settings and secrets of this server. Raises NotFound.

    Its access token is not copied: a refresh token can often be used only once.
    """
    server = server_list.find(session, server_id)
    draft = MailServer(name=server_list.free_name(session, server.name))
    _copy_settings(server, draft)
    draft.updated_at, draft.updated_by = clock.now(), by
    session.add(draft)
    provider = get_providers().get(server.provider)
    grants.prepare(session, draft, provider.authentication_named(server.authentication) if provider else None)
    _announce(session, draft, {}, by)
    return draft


def find(session: Session, server_id: int | None) -> MailServer | None:
    """Return the server that the form showed; None for one more. Raises NotFound if it was deleted."""
    if server_id is None:
        return servers.primary(session)
    server = servers.by_id(session, server_id) if server_id != NEW else None
    if server is None and server_id != NEW:
        raise NotFound
    return server


def stays_draft(session: Session, sealer: Sealer, entered: EnteredServer, server_id: int | None = None) -> bool:
    """Return whether these settings, saved now, would be a draft."""
    shown = find(session, server_id)
    return not _goes_to_use(session, shown, entered, _changes_of_grant(session, sealer, shown, entered))


def can_work(session: Session, server: MailServer) -> bool:
    """Return whether the saved server can send: its plugin is there and, with OAuth2, an access token."""
    provider = get_providers().get(server.provider)
    method = provider.authentication_named(server.authentication) if provider else None
    return method is not None and (not isinstance(method, OAuth2) or _has_token(session, server))


def _saved_already(session: Session, sealer: Sealer, shown: MailServer | None, entered: EnteredServer) -> Saved:
    """Return what is saved, if it is just this, as after a second click. Raises StaleVersion if it is not."""
    if shown is None or not is_unchanged(shown, entered, open_secrets(sealer, shown, needed=())):
        raise StaleVersion(shown.version if shown else 0)
    return Saved(shown, can_work=can_work(session, shown))


def _same(session: Session, sealer: Sealer, entered: EnteredServer) -> MailServer | None:
    """Return a server with just these settings, as a second click on Save finds it."""
    every = [*servers.in_order(session), *servers.drafts(session)]
    return next((one for one in every if is_unchanged(one, entered, open_secrets(sealer, one, needed=()))), None)


def _goes_to_use(
    session: Session,
    shown: MailServer | None,
    entered: EnteredServer,
    changed: frozenset[str],
    keep_draft: bool = False,
) -> bool:
    """Return whether the settings are used: if they can work, or nothing else would; with `keep_draft` never."""
    if keep_draft:
        return False
    target = _target(session, shown)
    if not can_work(session, target) if target else servers.primary(session) is None:
        return True
    has_token = shown is not None and not changed and _has_token(session, shown)
    return has_token or not isinstance(entered.method, OAuth2)


def _row_for(
    session: Session, sealer: Sealer, shown: MailServer | None, entered: EnteredServer, used: bool
) -> MailServer:
    """Return the row to save into: the one that was shown, or a new one, with the secrets of that."""
    if shown is not None and (used or shown.is_draft):
        return shown
    if shown is None:
        if used:
            server_list.refuse_addition(session, None)
        position = len(servers.in_order(session)) if used else None
        name = server_list.free_name(session, get_providers().name(entered.provider.key))
        return MailServer(position=position, name=name, sealed_secrets={}, provider_fields={})
    draft = servers.draft_of(session, shown)
    if draft is not None:
        if is_unchanged(draft, entered, open_secrets(sealer, draft, needed=())):
            return draft
        server_list.remove(session, draft)
    name = server_list.free_name(session, f"{shown.name} (draft)")
    return MailServer(replaces_id=shown.id, name=name, sealed_secrets=shown.sealed_secrets, provider_fields={})


def _target(session: Session, shown: MailServer | None) -> MailServer | None:
    """Return the server in use that the settings which were shown are for; None for a server of its own."""
    return servers.replaced_by(session, shown) if shown and shown.is_draft else shown


def _refuse_forbidden(session: Session, shown: MailServer | None, entered: EnteredServer) -> None:
    """Raise SetInFile or SecretsRequired if what was entered may not be saved."""
    if forbidden := servers.locked(session, shown) & changed_fields(shown, entered):
        raise SetInFile(forbidden)
    if secrets_to_retype(shown, entered):
        raise SecretsRequired


def _discard_grant(session: Session, server: MailServer, changed: frozenset[str]) -> bool:
    """Delete the grant if these changes discard it; return whether there was a token."""
    if changed and not server.is_draft:
        revisions.keep_grant(session, server)
    return bool(changed) and grants.discard(session, server, changed)


def _finish(session: Session, row: MailServer, used: bool, before: dict[str, object], by: str) -> MailServer:
    """Put what was saved in this row to use, if it is `used`, and try what waits; return the server that has it now."""
    server = _put_to_use(session, row, by) if used and row.is_draft else row
    if before and not server.is_draft:
        server_list.follow_provider(session, server, str(before["provider"]))
    _announce(session, server, before, by)
    # After the messages, in the order in which the outbox locks both.
    grants.ask_again(session)
    return server


def _put_to_use(session: Session, draft: MailServer, by: str) -> MailServer:
    """Return the server that is now used instead of the draft: the one that it replaces, else the draft itself.

    The one in use keeps its row, and with it its place, its name, and all that refers to it.
    """
    server = servers.replaced_by(session, draft)
    if server is None:
        server_list.refuse_addition(session, draft)
        order = servers.in_order(session)
        if not order and draft.is_dedicated:
            raise CannotBeFirst
        draft.position = len(order)
        session.flush()
        return draft
    revisions.keep_grant(session, server)
    grants.discard(session, server)
    _copy_settings(draft, server)
    server.updated_at, server.updated_by = clock.now(), by
    grants.hand_over(session, draft, server)
    session.delete(draft)
    session.flush()
    return server


def _copy_settings(source: MailServer, server: MailServer) -> None:
    for name in source.values.keys() - PLACE:
        setattr(server, name, getattr(source, name))


def _has_token(session: Session, server: MailServer) -> bool:
    grant = grants.get(session, server.id)
    return grant is not None and grant.status == GrantStatus.GENERATED


def _changes_of_grant(
    session: Session, sealer: Sealer, shown: MailServer | None, entered: EnteredServer
) -> frozenset[str]:
    """Return the changes to the server that the form showed after which its grant can't be used."""
    if shown is None:
        return frozenset()
    opened = open_secrets(sealer, shown, needed=()) if entered.new_secrets else {}
    return grants.discarding_changes(shown, entered, opened, grants.get(session, shown.id))


def _announce(session: Session, server: MailServer, before: dict[str, object], by: str) -> None:
    """Record what was changed, if anything, and, unless it is a draft, have everything that waits tried at once."""
    changes = differences(before, fields_of(server))
    event = audit_events.MAIL_SERVER_DRAFT_SAVED
    if not server.is_draft:
        event = audit_events.MAIL_SERVER_SAVED
        if changes:
            revisions.record(session, server, changes, by)
        signals.mail_server_saved.send(session=session)
    if changes:
        audit.record(session, event, provider=server.provider, server=server.name, changed=changes)
