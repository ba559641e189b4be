"""One round through what is due: claim, connect, write, send, record, one message after the other.

A crash between any two of these leaves the message owed: its claim lapses and it is sent by
somebody else. Only a crash after the server's yes and before it is recorded sends it twice.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from flask import Flask

from webapp.core import clock, i18n
from webapp.core.app_state import AppState, app_state_of
from webapp.core.errors import MailroomError
from webapp.mail.compose import compose
from webapp.mail.transport.errors import DeliveryError, Scope
from webapp.outbox import claims
from webapp.outbox.claims import LocalStage
from webapp.outbox.connection import CurrentSettings, NotReady, ReusableConnection, read_settings
from webapp.outbox.kinds import Unwanted, find_kind, get_kind
from webapp.outbox.models import Message, MessageState
from webapp.providers import Failure

# A message is not begun when less than this is left: the server's yes may take a moment.
SPARE = timedelta(seconds=15)
# Attempts after which a fault of our own, such as a template that fails, ends a message.
MAX_PREPARE_ATTEMPTS = 5
# Seconds after which a claim is left to lapse although the sending goes on: it hangs.
MAX_SENDING_SECONDS = 900

log = structlog.get_logger(__name__)


class TooLate(MailroomError):
    """The message must not be sent any more."""


class InFlight:
    """The messages that this process is sending right now, so that their claims can be renewed."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    @contextmanager
    def holding(self, message: Message) -> Iterator[None]:
        """Count it as in hand."""
        self._since[message.id] = time.monotonic()
        try:
            yield
        finally:
            self._since.pop(message.id, None)

    def ids(self) -> list[int]:
        """Those that still make progress, as far as one can tell."""
        oldest = time.monotonic() - MAX_SENDING_SECONDS
        return [id_ for id_, since in self._since.copy().items() if since > oldest]


def deliver_due(app: Flask, in_hand: InFlight | None = None, stopping: Callable[[], bool] = lambda: False) -> None:
    """Go once through all that is due, or until `stopping()` is true between two messages."""
    with app.app_context():
        DeliveryRun(app_state_of(app), in_hand or InFlight(), stopping).run()


class DeliveryRun:
    """Goes through all that is due over one connection."""

    def __init__(self, parts: AppState, in_hand: InFlight, stopping: Callable[[], bool]) -> None:
        self._parts = parts
        self._in_hand = in_hand
        self._stopping = stopping
        self._line = ReusableConnection(parts)
        self._sent = 0

    def run(self) -> None:
        """Until nothing is due, the server fails, or the worker is told to stop."""
        with self._line:
            message = self._claim(first=True)
            while message is not None:
                with self._in_hand.holding(message):
                    if not self._deliver(message):
                        return
                message = self._claim()

    def _claim(self, first: bool = False) -> Message | None:
        if self._stopping():
            return None
        with self._parts.database.transaction() as session:
            now = clock.now()
            if first:
                claims.suspend_newcomers(session, now)
            return claims.claim(session, now)

    def _deliver(self, message: Message) -> bool:
        """Send one message, or record why not. Whether others can be sent."""
        settings = read_settings(self._parts)
        try:
            _require_time(message)
            _require_public_url(message, settings)
        except TooLate:
            self._end(message, MessageState.EXPIRED)
            return True
        except NotReady as reason:
            self._later(message, reason.failure)
            return True
        return self._connect(message, settings) and self._send(message, settings)

    def _connect(self, message: Message, settings: CurrentSettings) -> bool:
        """Be connected, or record that everything has to wait."""
        try:
            self._line.connect(settings)
        except NotReady as reason:
            self._hold(message, reason.failure)
        except DeliveryError as error:
            self._hold(message, error.failure)
        except Exception as error:  # settings that nobody thought of must not end messages
            log.exception("mail server settings failed")
            self._hold(message, Failure(LocalStage.SETTINGS, "settings_failed", {"error": type(error).__name__}))
        else:
            return True
        return False

    def _send(self, message: Message, settings: CurrentSettings) -> bool:
        try:
            self._line_up(message, settings)
        except Unwanted as reason:
            self._end(message, MessageState.CANCELLED, Failure(LocalStage.PREPARING, reason.code))
        except TooLate:
            self._end(message, MessageState.EXPIRED)
        except DeliveryError as error:
            return self._refused(message, error)
        except Exception as error:
            # Whatever it is, it is this message's; the others must not wait for it.
            log.exception("message failed", message=message.id, kind=message.kind)
            self._stumbled(message, error)
        else:
            self._record_sent(message)
        return True

    def _line_up(self, message: Message, settings: CurrentSettings) -> None:
        """Prepare and compose the email, with a new link where its kind has one, and send it."""
        with self._parts.database.transaction() as session:
            prepared = get_kind(message.kind).prepare(session, message)
        mail_from = settings.server.mail_from if settings.server else ""
        link = settings.general.public_url + prepared.link_path if prepared.link_path else None
        with i18n.use_language(prepared.language):
            mail = compose(
                prepared.template,
                prepared.recipient,
                mail_from,
                settings.general,
                prepared.data,
                link,
                _identity(message),
            )
        _require_time(message)
        self._line.send(mail, not_after=message.deadline)

    def _refused(self, message: Message, error: DeliveryError) -> bool:
        if error.scope is Scope.SERVER:
            self._hold(message, error.failure)
            return False
        if error.scope is Scope.EXPIRED:
            self._end(message, MessageState.EXPIRED)
        elif error.permanent:
            self._end(message, MessageState.FAILED, error.failure)
        else:
            self._later(message, error.failure)
        return True

    def _stumbled(self, message: Message, error: Exception) -> None:
        failure = Failure(LocalStage.PREPARING, "not_prepared", {"error": type(error).__name__})
        if message.attempts >= MAX_PREPARE_ATTEMPTS:
            self._end(message, MessageState.FAILED, failure)
        else:
            self._later(message, failure)

    def _record_sent(self, message: Message) -> None:
        with self._parts.database.transaction() as session:
            now = clock.now()
            claims.sent(session, message, now, self._line.provider)
            if not self._sent:
                claims.resume(session, now)
        self._sent += 1
        log.info("message sent", message=message.id, kind=message.kind, attempts=message.attempts)

    def _later(self, message: Message, failure: Failure) -> None:
        with self._parts.database.transaction() as session:
            claims.reschedule(session, message, clock.now(), failure, self._line.provider)
        log.warning("message not sent", message=message.id, stage=str(failure.stage), attempts=message.attempts)

    def _hold(self, message: Message, failure: Failure) -> None:
        with self._parts.database.transaction() as session:
            claims.suspend(session, message, clock.now(), failure, self._line.provider)
        log.warning("nothing can be sent", message=message.id, stage=str(failure.stage), attempts=message.attempts)

    def _end(self, message: Message, state: MessageState, failure: Failure | None = None) -> None:
        with self._parts.database.transaction() as session:
            claims.finish(session, message, clock.now(), state, failure, self._line.provider)
        log.info("message ended", message=message.id, state=str(state), stage=str(failure.stage) if failure else "")


def _identity(message: Message) -> str:
    """What makes the Message-ID: the same for each attempt, so that mail programs can fold a copy."""
    return f"{message.id} {message.created_at.isoformat()}"


def _require_public_url(message: Message, settings: CurrentSettings) -> None:
    """Require what links begin with; it is never guessed from a request. Raises NotReady."""
    kind = find_kind(message.kind)
    if kind is not None and kind.needs_link and not settings.general.public_url:
        raise NotReady("no_public_url")


def _require_time(message: Message) -> None:
    if clock.now() + SPARE >= message.deadline:
        raise TooLate
