"""Deliver what is due, one message after the other: claim, connect, prepare, compose, send, record.

After a crash between any two of these, the message is still queued: its lease expires and another worker sends it.
Only a crash after the server accepted it and before that is recorded sends it twice; so may the server by breaking the
connection instead of replying to the message. Both copies have the same link and Message-ID.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from flask import Flask

from webapp.core import clock, i18n
from webapp.core.app_state import AppState, app_state_of
from webapp.core.database import Unreadable
from webapp.core.errors import MailroomError
from webapp.mail.compose import compose
from webapp.mail.redaction import Redactor
from webapp.mail.transport.errors import DeliveryError, Scope
from webapp.outbox import claims, recipients, suspension
from webapp.outbox.claims import LocalStage
from webapp.outbox.connection import CurrentSettings, NotReady, ReusableConnection, current_settings
from webapp.outbox.kinds import MessageKind, Unwanted, get_kind
from webapp.outbox.models import Message, MessageState
from webapp.outbox.preparation import prepare
from webapp.providers import Failure

# Sending isn't begun when less than this is left: the server may take a moment to accept a message.
MIN_TIME_LEFT = timedelta(seconds=15)
# Attempts after which an error in our own code, such as a template that fails, ends a message.
MAX_PREPARE_ATTEMPTS = 5
# Seconds after which a lease is no longer renewed although sending goes on: it hangs.
MAX_SENDING_SECONDS = 900

log = structlog.get_logger(__name__)


class TooLate(MailroomError):
    """The message must not be sent any more."""


class InFlight:
    """The messages that this process is sending right now, so that their leases can be renewed."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    @contextmanager
    def sending(self, message: Message) -> Iterator[None]:
        """Include a message while it is being sent."""
        self._since[message.id] = time.monotonic()
        try:
            yield
        finally:
            self._since.pop(message.id, None)

    def ids(self) -> list[int]:
        """Return the ids of the messages that don't hang."""
        oldest = time.monotonic() - MAX_SENDING_SECONDS
        return [message_id for message_id, since in self._since.copy().items() if since > oldest]


def deliver_due(app: Flask, in_flight: InFlight | None = None, stopping: Callable[[], bool] = lambda: False) -> None:
    """Deliver everything that is due, or until `stopping()` is true between two messages."""
    with app.app_context():
        DeliveryRun(app_state_of(app), in_flight or InFlight(), stopping).run()


class DeliveryRun:
    """Delivers everything that is due over one connection."""

    def __init__(self, state: AppState, in_flight: InFlight, stopping: Callable[[], bool]) -> None:
        self._state = state
        self._in_flight = in_flight
        self._stopping = stopping
        self._connection = ReusableConnection(state)
        # Whether what waits for the server is due again.
        self._resumed = False

    def run(self) -> None:
        """Deliver until nothing is due, the server fails, or the worker is asked to stop."""
        with self._state.database.transaction() as session:
            now = clock.now()
            recipients.find_recipients(session, now)
            suspension.suspend_new(session, now)
        with self._connection:
            while (message := self._claim()) is not None:
                with self._in_flight.sending(message):
                    if not self._deliver(message):
                        return

    def _claim(self) -> Message | None:
        if self._stopping():
            return None
        with self._state.database.transaction() as session:
            return claims.claim(session, clock.now())

    def _deliver(self, message: Message) -> bool:
        """Send one message, or record why it wasn't sent. Return whether others can be sent."""
        if isinstance(message.data, Unreadable):
            self._finish(message, MessageState.FAILED, Failure(LocalStage.PREPARING, "data_unreadable"))
            return True
        settings = current_settings(self._state)
        try:
            kind = get_kind(message.kind)
            if kind.needs_link and not settings.general.public_url:
                # Links start with the public URL; it is never guessed from a request.
                self._reschedule(message, Failure(LocalStage.SETTINGS, "no_public_url"))
                return True
            _require_time(message)
            self._connection.open(settings)
            self._send(message, kind, settings)
        except TooLate:
            self._finish(message, MessageState.EXPIRED)
        except Unwanted as error:
            self._finish(message, MessageState.CANCELLED, Failure(LocalStage.PREPARING, error.code))
        except NotReady as error:
            return self._suspend(message, error.failure)
        except DeliveryError as error:
            return self._record_rejection(message, error)
        except Exception as error:
            # It concerns this message only; the others must not wait for it.
            log.exception("message failed", message=message.id, kind=message.kind)
            self._record_own_error(message, error)
        else:
            self._record_sent(message)
        return True

    def _send(self, message: Message, kind: MessageKind, settings: CurrentSettings) -> None:
        """Prepare, compose and send the email."""
        prepared = prepare(self._state.database, [message])[message.id]
        if isinstance(prepared, Exception):
            raise prepared
        with i18n.use_language(prepared.language):
            email = compose(
                prepared.template or kind.name,
                prepared.recipient,
                settings.server.mail_from if settings.server else "",
                settings.general,
                prepared.data,
                prepared.link_path,
                # The same for each attempt, so that mail programs recognize a second copy.
                identity=message.identity,
            )
        _require_time(message)
        try:
            self._connection.send(email, not_after=message.deadline)
        except DeliveryError as error:
            # Servers quote links that they take for spam.
            error.redact(Redactor(prepared.secrets))
            raise

    def _record_rejection(self, message: Message, error: DeliveryError) -> bool:
        if error.scope in (Scope.SERVER, Scope.UNCERTAIN):
            return self._suspend(message, error.failure, uncertain=error.scope is Scope.UNCERTAIN)
        if error.scope is Scope.EXPIRED:
            self._finish(message, MessageState.EXPIRED)
        elif error.permanent:
            self._finish(message, MessageState.FAILED, error.failure)
        else:
            self._reschedule(message, error.failure)
        return True

    def _record_own_error(self, message: Message, error: Exception) -> None:
        failure = Failure(LocalStage.PREPARING, "not_prepared", {"error": type(error).__name__})
        if message.attempts >= MAX_PREPARE_ATTEMPTS:
            self._finish(message, MessageState.FAILED, failure)
        else:
            self._reschedule(message, failure)

    def _record_sent(self, message: Message) -> None:
        with self._state.database.transaction() as session:
            now = clock.now()
            claims.mark_sent(session, message, now, self._connection.provider)
            if not self._resumed:
                suspension.resume(session, now)
        self._resumed = True
        log.info("message sent", message=message.id, kind=message.kind, attempts=message.attempts)

    def _reschedule(self, message: Message, failure: Failure) -> None:
        with self._state.database.transaction() as session:
            claims.reschedule(session, message, clock.now(), failure, self._connection.provider)
        log.warning("message not sent", message=message.id, stage=failure.stage, attempts=message.attempts)

    def _suspend(self, message: Message, failure: Failure, uncertain: bool = False) -> bool:
        """Have messages wait; return whether others can be sent."""
        hold = suspension.hold_uncertain if uncertain else suspension.suspend
        with self._state.database.transaction() as session:
            others_go_on = hold(session, message, clock.now(), failure, self._connection.provider)
        self._resumed = False
        event = "message held back" if others_go_on else "delivery suspended"
        log.warning(event, message=message.id, stage=failure.stage, attempts=message.attempts, uncertain=uncertain)
        return others_go_on

    def _finish(self, message: Message, state: MessageState, failure: Failure | None = None) -> None:
        with self._state.database.transaction() as session:
            claims.finish(session, message, clock.now(), state, failure, self._connection.provider)
        log.info("message not sent", message=message.id, state=state, stage=failure.stage if failure else "")


def _require_time(message: Message) -> None:
    if clock.now() + MIN_TIME_LEFT >= message.deadline:
        raise TooLate
