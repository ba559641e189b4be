"""Routes: which messages go through which mail servers, and in which order these are tried.

A server that is bound to From domains or applications takes only such messages, and takes them before the general ones.
A message goes through the servers that are bound to its domain or its application, in order, and then through the
general servers. Without bound servers there is one route, and no query is filtered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple, Self

from sqlalchemy import ColumnElement, Connection, false, func, not_, or_, select
from sqlalchemy.orm import Session

from webapp.applications.models import Application
from webapp.core.email_addresses import comparison_key
from webapp.outbox.models import Message


class Binding(NamedTuple):
    """A mail server, and the domains and the identifiers of applications that it is bound to, if it is."""

    server_id: int
    domains: Sequence[str]
    applications: Sequence[str]


@dataclass(frozen=True)
class Selection:
    """Messages from one of these domains, or of one of these applications."""

    domains: frozenset[str]
    application_ids: frozenset[int]

    @classmethod
    def of(cls, binding: Binding, application_ids: dict[str, int]) -> Self:
        """Return the messages for a server; applications may have been deleted since it was bound to them."""
        domains = frozenset(comparison_key(f"@{one}").removeprefix("@") for one in binding.domains)
        return cls(domains, frozenset(application_ids[one] for one in binding.applications if one in application_ids))

    @property
    def condition(self) -> ColumnElement[bool]:
        """The condition for these messages; never NULL, as it is also negated."""
        of_applications = func.coalesce(Message.application_id, 0).in_(sorted(self.application_ids))
        return or_(
            Message.sender_domain.in_(sorted(self.domains)) if self.domains else false(),
            of_applications if self.application_ids else false(),
        )


@dataclass(frozen=True)
class Route:
    """The ids of the servers in the order in which they are tried, and which messages go through them.

    Those that are in each of these selections, and in none of the `others`.
    """

    server_ids: tuple[int, ...] = ()
    selections: tuple[Selection, ...] = ()
    others: tuple[Selection, ...] = ()

    @property
    def conditions(self) -> tuple[ColumnElement[bool], ...]:
        """The conditions for its messages; none if that is every message."""
        return *(one.condition for one in self.selections), *(not_(one.condition) for one in self.others)

    def rounds(self, attempts: int) -> int:
        """Return how often the servers were tried, in so many attempts of a message."""
        return -(-attempts // max(1, len(self.server_ids)))


# What all messages take while there is one route.
EVERYTHING = Route()


def routes_by(session: Session | Connection, servers: Iterable[Binding]) -> list[Route]:
    """Return the routes by these servers, which are in order; the general one is the last."""
    found = list(servers)
    bound = [one for one in found if one.domains or one.applications]
    general = tuple(one.server_id for one in found if one not in bound)
    if not bound:
        return [Route(general)]
    ids = _application_ids(session, bound)
    selections = {one.server_id: Selection.of(one, ids) for one in bound}
    return [
        Route(
            chosen + general,
            tuple(one for server_id, one in selections.items() if server_id in chosen),
            tuple(one for server_id, one in selections.items() if server_id not in chosen),
        )
        for chosen in _bound_together(selections)
    ]


def _bound_together(selections: dict[int, Selection]) -> list[tuple[int, ...]]:
    """Return which servers a message may be bound to together, by its domain and its application; none at the end."""
    none = frozenset[int]()
    by_domain, by_application = {none}, {none}
    for domain in {domain for one in selections.values() for domain in one.domains}:
        by_domain.add(frozenset(id_ for id_, one in selections.items() if domain in one.domains))
    for application in {application for one in selections.values() for application in one.application_ids}:
        by_application.add(frozenset(id_ for id_, one in selections.items() if application in one.application_ids))
    together = {one | other for one, other in product(by_domain, by_application)}
    return sorted((tuple(id_ for id_ in selections if id_ in one) for one in together), reverse=True)


def _application_ids(session: Session | Connection, servers: Iterable[Binding]) -> dict[str, int]:
    identifiers = {identifier for server in servers for identifier in server.applications}
    if not identifiers:
        return {}
    found = select(Application.identifier, Application.id).where(Application.identifier.in_(identifiers))
    return {identifier: id_ for identifier, id_ in session.execute(found).all()}  # noqa: C416 -- for their types
