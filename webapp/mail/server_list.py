"""The list of mail servers: their order, names, what they are used for, and their deletion."""

import re
from collections.abc import Iterable, Sequence

from sqlalchemy import update
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.core.errors import MailroomError, NotFound, SetInFile, StaleVersion
from webapp.mail import audit_events, servers, signals
from webapp.mail.grants import service as grants
from webapp.mail.models import MAX_NAME_LENGTH, MailServer
from webapp.mail.servers import PRIMARY
from webapp.providers.registry import get_providers
from webapp.settings import declared

# More than there are servers: while they are numbered anew, no two have the same position.
FAR = 1000


class CannotBeFirst(MailroomError):
    """The first server is for all email, and this one is only for certain senders or applications."""


class NameTaken(MailroomError):
    """Another mail server has this name."""


def find(session: Session, server_id: int, version: int | None = None) -> MailServer:
    """Return a server and keep others from changing any until the transaction ends.

    Raises NotFound, and StaleVersion if it is not the one with this `version` any more.
    """
    servers.lock_all(session)
    server = servers.by_id(session, server_id)
    if server is None:
        raise NotFound
    if version not in (None, server.version):
        raise StaleVersion(server.version)
    return server


def move(session: Session, server_id: int, up: bool) -> MailServer:
    """Move a server that is used up or down by one place; at the end it stays. Return it.

    Raises NotFound, CannotBeFirst, and SetInFile if the settings file sets the order.
    """
    server = find(session, server_id)
    order = servers.in_order(session)
    if server.position is None:
        raise NotFound
    other = server.position + (-1 if up else 1)
    if 0 <= other < len(order):
        order.insert(other, order.pop(server.position))
        reorder(session, order, server)
    return server


def delete(session: Session, server_id: int, version: int | None = None) -> MailServer:
    """Delete a server or draft with its access token, and with it the draft of changes to it. Return it.

    The first fallback for all email takes the place of the primary, and what waits is tried at once. Raises
    StaleVersion, NotFound, SetInFile if the settings file sets it, and CannotBeFirst if the servers that are left are
    only for certain senders or applications.
    """
    server = find(session, server_id, version)
    if forbidden := servers.locked(session, server):
        raise SetInFile(forbidden)
    if draft := servers.draft_of(session, server):
        remove(session, draft)
    was_draft, left = server.is_draft, [one for one in servers.in_order(session) if one.id != server_id]
    remove(session, server)
    if not was_draft:
        renumber(session, general_first(left))
        signals.mail_server_saved.send(session=session)
    event = audit_events.MAIL_SERVER_DRAFT_DISCARDED if was_draft else audit_events.MAIL_SERVER_DELETED
    audit.record(session, event, provider=server.provider, server=server.name)
    return server


def assign(
    session: Session,
    server_id: int,
    name: str,
    for_domains: Sequence[str] = (),
    for_applications: Sequence[str] = (),
    version: int | None = None,
) -> MailServer:
    """Name a server, and choose the From domains and the applications (identifiers) that it is for; all without any.

    Raises NameTaken, CannotBeFirst, StaleVersion, NotFound, and SetInFile if the settings file sets what would change.
    """
    server = find(session, server_id, version)
    other = servers.by_name(session, name)
    if other is not None and other.id != server_id:
        raise NameTaken
    if server.position == PRIMARY and (for_domains or for_applications):
        raise CannotBeFirst
    new = {"name": name, "for_domains": list(for_domains), "for_applications": list(for_applications)}
    changed = [key for key, value in new.items() if getattr(server, key) != value]
    if forbidden := servers.locked(session, server).intersection(changed):
        raise SetInFile(forbidden)
    for key, value in new.items():
        setattr(server, key, value)
    if changed:
        audit.record(session, audit_events.MAIL_SERVER_ASSIGNED, server=name, changed=changed)
        signals.mail_server_saved.send(session=session)
    return server


def reorder(session: Session, order: Iterable[MailServer], moved: MailServer) -> None:
    """Use the servers in this order, because one was `moved`, and try what waits at once.

    Raises CannotBeFirst, and SetInFile if the settings file sets the order.
    """
    if declared.names(session, declared.MAIL_SERVERS):
        raise SetInFile([declared.MAIL_SERVERS])
    renumber(session, order)
    audit.record(session, audit_events.MAIL_SERVER_MOVED, provider=moved.provider, server=moved.name)
    signals.mail_server_saved.send(session=session)


def refuse_addition(session: Session, server: MailServer | None) -> None:
    """Raise SetInFile if the settings file sets which servers are used, and this one, or a new one, isn't in it."""
    names = declared.names(session, declared.MAIL_SERVERS)
    if names and (server is None or server.name not in names):
        raise SetInFile([declared.MAIL_SERVERS])


def use_in_order(session: Session, wanted: Sequence[MailServer]) -> None:
    """Use these servers in this order, except for drafts among them, and keep all others as drafts.

    Until one of them is for all email and can be used, what is in use stays before them.
    """
    present, used = servers.in_order(session), [one for one in wanted if not one.is_draft]
    others = [one for one in present if one not in used]
    first = next_first(used)
    order = general_first(used) if first else [*others, *used]
    if order == present:
        return
    for server in others if first else []:
        if draft := servers.draft_of(session, server):
            draft.replaces_id = None
        server.position = None
        audit.record(session, audit_events.MAIL_SERVER_RETIRED, provider=server.provider, server=server.name)
    session.flush()
    if order != [one for one in present if not one.is_draft]:
        renumber(session, order)
        audit.record(session, audit_events.MAIL_SERVER_MOVED, provider=order[0].provider, server=order[0].name)
    signals.mail_server_saved.send(session=session)


def next_first(servers_in_order: Iterable[MailServer]) -> MailServer | None:
    """Return which of these servers, in order, would be the first: it has to be for all email."""
    return next((one for one in servers_in_order if not one.is_dedicated), None)


def general_first(order: Sequence[MailServer]) -> list[MailServer]:
    """Return this order, with one that is for all email before all others, if there is one."""
    first = next_first(order)
    return sorted(order, key=lambda one: one is not first)


def renumber(session: Session, order: Iterable[MailServer]) -> None:
    """Give the servers the positions of this order. Raises CannotBeFirst."""
    ids = [server.id for server in order]
    if (first := servers.by_id(session, ids[0]) if ids else None) and first.is_dedicated:
        raise CannotBeFirst
    # Not through the rows, as that would change their versions: moving a server must not make its open page stale.
    used = update(MailServer).where(MailServer.position.is_not(None))
    session.execute(used.values(position=MailServer.position + FAR))
    for position, server_id in enumerate(ids):
        session.execute(update(MailServer).where(MailServer.id == server_id).values(position=position))


def remove(session: Session, server: MailServer) -> None:
    """Delete a server or draft with its access token, at once."""
    grants.discard(session, server)
    session.delete(server)
    session.flush()


def follow_provider(session: Session, server: MailServer, former: str) -> None:
    """Name a server after its new provider, if it was named after the former one and nobody chose another name."""
    label = get_providers().name(former)
    automatic = re.fullmatch(re.escape(label) + r"( \d+)?", server.name) is not None
    if former != server.provider and automatic and not servers.locked(session, server):
        server.name = free_name(session, get_providers().name(server.provider))


def free_name(session: Session, wanted: str) -> str:
    """Return this name, or with the next number that is free if a server has it already."""
    name, number = wanted[:MAX_NAME_LENGTH], 1
    base = re.sub(r" \d+$", "", name)
    while servers.by_name(session, name) is not None:
        number += 1
        name = f"{base[: MAX_NAME_LENGTH - len(str(number)) - 1]} {number}"
    return name
