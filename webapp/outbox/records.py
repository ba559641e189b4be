"""What became of the messages of one run, recorded: sent ones cheaply and folded many at once, failures one by one."""

import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.database import Database, after_commit
from webapp.outbox import attempts, claims, statistics, suspension
from webapp.outbox.attempts import NotMarked, Sent, SentMarks, Started
from webapp.outbox.claims import Claimed
from webapp.outbox.models import FINISHED, AttemptResult, Message, MessageState
from webapp.outbox.signals import messages_ended
from webapp.providers import Failure

# While the database takes nothing, nothing else is sent; it is asked again at these intervals, for so long.
PAUSE_SECONDS = 0.5
PATIENCE_SECONDS = 3600.0

# Changes a locked message after a failure of a provider, and perhaps others; returns whether others can be sent.
Change = Callable[[Session, Message, datetime, Failure, str], bool]
Result = TypeVar("Result")

log = structlog.get_logger(__name__)


class Records:
    """Records for one run. A context manager; at its end nothing is claimed by the run any more."""

    def __init__(self, database: Database, run: str) -> None:
        self._database = database
        self._run = run
        self._marks = SentMarks(database)
        # Marked, but not yet recorded in the messages; and the last one, if it could not even be marked.
        self._sent: list[Sent] = []
        self._unmarked: list[Sent] = []
        # Whether the run may hold claims, or has sent what isn't recorded.
        self.is_open = False

    def __enter__(self) -> Self:
        self._marks.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.is_open:
                self._patiently(self.settle)
        finally:
            self._marks.__exit__(kind, error, trace)

    def settle(self, session: Session) -> None:
        """Record in the messages what was sent, and queue again what was claimed and not tried."""
        self._fold(session)
        claims.release_untried(session, self._run)

    def sent(self, message: Claimed, started: Started, reply: str, header_id: str) -> None:
        """Record that the server accepted the message, so that it survives the death of this process."""
        sent = Sent(started, started.seconds(), reply, header_id, message.kind, message.created_at, message.due_at)
        self._sent.append(sent)
        try:
            self._marks.add(sent)
        except NotMarked as error:
            log.warning("sent message not recorded yet", message=message.id, error=str(error))
            self._unmarked.append(sent)
            self._patiently(self._fold)

    def failed(
        self,
        message: Claimed,
        started: Started,
        failure: Failure,
        change: Change,
        result: AttemptResult = AttemptResult.FAILED,
        transcript: str = "",
    ) -> bool:
        """Record that an attempt failed and `change` the message accordingly; return whether others go on."""

        def record(session: Session) -> bool:
            now = clock.now()
            # Whether others got through since decides whose fault a failure is.
            self._fold(session)
            held = claims.held(session, message.id, self._run)
            if held is None:
                return True
            attempts.add_failed(session, started, failure, transcript, now, result)
            others_go_on = change(session, held, now, failure, started.provider)
            _announce_if_finished(session, held, now)
            return others_go_on

        others_go_on = self._patiently(record)
        event = "message not sent" if others_go_on else "delivery suspended"
        log.warning(event, message=message.id, stage=failure.stage, attempts=message.attempts, result=result)
        return others_go_on

    def finished(self, message: Claimed, state: MessageState, failure: Failure | None = None) -> None:
        """Record that the message will not be sent, without an attempt: EXPIRED or CANCELLED."""

        def record(session: Session) -> None:
            now = clock.now()
            held = claims.held(session, message.id, self._run)
            if held is not None:
                claims.finish(held, now, state, failure)
                _announce_if_finished(session, held, now)

        self._patiently(record)
        log.info("message not sent", message=message.id, state=state, code=failure.code if failure else "")

    def _fold(self, session: Session) -> None:
        """Record in the messages what was sent. The first that gets through has everything sent that waits."""
        if not self._sent:
            return
        now = clock.now()
        attempts.add_sent(session, self._unmarked)
        attempts.fold(session, self._sent, now)
        suspension.resume(session, now, self._run)
        after_commit(session, self._folded)

    def _folded(self) -> None:
        log.info("messages sent", number=len(self._sent), last=self._sent[-1].started.message_id)
        self._sent.clear()
        self._unmarked.clear()

    def _patiently(self, record: Callable[[Session], Result]) -> Result:
        """Record something in a transaction as soon as the database takes it. Raises SQLAlchemyError after an hour.

        Otherwise what was sent would be sent again, and what was claimed would wait for its lease to expire.
        """
        failed_at = None
        while True:
            try:
                with self._database.transaction() as session:
                    return record(session)
            except SQLAlchemyError as error:
                if failed_at is None:
                    failed_at = time.monotonic()
                    log.warning("delivery waits for the database", run=self._run, error=type(error).__name__)
                elif time.monotonic() > failed_at + PATIENCE_SECONDS:
                    raise
            time.sleep(PAUSE_SECONDS)


def _announce_if_finished(session: Session, message: Message, now: datetime) -> None:
    if message.state in FINISHED:
        statistics.count_finished(session, now, [(message.kind, message.state)])
        messages_ended.send(session=session, ids=[message.id], replies={})
