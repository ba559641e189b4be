"""What became of the messages of one run, recorded: sent ones cheaply and folded many at once, failures one by one."""

import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.database import Database, after_commit
from webapp.outbox import attempts, claims, statistics, suspension
from webapp.outbox.attempts import NotMarked, Sent, SentMarks, Started
from webapp.outbox.claims import Claimed
from webapp.outbox.models import FINISHED, AttemptResult, Message, MessageState
from webapp.providers import Failure

# While the database takes nothing, sending goes on after none; it is asked again at these intervals, this often.
PATIENCE_SECONDS = 0.5
PATIENCE_TIMES = 60

# Changes a locked message after a failure of a provider, and perhaps others; returns whether others can be sent.
Change = Callable[[Session, Message, datetime, Failure, str], bool]

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
        # Whether what waits for the server is due again.
        self._resumed = False

    def __enter__(self) -> Self:
        self._marks.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._marks.__exit__(kind, error, trace)
        with self._database.transaction() as session:
            self.settle(session)

    def settle(self, session: Session) -> None:
        """Record in the messages what was sent, and queue again what was claimed and not tried."""
        self._fold(session)
        claims.release_untried(session, self._run)

    def sent(self, message: Claimed, started: Started, reply: str, header_id: str) -> None:
        """Record that the server accepted the message, so that it survives the death of this process."""
        sent = Sent(started, started.seconds(), reply, header_id, message.kind, message.due_at)
        self._sent.append(sent)
        try:
            self._marks.add(sent)
        except NotMarked as error:
            log.warning("sent message not recorded yet", message=message.id, error=str(error))
            self._unmarked.append(sent)
            self._fold_patiently()

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
        with self._database.transaction() as session:
            now = clock.now()
            # Whether others got through since decides whose fault a failure is.
            self._fold(session)
            held = claims.held(session, message.id, self._run)
            if held is None:
                return True
            attempts.add_failed(session, started, failure, transcript, now, result)
            others_go_on = change(session, held, now, failure, started.provider)
            _count_if_finished(session, held, now)
        if not others_go_on:
            self._resumed = False
        event = "message not sent" if others_go_on else "delivery suspended"
        log.warning(event, message=message.id, stage=failure.stage, attempts=message.attempts, result=result)
        return others_go_on

    def finished(self, message: Claimed, state: MessageState, failure: Failure | None = None) -> None:
        """Record that the message will not be sent, without an attempt: EXPIRED or CANCELLED."""
        with self._database.transaction() as session:
            now = clock.now()
            held = claims.held(session, message.id, self._run)
            if held is not None:
                claims.finish(held, now, state, failure)
                _count_if_finished(session, held, now)
        log.info("message not sent", message=message.id, state=state, code=failure.code if failure else "")

    def _fold(self, session: Session) -> None:
        """Record in the messages what was sent. The first that gets through has everything sent that waits."""
        if not self._sent:
            return
        now = clock.now()
        attempts.add_sent(session, self._unmarked)
        attempts.fold(session, self._sent, now)
        if not self._resumed:
            suspension.resume(session, now, self._run)
        after_commit(session, self._folded)

    def _folded(self) -> None:
        log.info("messages sent", number=len(self._sent), last=self._sent[-1].started.message_id)
        self._sent.clear()
        self._unmarked.clear()
        self._resumed = True

    def _fold_patiently(self) -> None:
        """Record what was sent before anything else is: another attempt would send it twice."""
        for _time in range(PATIENCE_TIMES):
            try:
                with self._database.transaction() as session:
                    self._fold(session)
            except SQLAlchemyError as error:
                log.warning("sent message not recorded yet", error=type(error).__name__)
                time.sleep(PATIENCE_SECONDS)
            else:
                return
        raise NotMarked


def _count_if_finished(session: Session, message: Message, now: datetime) -> None:
    if message.state in FINISHED:
        statistics.count_finished(session, now, [(message.kind, message.state)])
