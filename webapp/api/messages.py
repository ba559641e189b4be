"""`/messages`: send email, see what became of it, cancel it, retry it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from webapp.api import problems, sending
from webapp.api.endpoint import Answer, ApiRequest, Blueprint, Call, Counted, Permission
from webapp.api.message_schemas import (
    ID_PATTERN,
    AcceptedSchema,
    FilterSchema,
    MessageListSchema,
    MessageSchema,
    MessageStateSchema,
    RecipientChoiceSchema,
)
from webapp.api.problems import Kind
from webapp.api.replies import Reply
from webapp.api.sending import SENDER_NOT_ALLOWED, TOO_MANY_MESSAGES, Email
from webapp.core.app_state import app_state
from webapp.core.errors import NotFound
from webapp.mail import servers
from webapp.mail.mime import bare_address, split_sender
from webapp.mail.written import Mailbox, WrittenEmail
from webapp.outbox import labels
from webapp.outbox.models import Attempt, Message, MessageState
from webapp.outbox.submissions import tracking
from webapp.outbox.submissions.models import Submission
from webapp.outbox.submissions.service import Handed
from webapp.outbox.submissions.tracking import NothingToDo
from webapp.web.problems import FieldError, Problem
from webapp.webhooks.events import iso

NOT_CANCELLABLE = Kind(
    "not-cancellable",
    409,
    "Not cancellable",
    "Only a message that waits can be canceled; it was sent, or has ended.",
    NothingToDo,
)
NOT_RETRYABLE = Kind(
    "not-retryable",
    409,
    "Not retryable",
    "Only a message that waits, has failed or is uncertain can be retried, and not when it is too old.",
    NothingToDo,
)
problems.KINDS += [NOT_CANCELLABLE, NOT_RETRYABLE]

EXAMPLE_ID = "msg_0f8c1d2e3a4b5c6d7e8f9a0b"
EXAMPLES = {
    "A text": {
        "to": "ada@example.com",
        "subject": "Your order has been shipped",
        "text": "It arrives on Thursday.\n",
    },
    "An invoice to two people": {
        "from": {"email": "billing@shop.example", "name": "Shop"},
        "to": ["Ada Lovelace <ada@example.com>", {"email": "max@example.com", "name": "Max"}],
        "reply_to": "help@shop.example",
        "subject": "Invoice 1815",
        "text": "The invoice is attached.\n",
        "html": "<p>The invoice is attached.</p>",
        "headers": {"X-Order": "1815"},
        "attachments": [
            {"filename": "invoice.pdf", "content_type": "application/pdf", "content": "JVBERi0xLjcKJSVFT0YK"}
        ],
    },
}
STATE_EXAMPLE = {
    "id": EXAMPLE_ID,
    "state": "sent",
    "from": "billing@shop.example",
    "subject": "Invoice 1815",
    "message_id": "<176449920.6f1b@shop.example>",
    "size": 1382,
    "created_at": "2026-11-30T09:12:44Z",
    "recipients": [
        {
            "email": "ada@example.com",
            "state": "sent",
            "reason": None,
            "next_attempt_at": None,
            "finished_at": "2026-11-30T09:12:45Z",
            "attempts": [
                {
                    "number": 1,
                    "started_at": "2026-11-30T09:12:44Z",
                    "seconds": 0.21,
                    "host": "smtp.example.com",
                    "result": "sent",
                    "text": "250 2.0.0 Ok: queued as 4bXw1Z",
                }
            ],
        }
    ],
}
LIST_EXAMPLE = {
    "items": [{**STATE_EXAMPLE, "recipients": [{**STATE_EXAMPLE["recipients"][0], "attempts": []}]}],  # type: ignore[index]
    "next_cursor": EXAMPLE_ID,
}
ID = {
    "in": "path",
    "name": "message_id",
    "required": True,
    "description": "The id of the message.",
    "schema": {"type": "string", "pattern": ID_PATTERN},
    "example": EXAMPLE_ID,
}
LOCATION = {"Location": {"required": True, "schema": {"type": "string"}, "description": "The path of the message."}}

LINKS = {name: {"message_id": "$response.body#/id"} for name in ("show_message", "cancel_message", "retry_message")}

blueprint = Blueprint("Messages", "Emails, each with a state for each of its recipients.")


@blueprint.operation(
    "POST",
    "/messages",
    permission=Permission.SEND,
    body=MessageSchema,
    examples=EXAMPLES,
    answer=Answer(AcceptedSchema, {"id": EXAMPLE_ID, "state": "queued"}, 202, "Accepted", LOCATION, LINKS),
    refusals=(SENDER_NOT_ALLOWED, TOO_MANY_MESSAGES),
    large=True,
    batched=True,
)
def send_message(asked: ApiRequest) -> Counted:
    """Send an email.

    It is stored before it is answered, and sent at once, in the background. Each recipient has a state.
    """
    body = asked.body
    email = WrittenEmail(
        sender=body.get("sender") or _usual_sender(),
        to=body["to"],
        cc=body["cc"],
        reply_to=body["reply_to"],
        subject=body["subject"],
        text=body.get("text"),
        html=body.get("html"),
        headers=body["headers"],
        attachments=body["attachments"],
    )
    recipients = [bare_address(address) for _name, address in (*body["to"], *body["cc"], *body["bcc"])]
    handed = Handed(bare_address(email.sender[1]), recipients, email.as_bytes())
    return sending.take(Email(asked.application, handed, asked.key))


@blueprint.operation(
    "GET",
    "/messages",
    permission=Permission.SEND,
    query=FilterSchema,
    answer=Answer(MessageListSchema, LIST_EXAMPLE, description="Messages, newest first"),
)
def list_messages(call: Call) -> Reply:
    """List the messages of the application, newest first."""
    query, session, application_id = call.query, call.session, call.application.id
    filters = {name: query[name] for name in ("state", "recipient", "since", "until") if name in query}
    wanted, limit = tracking.Filter(**filters), query["limit"]
    found = tracking.newest(session, application_id, wanted, query.get("cursor", ""), limit + 1)
    shown = found[:limit]
    messages = tracking.messages_of(session, shown)
    return Reply(
        {
            "items": [_state(one, messages[one.id]) for one in shown],
            "next_cursor": shown[-1].public_id if len(found) > limit else None,
        }
    )


@blueprint.operation(
    "GET",
    "/messages/<message_id>",
    permission=Permission.SEND,
    parameters=[ID],
    answer=Answer(MessageStateSchema, STATE_EXAMPLE, description="The message"),
)
def show_message(call: Call, message_id: str) -> Reply:
    """Show what became of a message: its state for each recipient, all attempts, and what the server said."""
    return _shown(call, tracking.find(call.session, call.application.id, message_id))


def _action(name: str, refusal: Kind) -> Callable[[Callable[..., Reply]], Callable[..., Reply]]:
    return blueprint.operation(
        "POST",
        f"/messages/<message_id>/{name}",
        permission=Permission.SEND,
        parameters=[ID],
        body=RecipientChoiceSchema,
        body_required=False,
        examples={"All recipients": {}, "One of them": {"recipient": "ada@example.com"}},
        answer=Answer(MessageStateSchema, STATE_EXAMPLE, description="The message as it is now"),
        refusals=(refusal,),
    )


@_action("cancel", NOT_CANCELLABLE)
def cancel_message(call: Call, message_id: str) -> Reply:
    """Cancel a message, as far as it still waits."""
    return _change(call, message_id, tracking.cancel)


@_action("retry", NOT_RETRYABLE)
def retry_message(call: Call, message_id: str) -> Reply:
    """Send a message now if it waits, failed or is uncertain. Recipients who already have it are left out."""
    return _change(call, message_id, tracking.retry)


def _usual_sender() -> Mailbox:
    with app_state().database.read() as session:
        server = servers.primary(session)
    if server is None:
        raise problems.invalid([FieldError("Give a sender, as no mail server is set up yet.", pointer="#/from")])
    return split_sender(server.mail_from)


def _change(call: Call, message_id: str, change: Callable[[Session, Submission, str], None]) -> Reply:
    submission = tracking.find(call.session, call.application.id, message_id)
    try:
        change(call.session, submission, call.body.get("recipient", ""))
    except NotFound:
        raise Problem(404, "The message has no such recipient.") from None
    return _shown(call, submission)


def _shown(call: Call, submission: Submission) -> Reply:
    messages = tracking.messages_of(call.session, [submission])[submission.id]
    return Reply(_state(submission, messages, tracking.attempts_of(call.session, messages)))


def _state(
    submission: Submission, messages: Sequence[Message], attempts: Mapping[int, Sequence[Attempt]] | None = None
) -> dict[str, Any]:
    states = {message.state for message in messages}
    return {
        "id": submission.public_id,
        "state": states.pop() if len(states) == 1 else "mixed",
        "from": submission.sender,
        "subject": submission.subject,
        "message_id": submission.header_id,
        "size": submission.size,
        "created_at": iso(submission.created_at),
        "recipients": [_recipient(one, None if attempts is None else attempts[one.id]) for one in messages],
    }


def _recipient(message: Message, attempts: Sequence[Attempt] | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "email": message.recipient,
        "state": message.state,
        "reason": message.failure_reply or labels.describe_failure(message) or None,
        "next_attempt_at": iso(message.next_attempt_at) if message.state == MessageState.QUEUED else None,
        "finished_at": iso(message.finished_at) if message.finished_at else None,
    }
    if attempts is not None:
        found["attempts"] = [_attempt(message, one) for one in attempts]
    return found


def _attempt(message: Message, attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "started_at": iso(attempt.started_at),
        "seconds": round(attempt.seconds, 3),
        "host": attempt.host,
        "result": attempt.result,
        "text": labels.describe_attempt(message, attempt),
    }
