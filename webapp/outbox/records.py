"""What became of the messages of one run, recorded: sent ones cheaply and folded many at once, failures one by one."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.database import Database, after_commit
from webapp.outbox import attempts, circuit_breaker, claims, statistics, suspension
from webapp.outbox.attempts import NotMarked, Sent, SentMarks, Started
from webapp.outbox.claims import Claimed
from webapp.outbox.connection import ServerSettings
from webapp.outbox.failures import Failed
from webapp.outbox.models import FINISHED, AttemptResult, Message, MessageState
from webapp.outbox.routing import EVERYTHING
from webapp.outbox.signals import messages_ended
from webapp.providers import Failure

# While the database takes nothing, nothing else is sent; it is asked again at these intervals, for so long.
PAUSE_SECONDS = 0.5
PATIENCE_SECONDS = 3600.0

Result = TypeVar("Result")
# Returns the servers by which a message may go next, if any.
NextServers = Callable[[Session, Claimed, datetime], Sequence[ServerSettings]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Followed:
    """What followed from a failure.

    The message is tried by the first of these `servers` next, in the attempt with this `number`. If there are none,
    `others_go_on` says whether other messages are sent now. `is_paused` is about the server that failed.
    """

    others_go_on: bool = True
    is_paused: bool = False
    servers: Sequence[ServerSettings] = ()
    number: int = 0


class Records:
    """Records for one run. A context manager; at its end nothing is claimed by the run any more."""

    def __init__(self, database: Database, run: str) -> None:
        self._database = database
        self._run = run
        self._marks = SentMarks(database)
        # Marked, but not yet recorded in the messages; and the last one, if it could not even be marked.
        self._sent: list[Sent] = []
        self._unmarked: list[Sent] = []
        # Whether the run may hold claims, or has sent what isn't recorded; of which route.
        self.is_open = False
        self.route = EVERYTHING

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

    def failed(self, message: Claimed, started: Started, failed: Failed, next_servers: NextServers) -> Followed:
        """Record that an attempt failed, and what follows.

        Either another attempt begins, through another server, or the message is changed as the failure wants it. If the
        route has only one server, that server is never paused.
        """
        has_fallback = len(self.route.server_ids) > 1
        is_paused = has_fallback and failed.pauses

        def record(session: Session) -> Followed:
            now = clock.now()
            # Servers before messages: saving one locks it first, too.
            servers = next_servers(session, message, now) if has_fallback and failed.elsewhere else ()
            if is_paused and started.mail_server_id is not None:
                circuit_breaker.failed(session, started.mail_server_id, failed.failure, now)
            # Whether others got through since decides whose fault a failure is.
            self._fold(session)
            held = claims.held(session, message.id, self._run)
            if held is None:
                return Followed(is_paused=is_paused)
            attempts.add_failed(session, started, failed.failure, failed.transcript, now, failed.result)
            is_uncertain = failed.result is AttemptResult.UNCERTAIN
            # Of one that may have arrived already, no third copy is sent.
            if servers and not (is_uncertain and held.uncertain_at):
                claims.try_again(held, now, servers[0].server_id, is_uncertain)
                return Followed(is_paused=is_paused, servers=servers, number=held.attempts)
            others_go_on = failed.change(session, held, now, failed.failure, started.provider, self.route)
            _announce_if_finished(session, held, now)
            return Followed(others_go_on, is_paused)

        followed = self._patiently(record)
        self._log_failure(message, failed, followed)
        return followed

    def well(self, server_id: int) -> None:
        """Record that a server works that was in trouble."""
        self._patiently(lambda session: circuit_breaker.well(session, server_id, clock.now()))

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
        suspension.resume(session, now, self._run, self.route)
        after_commit(session, self._folded)

    def _folded(self) -> None:
        log.info("messages sent", number=len(self._sent), last=self._sent[-1].started.message_id)
        self._sent.clear()
        self._unmarked.clear()

    def _log_failure(self, message: Claimed, failed: Failed, followed: Followed) -> None:
        event = "message not sent" if followed.others_go_on else "delivery suspended"
        if followed.servers:
            event = "message goes through another server"
        stage = failed.failure.stage
        log.warning(event, message=message.id, stage=stage, attempts=message.attempts, result=failed.result)

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
