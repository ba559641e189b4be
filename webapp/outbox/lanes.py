"""Lanes: the messages that go by the same mail servers, tried in the same order.

A dedicated server is bound to From domains or applications: it takes only such messages, and takes them before the
others. Each has a lane, in which the general servers come after it; all other messages are in the general lane.
Without dedicated servers that one is everything, and no query is filtered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, false, func, not_, or_, select
from sqlalchemy.orm import Session

from webapp.applications.models import Application
from webapp.core.email_addresses import comparison_key
from webapp.outbox.models import Message


class Bound(NamedTuple):
    """A mail server, and the domains and the identifiers of applications that it is bound to, if it is."""

    server_id: int
    domains: Sequence[str]
    applications: Sequence[str]


@dataclass(frozen=True)
class Selection:
    """Messages from one of these domains, or of one of these applications."""

    domains: frozenset[str]
    application_ids: frozenset[int]

    @property
    def condition(self) -> ColumnElement[bool]:
        """The condition for these messages; never NULL, as it is also negated."""
        of_applications = func.coalesce(Message.application_id, 0).in_(sorted(self.application_ids))
        return or_(
            Message.sender_domain.in_(sorted(self.domains)) if self.domains else false(),
            of_applications if self.application_ids else false(),
        )


@dataclass(frozen=True)
class Lane:
    """The ids of the servers in the order in which they are tried, and which messages go by them.

    Those of the `selection` do, all if that is None, but none of the `others`, which go by servers of their own.
    """

    server_ids: tuple[int, ...] = ()
    selection: Selection | None = None
    others: tuple[Selection, ...] = ()

    @property
    def condition(self) -> ColumnElement[bool] | None:
        """The condition for its messages; None if that is every message."""
        wanted = [] if self.selection is None else [self.selection.condition]
        conditions = [*wanted, *(not_(one.condition) for one in self.others)]
        return and_(*conditions) if conditions else None

    def rounds(self, attempts: int) -> int:
        """Return how often the servers were tried, in so many attempts of a message."""
        return -(-attempts // max(1, len(self.server_ids)))


# What all is in while there is one lane.
EVERYTHING = Lane()


def arrange(session: Session | Connection, servers: Iterable[Bound]) -> list[Lane]:
    """Return the lanes of these servers, which are in order; the general one is the last."""
    found = list(servers)
    dedicated = [one for one in found if one.domains or one.applications]
    general = [one for one in found if one not in dedicated]
    if not dedicated:
        return [Lane(tuple(one.server_id for one in general))]
    ids = _application_ids(session, dedicated)
    lanes: list[Lane] = []
    selections: tuple[Selection, ...] = ()
    behind = tuple(one.server_id for one in general)
    for server in dedicated:
        domains = frozenset(comparison_key(f"@{one}").removeprefix("@") for one in server.domains)
        selection = Selection(domains, frozenset(ids[one] for one in server.applications if one in ids))
        lanes.append(Lane((server.server_id, *behind), selection, selections))
        selections += (selection,)
    return [*lanes, Lane(behind, None, selections)]


def _application_ids(session: Session | Connection, servers: Iterable[Bound]) -> dict[str, int]:
    identifiers = {identifier for server in servers for identifier in server.applications}
    if not identifiers:
        return {}
    found = select(Application.identifier, Application.id).where(Application.identifier.in_(identifiers))
    return {identifier: id_ for identifier, id_ in session.execute(found).all()}  # noqa: C416 -- for their types
