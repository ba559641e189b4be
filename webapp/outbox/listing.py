"""The list of messages, newest first: a page takes as long with a million of them as with a thousand.

With several filters, the one with the fewest messages leads, and the others are checked message by message; at most
LOOKED_THROUGH of them, and the page says so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import Session

from webapp.outbox import recipients
from webapp.outbox.filters import Filter, StateFilter
from webapp.outbox.models import Message, MessageState
from webapp.outbox.sources import (
    LOOKED_THROUGH,
    ByBeginning,
    ById,
    Checks,
    Source,
    Span,
    narrowest,
    source_of_state,
    sources_of,
    span_of,
)

PAGE_SIZE = 50
# Up to how many a tab counts.
COUNTED = 200


class Page(NamedTuple):
    """Some messages, newest first. Older ones may follow below the id `older`, if that isn't None.

    `looked_through` tells that the page ends where LOOKED_THROUGH messages were looked at.
    """

    messages: list[Message]
    older: int | None
    looked_through: bool = False


class Count(NamedTuple):
    """How many messages there are; with `or_more`, at least."""

    number: int
    or_more: bool


def find(session: Session, wanted: Filter, before: int | None = None, page_size: int = PAGE_SIZE) -> Page:
    """Return a page of the messages below the id `before`.

    Requests for addresses without an account aren't listed: anybody can make them.
    """
    span = span_of(session, wanted)
    if before is not None:
        span = span._replace(end=max(0, min(span.end, before)))
    sources = sources_of(session, wanted)
    if len(sources) == 1 and not isinstance(sources[0], ByBeginning):
        return _page(session, sources[0].newest(span, page_size + 1, _checks()), page_size)
    source, is_narrow = narrowest(session, [*sources, ById()], span)
    # The checks stay outside of the query for the source, so that no database prefers another index for one of them.
    window = source.newest(span, LOOKED_THROUGH).subquery().c
    found = select(window.id).where(*_checks(*sources)(window)).order_by(window.id.desc()).limit(page_size + 1)
    page = _page(session, found, page_size)
    if is_narrow or page.older is not None:
        return page
    return page._replace(older=session.scalar(select(func.min(window.id))), looked_through=True)


def conditions(session: Session, wanted: Filter) -> list[ColumnElement[bool]]:
    """Return the conditions for the messages that a filter shows."""
    span = span_of(session, wanted)
    return [Message.id >= span.first, Message.id < span.end, *_checks(*sources_of(session, wanted))(Message)]


def count_states(session: Session, wanted: Filter) -> dict[StateFilter, Count]:
    """Count what each tab would show with the other filters: all, or those among the newest COUNTED of each state."""
    wanted = replace(wanted, shown=StateFilter.ALL)
    span, sources = span_of(session, wanted), sources_of(session, wanted)
    source, is_narrow = narrowest(session, [*sources, ById()], span)
    checks = _checks(*sources)
    counted = _count_all(session, source, span, checks) if is_narrow else _count_newest(session, span, checks)
    found = dict(counted)
    counts = {tab: [found[state] for state in tab.states if state in found] for tab in StateFilter}
    return {tab: _sum(several) for tab, several in counts.items()}


def _checks(*sources: Source) -> Checks:
    """Return the conditions of these sources, and that a message is listed at all."""
    return lambda of: [~recipients.is_for_nobody(of), *(source.condition(of) for source in sources)]


def _page(session: Session, newest: Select[Any], page_size: int) -> Page:
    """Read the messages that a query selects, whose first column is the id."""
    found = session.scalars(newest).all()
    messages = select(Message).where(Message.id.in_(found[:page_size])).order_by(Message.id.desc())
    older = found[page_size - 1] if len(found) > page_size else None
    return Page(list(session.scalars(messages)) if found else [], older)


def _count_all(session: Session, source: Source, span: Span, checks: Checks) -> Iterator[tuple[str, Count]]:
    """Count the messages of a narrow source."""
    of = source.newest(span, LOOKED_THROUGH).subquery().c
    for state, number in session.execute(select(of.state, func.count()).where(*checks(of)).group_by(of.state)):
        yield state, Count(number, False)


def _count_newest(session: Session, span: Span, checks: Checks) -> Iterator[tuple[str, Count]]:
    """Count among the newest messages of each state."""
    of = source_of_state(session).newest(span, COUNTED + 1).subquery().c
    # Executed for each state, as building a statement takes longer.
    counts = select(func.count(case((and_(*checks(of)), 1))), func.count(of.id))
    for state in MessageState:
        number, looked_at = session.execute(counts, {"state": state}).one()
        yield state, Count(number, looked_at > COUNTED)


def _sum(counts: Sequence[Count]) -> Count:
    number, or_more = sum(one.number for one in counts), any(one.or_more for one in counts)
    return Count(min(number, COUNTED) if or_more else number, or_more)
