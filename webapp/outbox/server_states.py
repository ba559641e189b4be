"""How each mail server does: whether it is in trouble, and which one sends in its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from webapp.mail.models import MailServer
from webapp.outbox.models import ServerTrouble
from webapp.providers import Failure

_SERVERS = (
    select(
        MailServer.id,
        MailServer.name,
        MailServer.for_domains,
        MailServer.for_applications,
        ServerTrouble.since,
        ServerTrouble.announced_at,
        ServerTrouble.stage,
        ServerTrouble.code,
        ServerTrouble.params,
        ServerTrouble.reply,
    )
    .outerjoin(ServerTrouble, ServerTrouble.mail_server_id == MailServer.id)
    .where(MailServer.position.is_not(None))
    .order_by(MailServer.position)
)


class Duty(StrEnum):
    """What a server is for.

    SENDS: everything general. DEDICATED: certain senders or applications. STANDS_IN: nothing, unless those before it
    fail. REPLACED: it would send, but another one does in its place.
    """

    SENDS = "sends"
    DEDICATED = "dedicated"
    STANDS_IN = "stands_in"
    REPLACED = "replaced"


@dataclass(frozen=True)
class ServerState:
    """A server, the domains and applications that it is bound to, and its trouble if it is in one.

    That is since when, how it fails, and whether it was announced.
    """

    id: int
    name: str
    duty: Duty
    bound_to: frozenset[str] = frozenset()
    in_trouble_since: datetime | None = None
    failure: Failure | None = None
    is_announced: bool = False


@dataclass(frozen=True)
class ServerStates:
    """The states of all servers that are used, in order, and which one sends general email, if any works."""

    servers: Sequence[ServerState]

    @cached_property
    def sender(self) -> ServerState | None:
        """The server that sends what is general; None if all are in trouble, or none is saved."""
        return next((one for one in self.servers if one.duty is Duty.SENDS), None)

    @cached_property
    def troubles(self) -> list[ServerState]:
        """The servers whose trouble was announced. Empty if no server is well, as nothing goes out then at all."""
        return [one for one in self.servers if one.is_announced] if self.sender else []

    def sends_for(self, server_id: int) -> ServerState | None:
        """Return the server that sends the messages of this one now: itself or another one; None if none is well."""
        bound_to = next((one.bound_to for one in self.servers if one.id == server_id), frozenset[str]())
        bound = (one for one in self.servers if one.duty is Duty.DEDICATED and one.bound_to & bound_to)
        return next(bound, self.sender)


def server_states(session: Session | Connection) -> ServerStates:
    """Return the states, from one query of small tables."""
    states: list[ServerState] = []
    has_sender = False
    for row in session.execute(_SERVERS):
        failure = Failure(row.stage, row.code, row.params, row.reply) if row.stage is not None else None
        bound_to = frozenset([*row.for_domains, *row.for_applications])
        duty = _duty(bool(bound_to), failure is not None, has_sender)
        has_sender |= duty is Duty.SENDS
        states.append(ServerState(row.id, row.name, duty, bound_to, row.since, failure, row.announced_at is not None))
    return ServerStates(states)


def _duty(is_dedicated: bool, is_in_trouble: bool, has_sender: bool) -> Duty:
    if has_sender and not is_dedicated:
        return Duty.STANDS_IN
    if is_in_trouble:
        return Duty.REPLACED
    return Duty.DEDICATED if is_dedicated else Duty.SENDS
