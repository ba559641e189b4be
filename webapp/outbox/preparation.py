"""Make of claimed messages what is sent now: recipients, links, data."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from webapp.core.database import DATABASE_UNAVAILABLE, Database
from webapp.outbox.kinds import ClaimedMessage, PreparedMessage, get_kind

Outcome = PreparedMessage | Exception
_kind_of = attrgetter("kind")


def prepare(database: Database, messages: Sequence[ClaimedMessage]) -> Mapping[int, Outcome]:
    """Return what to compose for each message, by its id, or what was raised: Unwanted, or an error.

    The messages must not be locked: users are locked first, and all of one kind at once, so that no two workers
    wait for each other. One that raises an error doesn't keep the others from being sent. Raises one of
    DATABASE_UNAVAILABLE if the database can't be used: that is no message's fault.
    """
    outcomes: dict[int, Outcome] = {}
    for _kind, group in groupby(sorted(messages, key=_kind_of), key=_kind_of):
        outcomes |= _prepare_kind(database, list(group))
    return outcomes


def _prepare_kind(database: Database, messages: Sequence[ClaimedMessage]) -> Mapping[int, Outcome]:
    try:
        with database.transaction() as session:
            return get_kind(messages[0].kind).prepare(session, messages)
    except DATABASE_UNAVAILABLE:
        raise
    except Exception as error:
        if len(messages) == 1:
            return {messages[0].id: error}
    return {id_: outcome for one in messages for id_, outcome in _prepare_kind(database, [one]).items()}
