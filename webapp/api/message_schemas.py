"""What messages look like in requests and responses."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from webapp.api.fields import (
    MAX_HEADER_LENGTH,
    PLAIN_TEXT,
    AttachmentField,
    HeadersField,
    MailboxesField,
    MailboxField,
    plain_text,
    reference,
)
from webapp.api.schemas import TimeField, time_field
from webapp.core.email_addresses import InvalidEmailAddress
from webapp.core.email_addresses import validate as validate_address
from webapp.outbox.models import AttemptResult, MessageState

MAX_ATTACHMENTS = 100
MAX_ATTACHED = 10 * 1024 * 1024
ID_PATTERN = "^msg_[0-9a-f]{24}$"
STATES = [*MessageState, "mixed"]


def _recipients(description: str) -> MailboxesField:
    return MailboxesField(load_default=list, metadata={**reference("Addresses"), "description": description})


def _check_address(text: str) -> None:
    try:
        validate_address(text)
    except InvalidEmailAddress as error:
        raise ValidationError(str(error)) from None


class MessageSchema(Schema):
    """An email to be sent. It needs `text` or `html`.

    An address is `ada@example.com`, `Ada Lovelace <ada@example.com>`, or an object with `email` and `name`.
    """

    sender = MailboxField(
        data_key="from",
        metadata={
            **reference("Address"),
            "description": "One of the senders that the application may use. Without it, the mail server's sender.",
        },
    )
    to = MailboxesField(
        required=True,
        validate=validate.Length(1, error="Give at least one address."),
        metadata={**reference("Recipients"), "description": "Whom the email is for: an address, or a list of them."},
    )
    cc = _recipients("Who gets a copy.")
    bcc = _recipients("Who gets a copy that the others don't see.")
    reply_to = _recipients("Where replies go.")
    subject = fields.String(
        load_default="",
        validate=[validate.Length(max=MAX_HEADER_LENGTH), plain_text],
        metadata={"pattern": f"^{PLAIN_TEXT}$", "example": "Your invoice"},
    )
    text = fields.String(metadata={"description": "The email as plain text."})
    html = fields.String(metadata={"description": "The email as HTML."})
    headers = HeadersField(load_default=dict, metadata=reference("MessageHeaders"))
    attachments = fields.List(
        AttachmentField(metadata=reference("Attachment")),
        load_default=list,
        validate=validate.Length(max=MAX_ATTACHMENTS),
    )

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: dict[str, Any], **_options: Any) -> None:
        if "text" not in data and "html" not in data:
            raise ValidationError("Give the email as text, as HTML, or as both.", "text")
        if sum(len(one.content) for one in data["attachments"]) > MAX_ATTACHED:
            raise ValidationError(f"Together they are larger than {MAX_ATTACHED} bytes.", "attachments")


class FilterSchema(Schema):
    """What messages are listed."""

    state = fields.String(
        validate=validate.OneOf(list(MessageState)),
        metadata={"description": "Only messages that are in this state for some recipient."},
    )
    recipient = fields.String(
        validate=_check_address,
        metadata={"description": "Only messages to this address.", "format": "idn-email", "maxLength": 254},
    )
    since = TimeField(
        format="iso", metadata={"description": "Only messages from this time on.", "example": "2026-11-30T00:00:00Z"}
    )
    until = TimeField(format="iso", metadata={"description": "Only messages from before this time."})
    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(1, 200),
        metadata={"description": "How many are returned at once."},
    )
    cursor = fields.String(
        validate=validate.Regexp(ID_PATTERN + r"\Z", error="Not a cursor that Mailroom gave."),
        metadata={"description": "`next_cursor` of the page before.", "pattern": ID_PATTERN},
    )


class RecipientChoiceSchema(Schema):
    """Whom it is about."""

    recipient = fields.String(
        validate=_check_address,
        metadata={
            "description": "Only this recipient. Without it, all of them.",
            "format": "idn-email",
            "maxLength": 254,
            "example": "ada@example.com",
        },
    )


class AttemptSchema(Schema):
    """One attempt to send it."""

    number = fields.Integer(required=True)
    started_at = time_field("When it began.", required=True)
    seconds = fields.Float(required=True, metadata={"description": "How long it took."})
    host = fields.String(required=True, metadata={"description": "The mail server."})
    result = fields.String(required=True, validate=validate.OneOf(list(AttemptResult)))
    text = fields.String(required=True, metadata={"description": "What the server said, or else why it failed."})


class RecipientSchema(Schema):
    """What became of the message for one recipient."""

    email = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(list(MessageState)))
    reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why it wasn't sent, or not yet; null if nothing failed."},
    )
    next_attempt_at = time_field("While it waits: when it is tried next.", required=True, allow_none=True)
    finished_at = time_field("When it got the state that it keeps.", required=True, allow_none=True)
    attempts = fields.List(
        fields.Nested(AttemptSchema), metadata={"description": "Newest first; in lists they are left out."}
    )


class MessageStateSchema(Schema):
    """A message and what became of it."""

    id = fields.String(required=True, metadata={"pattern": ID_PATTERN})
    state = fields.String(
        required=True,
        validate=validate.OneOf(STATES),
        metadata={"description": "The state for all recipients, if it is the same; else `mixed`."},
    )
    sender = fields.String(data_key="from", required=True, metadata={"description": "The sender of the envelope."})
    subject = fields.String(required=True)
    message_id = fields.String(required=True, metadata={"description": "Its Message-ID header."})
    size = fields.Integer(required=True, metadata={"description": "In bytes."})
    created_at = time_field("When it was accepted.", required=True)
    recipients = fields.List(fields.Nested(RecipientSchema), required=True)


class MessageListSchema(Schema):
    """A page of messages, newest first."""

    items = fields.List(fields.Nested(MessageStateSchema), required=True)
    next_cursor = fields.String(
        required=True, allow_none=True, metadata={"description": "The `cursor` of the next page; null on the last."}
    )


class AcceptedSchema(Schema):
    """A message that was accepted."""

    id = fields.String(required=True, metadata={"pattern": ID_PATTERN})
    state = fields.String(required=True, validate=validate.OneOf([MessageState.QUEUED]))
