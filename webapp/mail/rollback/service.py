"""Restore a revision. Mailroom does so itself where an administrator wants that and email fails after a change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.core import i18n
from webapp.core.app_state import app_state
from webapp.core.errors import MailroomError, NotFound
from webapp.core.sealing import CannotUnseal, Sealer
from webapp.mail import audit_events, servers, service, signals, webhook_events
from webapp.mail.diagnosis.descriptions import describe
from webapp.mail.grants import service as grants
from webapp.mail.models import MailServer
from webapp.mail.revisions import outcomes
from webapp.mail.revisions import service as revisions
from webapp.mail.revisions.models import Revision
from webapp.mail.revisions.outcomes import ENOUGH_FAILURES
from webapp.mail.servers import EnteredServer, open_secrets, secrets_to_retype
from webapp.mail.service import CannotWork, Saved
from webapp.providers import Failure
from webapp.providers.registry import UnknownProvider, get_providers
from webapp.settings.service import general
from webapp.webhooks import events as webhooks

# What stays as it is: whether Mailroom may do this again is no part of what went wrong.
KEPT = ("goes_back",)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Rollback:
    """Which change Mailroom undid by itself, and why."""

    server: str
    changed: list[str]
    changed_by: str
    changed_at: datetime
    failure: Failure

    def to_data(self) -> dict[str, Any]:
        """Return it as the data of a message."""
        data = {"server": self.server, "changed": self.changed, "changed_by": self.changed_by}
        return data | {"changed_at": self.changed_at.isoformat(), **self.failure.stored}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "Rollback":
        """Return it from the data of a message."""
        changed_at = datetime.fromisoformat(data["changed_at"])
        return cls(data["server"], data["changed"], data["changed_by"], changed_at, Failure.of_stored(data))


def overdue(session: Session) -> list[int]:
    """Return the ids of the servers whose settings `roll_back` would replace."""
    return [server.id for server, revision in outcomes.failing(session) if _is_wanted(server, revision)]


def restore(
    session: Session, sealer: Sealer, server_id: int, number: int, by: str, version: int | None = None
) -> Saved:
    """Save the settings of a revision again, with its secrets and, where they were kept, its tokens.

    Without tokens that it needs, they are a draft. Raises NotFound, StaleVersion if others than those with this
    `version` are in use, SetInFile, UnknownProvider if the plugin is gone, and CannotUnseal.
    """
    saved = _restore(session, sealer, server_id, number, by, version)
    audit.record(
        session,
        audit_events.MAIL_SERVER_RESTORED,
        provider=saved.server.provider,
        server=saved.server.name,
        revision=number,
    )
    return saved


def roll_back(session: Session, sealer: Sealer, server_id: int) -> bool:
    """Restore what worked, if email fails since a change and an administrator wants that; return whether it was."""
    servers.lock_all(session)
    server = servers.by_id(session, server_id)
    failing = revisions.find(session, server_id, server.revision) if server else None
    failure, number = (failing.failure, failing.rollback_to) if failing else (None, None)
    if not server or not failing or not failure or number is None or not _is_wanted(server, failing):
        return False
    # What has nothing to do with the failure, and was changed on purpose.
    kept = revisions.unrelated_since(session, failing, number)
    changed = [name for name in revisions.changed_since(session, failing, number) if name not in kept]
    try:
        with session.begin_nested():
            saved = _restore(session, sealer, server_id, number, by="", kept=kept)
            if saved.is_draft:
                raise CannotWork
    except (MailroomError, UnknownProvider, CannotUnseal) as error:
        log.warning("can't go back to settings that worked", server=server_id, error=type(error).__name__)
        return False
    rollback = Rollback(server.name, changed, failing.created_by, failing.created_at, failure)
    _announce(session, saved.server, number, rollback)
    return True


def _restore(
    session: Session,
    sealer: Sealer,
    server_id: int,
    number: int,
    by: str,
    version: int | None = None,
    kept: Sequence[str] = (),
) -> Saved:
    servers.lock_all(session)
    server, revision = servers.by_id(session, server_id), revisions.find(session, server_id, number)
    if server is None or revision is None:
        raise NotFound
    before = server.revision
    saved = service.save(session, sealer, _entered(sealer, server, revision, kept), by, version, server_id)
    grant = grants.get(session, saved.server.id) if saved.is_draft else None
    if grant is not None and revisions.give_grant_back(session, sealer, revision, grant):
        saved = service.use(session, saved.server.id, by)
    newest = revisions.find(session, server_id, server.revision)
    if newest is not None and newest.number > before:
        newest.restored_from = number
    return saved


def _entered(sealer: Sealer, server: MailServer, revision: Revision, kept: Sequence[str]) -> EnteredServer:
    """Return a revision as if somebody had entered it over the present settings. Raises UnknownProvider, CannotUnseal.

    The fields that are `kept` stay as they are. Secrets that are saved already are left blank, unless they would have
    to be typed again.
    """
    values = revisions.to_values(revision) | {name: getattr(server, name) for name in (*KEPT, *kept)}
    provider, secrets = get_providers()[str(values["provider"])], open_secrets(sealer, revision)
    removed = frozenset(server.sealed_secrets.keys() - secrets.keys())
    entered = EnteredServer(provider, values, revision.provider_fields, secrets, removed)
    present = open_secrets(sealer, server, needed=())
    fewer = replace(entered, secrets={name: one for name, one in secrets.items() if present.get(name) != one})
    return entered if secrets_to_retype(server, fewer) else fewer


def _is_wanted(server: MailServer, failing: Revision) -> bool:
    """Return whether Mailroom goes back by itself: after more than one failure, and not from what was restored."""
    return server.goes_back and failing.failures >= ENOUGH_FAILURES and failing.restored_from is None


def _announce(session: Session, server: MailServer, number: int, rollback: Rollback) -> None:
    """Tell the audit trail, administrators and webhooks."""
    event = audit_events.MAIL_SERVER_WENT_BACK
    audit.record(session, event, provider=server.provider, server=server.name, revision=number)
    signals.mail_server_rolled_back.send(session=session, rollback=rollback)
    failure = rollback.failure
    with i18n.use_language(i18n.DEFAULT):
        reason = describe(failure)
    webhooks.enqueue(
        session,
        webhook_events.WENT_BACK,
        f"Email failed after a change of the mail server {server.name}, so the settings that worked are used again.",
        mail_server={"name": server.name, "provider": server.provider, "host": server.host},
        changed=rollback.changed,
        changed_by=rollback.changed_by,
        changed_at=webhooks.iso(rollback.changed_at),
        revision=server.revision,
        restored_from=number,
        cause={"stage": failure.stage, "code": failure.code, "reason": reason},
        url=webhooks.mail_server_url(general(session, app_state().config)),
    )
