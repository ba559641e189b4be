"""Attempts to send, as rows. That of a message that was sent is what marks it as sent; the message itself follows."""

from collections.abc import Collection, Iterable
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby
from types import TracebackType
from typing import Any, NamedTuple, Self

import structlog
from sqlalchemy import ColumnElement, String, and_, bindparam, case, exists, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.database import Database, UtcDateTime
from webapp.core.errors import MailroomError
from webapp.outbox import statistics
from webapp.outbox.models import Attempt, AttemptResult, Message, MessageState
from webapp.outbox.signals import messages_ended
from webapp.providers import Failure

# Attempts that mark their message as sent; messages that are marked.
_MARKS = and_(
    Attempt.message_id == Message.id, Attempt.number == Message.attempts, Attempt.result == AttemptResult.SENT
)
IS_MARKED = exists().where(_MARKS)
_ACCEPTABLE = (MessageState.SENDING, MessageState.QUEUED)
_ROW = [column.name for column in Attempt.__table__.columns if column.name != "id"]

log = structlog.get_logger(__name__)


class NotMarked(MailroomError):
    """The database didn't take the mark of a message that was sent."""


class Started(NamedTuple):
    """An attempt that has begun: the message, its number, the server (if one was asked) and when."""

    message_id: int
    number: int
    mail_server_id: int | None
    provider: str
    host: str
    started_at: datetime

    def seconds(self) -> float:
        """Return the seconds since then."""
        return max((clock.now() - self.started_at).total_seconds(), 0)


class Sent(NamedTuple):
    """An attempt that succeeded: how long it took, what the server said; what is needed of its message."""

    started: Started
    seconds: float
    reply: str
    header_id: str
    kind: str
    created_at: datetime
    due_at: datetime

    @property
    def accepted_at(self) -> datetime:
        """When the server accepted the message."""
        return self.started.started_at + timedelta(seconds=self.seconds)

    @property
    def latency(self) -> float:
        """The seconds from when the message was due first until the server accepted it."""
        return max((self.accepted_at - self.due_at).total_seconds(), 0)


class SentMarks:
    """Marks messages as sent, one by one, over a connection that doesn't wait for the disk. A context manager."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stack = ExitStack()
        self._cursor: Any = None
        dialect = database.engine.dialect
        self._statement = _marking(dialect.name)
        self._bind_time = Attempt.started_at.type.dialect_impl(dialect).bind_processor(dialect) or _unchanged
        self._errors: Any = dialect.loaded_dbapi

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cursor = None
        self._stack.close()

    def add(self, sent: Sent) -> None:
        """Mark one message. Raises NotMarked if the database can't be used."""
        try:
            if self._cursor is None:
                self._cursor = self._stack.enter_context(self._database.relaxed()).cursor()
            started_at = self._bind_time(sent.started.started_at)
            self._cursor.execute(self._statement, _row(sent) | {"started_at": started_at, "params": "{}"})
        except self._errors.IntegrityError:
            log.info("sent message was deleted meanwhile", message=sent.started.message_id)
        except Exception as error:
            self._cursor = None
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise NotMarked(type(error).__name__) from error


def add_sent(session: Session, sent: Collection[Sent]) -> None:
    """Mark messages as sent in this transaction, except those that are marked already or were deleted meanwhile."""
    if not sent:
        return
    # The database may have taken a mark although it didn't say so.
    these = _are([one.started.message_id for one in sent], [one.created_at for one in sent])
    ids = set(session.scalars(select(Message.id).where(these, ~IS_MARKED)))
    session.add_all(Attempt(**_row(one)) for one in sent if one.started.message_id in ids)


def add_failed(
    session: Session,
    started: Started,
    failure: Failure,
    transcript: str,
    now: datetime,
    result: AttemptResult = AttemptResult.FAILED,
) -> None:
    """Record a failed attempt, whose transcript replaces that of the one before."""
    earlier = and_(Attempt.message_id == started.message_id, Attempt.transcript != "")
    session.execute(update(Attempt).where(earlier).values(transcript=""))
    told = {"result": result, "transcript": transcript, **failure.stored}
    session.add(Attempt(**started._asdict(), seconds=started.seconds(), **told))
    statistics.count_attempt(session, now, result, failure.stage)


def fold(session: Session, sent: Iterable[Sent], now: datetime) -> None:
    """Record in the messages that the server accepted them, even if a lease has expired meanwhile; count them."""
    for provider, group in groupby(sent, key=lambda one: one.started.provider):
        some = {one.started.message_id: one for one in group}
        values = {
            "ids": list(some),
            "created": list({one.created_at for one in some.values()}),
            "by": provider,
            "at": max(one.accepted_at for one in some.values()),
        }
        changed = session.connection().execute(_ACCEPT, values).scalars().all()
        statistics.count_sent(session, now, ((some[id_].kind, some[id_].latency) for id_ in changed))
        messages_ended.send(session=session, ids=changed, replies={id_: some[id_].reply for id_ in changed})


def fold_marked(session: Session, which: ColumnElement[bool], now: datetime) -> None:
    """Do the same for those of these messages whose last attempt is marked as sent."""
    due_at = case((and_(Message.attempts == 1, Message.failed_at.is_(None)), Message.next_attempt_at),
                  else_=Message.created_at)  # fmt: skip
    marked = select(Attempt, Message.kind, Message.created_at, due_at).join(Message, _MARKS).where(which)
    marked = marked.with_for_update(skip_locked=True, of=Message)
    fold(session, [_sent(*row) for row in session.execute(marked.order_by(Attempt.provider))], now)


def _are(ids: Any, created_at: Any) -> ColumnElement[bool]:
    """The condition for these messages, and not for a new one that has got the id of one that was deleted meanwhile."""
    return and_(Message.id.in_(ids), Message.created_at.in_(created_at))


# The values of a message that was sent.
_SENT: dict[str, Any] = {
    "state": MessageState.SENT,
    "lease_expires_at": None,
    "claimed_by": None,
    "mail_server_id": None,
    "waits_for_server": False,
    "failed_at": None,
    "failing_since": None,
    "failure_stage": "",
    "failure_code": "",
    "failure_params": {},
    "failure_reply": "",
    "provider": bindparam("by", type_=String()),
    "finished_at": bindparam("at", type_=UtcDateTime()),
}
# Building it takes longer than running it.
_ACCEPT = (
    update(Message)
    .where(_are(bindparam("ids", expanding=True), bindparam("created", expanding=True)), Message.state.in_(_ACCEPTABLE))
    .values(_SENT)
    .returning(Message.id)
)


@cache
def _marking(dialect: str) -> str:
    """Return the INSERT of an attempt for this database, with names for its parameters."""
    is_sqlite = dialect == "sqlite"
    named = (sqlite if is_sqlite else postgresql).dialect(paramstyle="named" if is_sqlite else "pyformat")
    return str(insert(Attempt).compile(dialect=named, column_keys=_ROW))


def _row(sent: Sent) -> dict[str, Any]:
    """Return the columns of the attempt."""
    return {
        **sent.started._asdict(),
        "seconds": sent.seconds,
        "result": AttemptResult.SENT.value,
        "stage": "",
        "code": "",
        "params": {},
        "reply": sent.reply,
        "header_id": sent.header_id,
        "transcript": "",
    }


def _sent(attempt: Attempt, kind: str, created_at: datetime, due_at: datetime) -> Sent:
    values = {name: getattr(attempt, name) for name in Started._fields}
    return Sent(Started(**values), attempt.seconds, attempt.reply, attempt.header_id, kind, created_at, due_at)


def _unchanged(value: object) -> object:
    return value
