"""How an attempt failed, and what follows from that: for the message, for the server, and for other messages."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from webapp.mail.transport import rejections
from webapp.mail.transport.errors import DeliveryError, Scope
from webapp.outbox import claims, suspension
from webapp.outbox.claims import Claimed, LocalStage
from webapp.outbox.connection import NotReady
from webapp.outbox.models import AttemptResult, Message, MessageState
from webapp.outbox.routing import Route
from webapp.providers import Failure

# Attempts after which an error in our own code ends a message.
MAX_PREPARE_ATTEMPTS = 5
# Changes a locked message after a failure of a provider, and perhaps others of its route; returns whether others can be
# sent.
Change = Callable[[Session, Message, datetime, Failure, str, Route], bool]


@dataclass(frozen=True)
class Failed:
    """An attempt that failed.

    `change` is what happens to the message if no other server takes it; `elsewhere` says that one may. `pauses` says
    that other messages would have failed as well, so that the server is in trouble.
    """

    failure: Failure
    change: Change
    result: AttemptResult = AttemptResult.FAILED
    transcript: str = ""
    elsewhere: bool = False
    pauses: bool = False


def rejected(message: Claimed, error: DeliveryError) -> Failed:
    """Return what follows from a failure to send a message."""
    is_sender_of_its_own = False
    elsewhere = rejections.may_be_sent_elsewhere(error)
    if message.submission_id:
        scope = rejections.scope_of_own_sender(error)
        is_sender_of_its_own, error.scope = scope is not error.scope, scope
    change = _CHANGES[Scope.RECIPIENT if error.permanent else error.scope]
    result = AttemptResult.UNCERTAIN if error.scope is Scope.UNCERTAIN else AttemptResult.FAILED
    # A server that doesn't reply to what it got would not reply to others either: they go through the next one.
    pauses = (elsewhere or error.scope is Scope.UNCERTAIN) and not is_sender_of_its_own
    return Failed(error.failure, change, result, error.transcript.as_text(), elsewhere, pauses)


def not_ready(error: NotReady) -> Failed:
    """Return what follows from settings that can't be used."""
    return Failed(error.failure, suspension.suspend, elsewhere=True, pauses=True)


def not_prepared(message: Claimed, error: Exception) -> Failed:
    """Return what follows from an error in our own code, such as a template that fails."""
    failure = Failure(LocalStage.PREPARING, "not_prepared", {"error": type(error).__name__})
    return Failed(failure, fail if message.attempts >= MAX_PREPARE_ATTEMPTS else retry)


def fail(_session: Session, message: Message, now: datetime, failure: Failure, provider: str, _route: Route) -> bool:
    """Give a message up."""
    claims.finish(message, now, MessageState.FAILED, failure, provider)
    return True


def retry(_session: Session, message: Message, now: datetime, failure: Failure, provider: str, _route: Route) -> bool:
    """Have a message tried again by itself."""
    claims.reschedule(message, now, failure, provider)
    return True


def _expire(
    _session: Session, message: Message, now: datetime, _failure: Failure, _provider: str, _route: Route
) -> bool:
    claims.finish(message, now, MessageState.EXPIRED)
    return True


_CHANGES: dict[Scope, Change] = {
    Scope.SERVER: suspension.suspend,
    Scope.UNCERTAIN: suspension.hold_uncertain,
    Scope.MESSAGE: retry,
    Scope.RECIPIENT: fail,
    Scope.EXPIRED: _expire,
}
