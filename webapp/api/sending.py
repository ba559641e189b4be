"""Take the emails of several requests together, so that they wait for the disk once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from flask import Flask, current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.api import idempotency, limits, problems
from webapp.api.endpoint import PREFIX, Counted
from webapp.api.idempotency import RequestKey
from webapp.api.problems import Kind
from webapp.api.replies import Reply
from webapp.applications.models import Application
from webapp.core.app_state import app_state
from webapp.core.batches import Batches
from webapp.core.errors import MailroomError, TooManyRequests
from webapp.core.rate_limits import Allowance
from webapp.outbox.models import MessageState
from webapp.outbox.submissions import service
from webapp.outbox.submissions.headers import InvalidContent
from webapp.outbox.submissions.senders import SenderNotAllowed
from webapp.outbox.submissions.service import Handed, HourlyLimitReached
from webapp.web.problems import FieldError

EXTENSION = "mailroom.api.emails"

SENDER_NOT_ALLOWED = Kind(
    "sender-not-allowed",
    403,
    "Sender not allowed",
    "The application may not send from this address. Its senders are set in Settings → Applications.",
)
TOO_MANY_MESSAGES = Kind(
    "too-many-messages",
    429,
    "Too many messages",
    "The application has sent to as many recipients as it may in an hour. Retry-After says when to try again.",
)
problems.KINDS += [SENDER_NOT_ALLOWED, TOO_MANY_MESSAGES]


@dataclass(frozen=True)
class Email:
    """An email to take, of an application, and the key of its request, if it has one."""

    application: Application
    handed: Handed
    key: RequestKey | None


class SameKey(Exception):
    """Two requests of a batch have the same key, so that they have to be carried out one after the other."""


def init_app(app: Flask) -> None:
    """Give the application its batches."""
    app.extensions[EXTENSION] = Batches(_take_all)


def take(email: Email) -> Counted:
    """Count a request and take its email; return once that is committed. Raises TooManyRequests."""
    batches: Batches[Email, Counted] = current_app.extensions[EXTENSION]
    return batches.add(app_state().database, email)


def _take_all(session: Session, emails: Sequence[Email]) -> list[Counted | Exception]:
    """Take emails in one transaction. What belongs to a refused one is undone, but for its count. Raises SameKey."""
    keys = [email.key.name for email in emails if email.key]
    if len(set(keys)) < len(keys):
        raise SameKey
    results: dict[int, Counted | Exception] = {}
    allowances: dict[int, Allowance] = {}
    # In this order everywhere, as each application's row stays locked.
    order = sorted(range(len(emails)), key=lambda index: emails[index].application.id)
    let_in = _let_in(session, {email.application.id for email in emails})
    for index in order:
        if emails[index].application.id not in let_in:
            results[index] = problems.APPLICATION_DISABLED.problem()
            continue
        try:
            allowances[index] = limits.count(session, emails[index].application.id)
        except TooManyRequests as error:
            results[index] = error
    new = [index for index in order if index in allowances and _is_new(session, emails[index])]
    sealer = app_state().sealer
    taken = service.submit_all(session, sealer, [(emails[index].application, emails[index].handed) for index in new])
    for index, result in zip(new, taken, strict=True):
        results[index] = Counted(_reply(session, emails[index], result), allowances[index])
    for index, allowance in allowances.items():
        key = emails[index].key
        if index not in results and key is not None:
            results[index] = Counted(_replayed(session, key), allowance)
    return [results[index] for index in range(len(emails))]


def _let_in(session: Session, ids: Collection[int]) -> set[int]:
    """Return which applications may still send; none of these is deleted before the commit."""
    enabled = select(Application.id).where(Application.id.in_(ids), Application.disabled_at.is_(None))
    return set(session.scalars(enabled.order_by(Application.id).with_for_update(read=True, key_share=True)))


def _is_new(session: Session, email: Email) -> bool:
    return email.key is None or idempotency.claim(session, email.key)


def _reply(session: Session, email: Email, result: str | MailroomError) -> Reply | MailroomError:
    if isinstance(result, MailroomError):
        if email.key:
            idempotency.forget(session, email.key)
        return _refusal(result)
    location = f"{PREFIX}/messages/{result}"
    reply = Reply({"id": result, "state": MessageState.QUEUED}, 202, {"Location": location})
    if email.key:
        idempotency.keep(session, app_state().sealer, email.key, reply)
    return reply


def _replayed(session: Session, key: RequestKey) -> Reply | MailroomError:
    try:
        return idempotency.replay(session, app_state().sealer, key)
    except MailroomError as error:
        return error


def _refusal(error: MailroomError) -> MailroomError:
    """Return the problem for a reason why an email isn't taken."""
    if isinstance(error, SenderNotAllowed):
        allowed = ", ".join(error.allowed)
        detail = f"Allowed: {allowed}." if allowed else "No sender is allowed until a mail server is set up."
        return SENDER_NOT_ALLOWED.problem(errors=[FieldError(detail, pointer="#/from")])
    if isinstance(error, HourlyLimitReached):
        if error.never_fits:
            detail = f"The application may send to {error.limit} recipients an hour."
            return problems.invalid([FieldError(detail, pointer="#/to")])
        detail = f"The application may send to {error.limit} recipients an hour, and to {error.left} now."
        return TOO_MANY_MESSAGES.problem(detail, headers={"Retry-After": str(error.retry_after)})
    if isinstance(error, InvalidContent):
        return problems.INVALID_REQUEST.problem(str(error))
    return problems.PERMISSION_MISSING.problem()
