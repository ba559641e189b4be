"""Deliver what is due, batch after batch: claim, connect, prepare; then compose, send and mark one after the other.

After a crash between any two of these, a message is still queued: its claim is freed, and another worker sends it.
Only a crash in the moment between the server's reply and the mark sends it twice; so may the server by breaking the
connection instead of replying to the message. Both copies have the same link and Message-ID.
"""

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import count

import structlog
from flask import Flask
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.app_state import AppState, app_state_of
from webapp.core.database import Unreadable
from webapp.mail.mime import WireEmail
from webapp.mail.redaction import Redactor
from webapp.mail.transcript import MAX_ERROR_LENGTH
from webapp.mail.transport import rejections
from webapp.mail.transport.errors import DeliveryError, Scope
from webapp.outbox import claims, limits, recipients, suspension
from webapp.outbox.attempts import Started
from webapp.outbox.claims import Claimed, LocalStage
from webapp.outbox.connection import Connections, CurrentSettings, NotReady, ReusableConnection, current_settings
from webapp.outbox.kinds import PreparedMessage, Unwanted, find_kind
from webapp.outbox.limits import Allowance
from webapp.outbox.models import AttemptResult, Message, MessageState
from webapp.outbox.preparation import Outcome, prepare
from webapp.outbox.queue import wake_after_commit
from webapp.outbox.records import Change, Records
from webapp.outbox.submissions.contents import StoredEmails
from webapp.providers import Failure

# Sending isn't begun when less than this is left: the server may take a moment to accept a message.
MIN_TIME_LEFT = timedelta(seconds=15)
# Attempts after which an error in our own code, such as a template that fails, ends a message.
MAX_PREPARE_ATTEMPTS = 5
# A batch has as many messages as went out in this many seconds before, and is given up after some more.
BATCH_SECONDS = 0.5
MAX_BATCH_SECONDS = 2.0
MAX_BATCH = 1000
# If a message takes longer than this, other threads had better help.
SLOW_SECONDS = 0.05

# Whom an installation may send to is decided here, whatever queued the message and when.
_NOT_ALLOWED = Failure(LocalStage.PREPARING, "recipient_not_allowed")
_serials = count(1)
log = structlog.get_logger(__name__)


def deliver_due(
    app: Flask,
    worker: str = "",
    stopping: Callable[[], bool] = lambda: False,
    connections: Connections | None = None,
) -> None:
    """Deliver everything that is due, or until `stopping()` is true between two messages.

    `worker` names the process in the claims of the run; `connections` are those that it keeps.
    """
    state = app_state_of(app)
    name = f"{worker or secrets.token_hex(8)}/{next(_serials)}"
    with app.app_context(), ExitStack() as stack:
        kept = connections or stack.enter_context(Connections(state))
        DeliveryRun(state, name, kept, stopping).run()


class DeliveryRun:
    """Delivers everything that is due over one connection."""

    def __init__(self, state: AppState, name: str, connections: Connections, stopping: Callable[[], bool]) -> None:
        self._state = state
        self._stopping = stopping
        self._name = name
        self._records = Records(state.database, name)
        self._connection = ReusableConnection(connections)
        self._stored = StoredEmails(state)
        self._settings: CurrentSettings
        self._leased_until: datetime
        self._size = 1
        self._is_slow = False

    def run(self) -> None:
        """Deliver until nothing is due, the server fails, or the worker is asked to stop."""
        with self._connection, self._records:
            while (batch := self._claim()) and self._deliver(batch):
                pass

    def _claim(self) -> list[Claimed]:
        """Record the batch before, and claim another in the same transaction."""
        if self._stopping():
            return []
        self._records.is_open = True
        with self._state.database.transaction() as session:
            self._settings = current_settings(session, self._state)
            # Before any messages are locked: saving a mail server locks that first, too.
            size, bulk_size = self._allowed(session)
            self._records.settle(session)
            now = clock.now()
            recipients.find_recipients(session, now)
            suspension.suspend_new(session, now)
            claimed = claims.claim(session, now, size, self._name, bulk_size)
            self._leased_until = now + claims.LEASE
            if self._is_slow and len(claimed) == self._size:
                wake_after_commit(session)
        self._records.is_open = bool(claimed)
        return claimed

    def _allowed(self, session: Session) -> tuple[int, int]:
        """Return how many messages the next batch may have, and how many bulk ones."""
        server = self._settings.server
        allowed = limits.allowance(session, server, clock.now(), self._name) if server is not None else Allowance()
        sizes = (self._size if one is None else min(one, self._size) for one in (allowed.count, allowed.bulk_count))
        return next(sizes), next(sizes)

    def _deliver(self, batch: list[Claimed]) -> bool:
        """Send a batch, or record why messages weren't sent. Return whether others can be sent."""
        begun = time.monotonic()
        sendable = [message for message in batch if self._is_sendable(message)]
        if not sendable:
            return True
        started = self._start(sendable[0])
        try:
            self._connection.open(self._settings)
        except NotReady as error:
            return self._record_failure(sendable[0], started, error.failure, suspension.suspend)
        except DeliveryError as error:
            return self._record_rejection(sendable[0], started, error)
        outcomes = prepare(self._state.database, sendable)
        self._stored.load_small(sendable)
        for done, message in enumerate(sendable, 1):
            if self._has_time(message) and not self._deliver_one(message, outcomes[message.id]):
                return False
            seconds = time.monotonic() - begun
            self._size = max(1, min(int(done * BATCH_SECONDS / seconds), MAX_BATCH))
            self._is_slow = seconds > done * SLOW_SECONDS
            if self._stopping() or seconds > MAX_BATCH_SECONDS or not self._is_leased():
                break
        return True

    def _is_leased(self) -> bool:
        """Return whether nobody else sends the rest: the machine was not suspended, nor its clock set."""
        return timedelta() <= self._leased_until - clock.now() <= claims.LEASE

    def _is_sendable(self, message: Claimed) -> bool:
        """Return whether a message can be sent with the settings that there are, else record why not."""
        if not self._settings.general.may_send_to(message.recipient):
            self._records.finished(message, MessageState.CANCELLED, _NOT_ALLOWED)
            return False
        failure = None
        kind = find_kind(message.kind)
        if isinstance(message.data, Unreadable):
            failure, change = Failure(LocalStage.PREPARING, "data_unreadable"), _fail
        elif kind and kind.needs_link and not self._settings.general.public_url:
            # Links start with the public URL; it is never guessed from a request.
            failure, change = Failure(LocalStage.SETTINGS, "no_public_url"), _retry
        if failure is None:
            return self._has_time(message)
        self._record_failure(message, self._start(message), failure, change)
        return False

    def _has_time(self, message: Claimed) -> bool:
        """Return whether there is time to send a message, else record that it has expired."""
        if clock.now() + MIN_TIME_LEFT < message.deadline:
            return True
        self._records.finished(message, MessageState.EXPIRED)
        return False

    def _start(self, message: Claimed) -> Started:
        server, provider = self._settings.server, self._connection.provider
        server_id, host = (server.id, server.host) if server else (None, "")
        return Started(message.id, message.attempts, server_id, provider, host, clock.now())

    def _deliver_one(self, message: Claimed, outcome: Outcome) -> bool:
        """Send one message, or record why it wasn't sent; return whether others can be sent."""
        started = self._start(message)
        try:
            reply, header_id = self._send(message, outcome)
        except Unwanted as error:
            self._records.finished(message, MessageState.CANCELLED, Failure(LocalStage.PREPARING, error.code))
        except DeliveryError as error:
            return self._record_rejection(message, started, error)
        except Exception as error:
            # It concerns this message only; the others must not wait for it.
            log.exception("message failed", message=message.id, kind=message.kind)
            failure = Failure(LocalStage.PREPARING, "not_prepared", {"error": type(error).__name__})
            last = message.attempts >= MAX_PREPARE_ATTEMPTS
            self._record_failure(message, started, failure, _fail if last else _retry)
        else:
            self._records.sent(message, started, reply, header_id)
        return True

    def _send(self, message: Claimed, outcome: Outcome) -> tuple[str, str]:
        """Send one email, composed or as it was handed in; return the server's reply and the Message-ID."""
        if isinstance(outcome, Exception):
            raise outcome
        email = self._stored.email(message) if message.submission_id else self._compose(message, outcome)
        if not self._settings.general.may_send_to(email.recipient):
            # It was queued for an address that its user has changed since.
            raise Unwanted(_NOT_ALLOWED.code)
        # Servers quote links, such as those that they take for spam.
        try:
            reply = self._connection.send(email, message.deadline)
        except DeliveryError as error:
            error.redact(Redactor(outcome.secrets))
            raise
        return Redactor(outcome.secrets)(reply)[:MAX_ERROR_LENGTH], email.header_id

    def _compose(self, message: Claimed, prepared: PreparedMessage) -> WireEmail:
        return self._connection.composer.compose(
            prepared.template or message.kind,
            prepared.recipient,
            prepared.data,
            prepared.link_path,
            # The same for each attempt, so that mail programs recognize a second copy.
            message.identity,
            prepared.language,
        )

    def _record_rejection(self, message: Claimed, started: Started, error: DeliveryError) -> bool:
        if message.submission_id:
            error.scope = rejections.scope_of_own_sender(error)
        change = _CHANGES[Scope.RECIPIENT if error.permanent else error.scope]
        result = AttemptResult.UNCERTAIN if error.scope is Scope.UNCERTAIN else AttemptResult.FAILED
        return self._record_failure(message, started, error.failure, change, result, error.transcript.as_text())

    def _record_failure(
        self,
        message: Claimed,
        started: Started,
        failure: Failure,
        change: Change,
        result: AttemptResult = AttemptResult.FAILED,
        transcript: str = "",
    ) -> bool:
        # Opening the connection may have found out more about the provider.
        started = started._replace(provider=self._connection.provider)
        return self._records.failed(message, started, failure, change, result, transcript)


def _fail(_session: Session, message: Message, now: datetime, failure: Failure, provider: str) -> bool:
    claims.finish(message, now, MessageState.FAILED, failure, provider)
    return True


def _expire(_session: Session, message: Message, now: datetime, _failure: Failure, _provider: str) -> bool:
    claims.finish(message, now, MessageState.EXPIRED)
    return True


def _retry(_session: Session, message: Message, now: datetime, failure: Failure, provider: str) -> bool:
    claims.reschedule(message, now, failure, provider)
    return True


_CHANGES: dict[Scope, Change] = {
    Scope.SERVER: suspension.suspend,
    Scope.UNCERTAIN: suspension.hold_uncertain,
    Scope.MESSAGE: _retry,
    Scope.RECIPIENT: _fail,
    Scope.EXPIRED: _expire,
}
