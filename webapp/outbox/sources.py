"""The indexes from which the newest messages of a filter are read.

Messages are numbered in the order of their time, so days are a range of ids. Every other filter has an index that
ends in the id.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    func,
    literal,
    select,
    text,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from webapp.core.database import MAX_ID, UtcDateTime
from webapp.outbox.filters import Filter, StateFilter
from webapp.outbox.models import Message, search_key

# How many messages are looked through for a page where no index leads to fewer.
LOOKED_THROUGH = 1000
# No address has a character that comes after it.
LAST_CHARACTER = "\U0010ffff"
# Finds the last id up to which everything is from before this time, by steps of half the size each. An index on the
# time would have to be maintained for every message, and by PostgreSQL for every change of one.
_LAST_ID_BEFORE = text("""
    WITH RECURSIVE search(id, step) AS (
        SELECT 0, 1073741824
        UNION ALL
        SELECT id + CASE WHEN (
            SELECT created_at < :moment FROM messages WHERE messages.id >= search.id + step ORDER BY messages.id LIMIT 1
        ) THEN step ELSE 0 END, step / 2
        FROM search WHERE step > 0
    )
    SELECT max(id) FROM search
""").bindparams(bindparam("moment", type_=UtcDateTime()))


class Span(NamedTuple):
    """The ids that may be shown, `end` excluded."""

    first: int
    end: int


# What is looked at to tell whether a message is shown.
_CHECKED: tuple[Any, ...] = (
    Message.id,
    Message.kind,
    Message.state,
    Message.recipient_key,
    Message.recipient_domain,
    Message.user_id,
    Message.application_id,
    Message.attempts,
)
_ID: tuple[Any, ...] = (Message.id,)
Columns = tuple[Any, ...]
# Conditions in terms of columns of these names.
Checks = Callable[[Any], Sequence[ColumnElement[bool]]]


def no_checks(_of: Any) -> Sequence[ColumnElement[bool]]:
    """Accept all messages."""
    return ()


@dataclass(frozen=True)
class ById:
    """All messages."""

    def condition(self, _of: Any) -> ColumnElement[bool]:
        """What is true of them."""
        return true()

    def some(self, span: Span) -> Select[Any]:
        """Select the newest: as many as are looked through and one more."""
        return self.newest(span, LOOKED_THROUGH + 1, columns=_ID)

    def newest(self, span: Span, limit: int, checks: Checks = no_checks, columns: Columns = _CHECKED) -> Select[Any]:
        """Select the newest for which the checks hold."""
        ids = select(*columns).where(Message.id >= span.first, Message.id < span.end, *checks(Message))
        return ids.order_by(Message.id.desc()).limit(limit)


@dataclass(frozen=True)
class ByValue:
    """The messages with one of these values in a column that has an index with the id."""

    column: str
    values: Sequence[Any]
    is_postgresql: bool

    def condition(self, of: Any) -> ColumnElement[bool]:
        """What is true of them."""
        column: InstrumentedAttribute[Any] = getattr(of, self.column)
        return column.in_(self.values)

    def some(self, span: Span) -> Select[Any]:
        """Select the newest: as many as are looked through and one more."""
        return self.newest(span, LOOKED_THROUGH + 1, columns=_ID)

    def newest(self, span: Span, limit: int, checks: Checks = no_checks, columns: Columns = _CHECKED) -> Select[Any]:
        """Select the newest for which the checks hold."""
        parts = [self._newest_with(value, span, limit, checks, columns) for value in self.values]
        if len(parts) == 1:
            return parts[0]
        union = union_all(*[select(part.subquery()) for part in parts]).subquery()
        return select(union).order_by(union.c.id.desc()).limit(limit)

    def _newest_with(self, value: Any, span: Span, limit: int, checks: Checks, columns: Columns) -> Select[Any]:
        column: InstrumentedAttribute[Any] = getattr(Message, self.column)
        within = [column == value, Message.id >= span.first, Message.id < span.end]
        if self.is_postgresql:
            # With the conditions above it may take the index of the ids, and pass a million others where all messages
            # with the value are old. SQLite doesn't, but reads more than the range of such pairs.
            bound = value if isinstance(value, BindParameter) else literal(value)
            pair, first, end = (tuple_(column, Message.id), *(tuple_(bound, literal(id_)) for id_ in span))
            # It doesn't conclude from the pairs that the column isn't empty, which its index wants.
            within = [pair >= first, pair < end, column.is_not(None)]
        return select(*columns).where(*within, *checks(Message)).order_by(column.desc(), Message.id.desc()).limit(limit)


@dataclass(frozen=True)
class ByBeginning:
    """The messages to addresses that begin like this. The index has them in the order of the addresses."""

    text: str

    def condition(self, of: Any) -> ColumnElement[bool]:
        """What is true of them."""
        return and_(of.recipient_key >= self.text, of.recipient_key < self.text + LAST_CHARACTER)

    def some(self, _span: Span | None = None, columns: Columns = _ID) -> Select[Any]:
        """Select the first by address: as many as are looked through and one more."""
        found = select(*columns).where(self.condition(Message)).order_by(Message.recipient_key, Message.id)
        return found.limit(LOOKED_THROUGH + 1)

    def newest(self, span: Span, limit: int, checks: Checks = no_checks, columns: Columns = _CHECKED) -> Select[Any]:
        """Select the newest for which the checks hold; wrong if there are more than LOOKED_THROUGH without them."""
        of = self.some(columns=columns).subquery().c
        found = select(*of).where(of.id >= span.first, of.id < span.end, *checks(of))
        return found.order_by(of.id.desc()).limit(limit)


Source = ById | ByValue | ByBeginning


def span_of(session: Session, wanted: Filter) -> Span:
    """Return the ids of the days."""
    first, end = 1, MAX_ID
    if wanted.since:
        first = _first_id_since(session, wanted.since)
    if wanted.until and wanted.until < date.max:
        end = _first_id_since(session, wanted.until + timedelta(days=1))
    return Span(first, end)


def source_of_state(session: Session) -> ByValue:
    """Return the source for a state, which is the parameter `state` of its query."""
    return _by_value(session, "state", bindparam("state", type_=Message.state.type))


def sources_of(session: Session, wanted: Filter) -> list[Source]:
    """Return what the filter names besides days, or else all messages."""
    by_value = partial(_by_value, session)
    sources: list[Source] = []
    if wanted.user_id is not None:
        sources.append(by_value("user_id", wanted.user_id))
    if wanted.application_id is not None:
        sources.append(by_value("application_id", wanted.application_id))
    if address := search_key(wanted.address):
        if address.startswith("@"):
            sources.append(by_value("recipient_domain", address[1:]))
        # A complete address finds only its messages, and not those to longer ones that begin with it.
        elif session.scalar(select(Message.id).where(Message.recipient_key == address).limit(1)) is not None:
            sources.append(by_value("recipient_key", address))
        else:
            sources.append(ByBeginning(address))
    if wanted.kind:
        sources.append(by_value("kind", wanted.kind))
    if wanted.shown is not StateFilter.ALL:
        sources.append(by_value("state", *wanted.shown.states))
    return sources or [ById()]


def narrowest(session: Session, sources: Sequence[Source], span: Span) -> tuple[Source, bool]:
    """Return the source with the fewest messages, and whether there are at most LOOKED_THROUGH.

    If all have more, it is the first from which the newest can be read.
    """
    sizes = [_size(session, source, span) for source in sources]
    size, source = min(zip(sizes, sources, strict=True), key=itemgetter(0))
    if size <= LOOKED_THROUGH:
        return source, True
    return next(one for one in sources if not isinstance(one, ByBeginning)), False


def _first_id_since(session: Session, day: date) -> int:
    return (session.scalar(_LAST_ID_BEFORE, {"moment": datetime.combine(day, time.min, UTC)}) or 0) + 1


def _by_value(session: Session, column: str, *values: Any) -> ByValue:
    return ByValue(column, values, session.get_bind().dialect.name == "postgresql")


def _size(session: Session, source: Source, span: Span) -> int:
    """Count the messages of a source, as far as LOOKED_THROUGH + 1."""
    return session.scalar(select(func.count()).select_from(source.some(span).subquery())) or 0
