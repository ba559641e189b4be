"""What the documents of several endpoints have in common."""

from datetime import UTC, datetime
from typing import Any

from marshmallow import Schema, fields, validate


class FieldErrorSchema(Schema):
    """What is wrong with one part of a request; exactly one of `pointer`, `parameter` and `header` names it."""

    detail = fields.String(required=True, metadata={"description": "What is wrong with it."})
    pointer = fields.String(metadata={"description": "Of a part of the body: a JSON pointer, such as `#/to/0`."})
    parameter = fields.String(metadata={"description": "Of a parameter of the query: its name."})
    header = fields.String(metadata={"description": "Of a header: its name."})


class ProblemSchema(Schema):
    """Why a request was refused (RFC 9457). Nothing was changed."""

    type = fields.String(required=True, metadata={"description": "Identifies the kind of problem."})
    title = fields.String(required=True, metadata={"description": "Names the kind of problem."})
    status = fields.Integer(required=True, strict=True, metadata={"description": "The HTTP status."})
    detail = fields.String(required=True, metadata={"description": "Explains this occurrence to a person."})
    errors = fields.List(fields.Nested(FieldErrorSchema), metadata={"description": "The parts that are not valid."})


class IdempotencySchema(Schema):
    """The header of all requests that change something."""

    key = fields.String(
        data_key="Idempotency-Key",
        validate=validate.Regexp(r"^[!-~]{1,255}\Z", error="Use 1 to 255 visible ASCII characters, without spaces."),
        metadata={
            "description": "Any text, such as a UUID, that is new for each request. A request that is sent again with "
            "the same key within 24 hours is not carried out again, and gets the same response.",
            "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
            "pattern": "^[!-~]{1,255}$",
        },
    )


class TimeField(fields.AwareDateTime):
    """A time with its zone, as UTC; one that UTC can't express is refused."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> datetime:
        try:
            return super()._deserialize(value, attr, data, **options).astimezone(UTC)
        except OverflowError as error:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE) from error


def time_field(description: str, **options: Any) -> fields.String:
    """Return the field of a time in a response."""
    return fields.String(metadata={"format": "date-time", "description": description}, **options)
