"""The fields of emails in JSON: addresses, headers, files. What they accept is in the OpenAPI document, too."""

import binascii
import mimetypes
import re
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields

from webapp.core.email_addresses import InvalidEmailAddress, validate
from webapp.mail.written import Attachment, Mailbox

# In one field.
MAX_ADDRESSES = 1000
MAX_NAME_LENGTH = 200
# What fits into a line with the name of its header (RFC 5322, 2.1.1).
MAX_HEADER_LENGTH = 900
MAX_HEADERS = 50
MAX_FILENAME_BYTES = 250
# Control characters, and what Unicode calls the end of a line or a paragraph.
CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
PLAIN_TEXT = f"[^{CONTROL}]*"
CONTROL_TEXT = "Line breaks and other control characters are not allowed here."
_CONTROL = re.compile(f"[{CONTROL}]")
# No two parts that follow each other match the same, so that a long text doesn't take long.
_NAMED = re.compile(r"""(?:"((?:[^"\\]|\\.)*)"\s*|([^"<>]*))<([^<>]*)>""")
_ESCAPE = re.compile(r"\\(.)")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,60}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,60}")
_CHARSET = re.compile(r"""charset=(?:"[A-Za-z0-9_.:-]{1,40}"|[A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,100}(?:@[A-Za-z0-9.-]{1,100})?")

# Headers that say nothing about the email as a whole that Mailroom or a server has to say, besides those of programs.
OPEN_HEADERS = (
    "Auto-Submitted",
    "Comments",
    "Feedback-ID",
    "Importance",
    "In-Reply-To",
    "Keywords",
    "List-Archive",
    "List-Help",
    "List-ID",
    "List-Owner",
    "List-Post",
    "List-Subscribe",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Organization",
    "Precedence",
    "Priority",
    "References",
    "Sensitivity",
)
_OPEN = frozenset(name.lower() for name in OPEN_HEADERS)
_OWN_NAME = re.compile(r"[Xx]-[A-Za-z0-9-]{1,70}")

# Parts of the OpenAPI document, by name; the formats say more than Mailroom's own fields can.
ADDRESS: dict[str, Any] = {
    "description": "`ada@example.com`, `Ada Lovelace <ada@example.com>`, or an object with `email` and `name`.",
    "anyOf": [
        {"type": "string", "format": "idn-email", "maxLength": 254},
        {
            "type": "string",
            "pattern": f'^[^{CONTROL}"\\\\<>]{{0,200}}<[a-z0-9]{{1,60}}@([a-z0-9]{{1,60}}\\.)+[a-z]{{2,20}}>$',
        },
        {"$ref": "#/components/schemas/Mailbox"},
    ],
}
ADDRESSES: dict[str, Any] = {
    "description": "An address or a list of addresses.",
    "anyOf": [
        {"$ref": "#/components/schemas/Address"},
        {"type": "array", "items": {"$ref": "#/components/schemas/Address"}, "maxItems": MAX_ADDRESSES},
    ],
}
RECIPIENTS: dict[str, Any] = {
    "description": "One address, or a list of at least one.",
    "anyOf": [ADDRESSES["anyOf"][0], {**ADDRESSES["anyOf"][1], "minItems": 1}],
}
HEADERS: dict[str, Any] = {
    "type": "object",
    "maxProperties": MAX_HEADERS,
    "propertyNames": {"pattern": f"^([Xx]-[A-Za-z0-9-]{{1,70}}|{'|'.join(OPEN_HEADERS)})$"},
    "additionalProperties": {"type": "string", "pattern": f"^{PLAIN_TEXT}$", "maxLength": MAX_HEADER_LENGTH},
    "description": f"Further headers. Their names begin with `X-`, or are one of {', '.join(OPEN_HEADERS)}.",
}
PARTS = {"Address": ADDRESS, "Addresses": ADDRESSES, "Recipients": RECIPIENTS, "MessageHeaders": HEADERS}


def reference(name: str) -> dict[str, Any]:
    """Return the reference to a part of the document, for the metadata of a field."""
    return {"allOf": [{"$ref": f"#/components/schemas/{name}"}]}


class MailboxSchema(Schema):
    """An email address with a name."""

    email = fields.String(
        required=True, metadata={"format": "idn-email", "maxLength": 254, "example": "ada@example.com"}
    )
    name = fields.String(
        metadata={"pattern": f"^{PLAIN_TEXT}$", "maxLength": MAX_NAME_LENGTH, "example": "Ada Lovelace"}
    )


class MailboxField(fields.Field[Mailbox]):
    """One address: `ada@example.com`, `Ada <ada@example.com>`, or an object with `email` and `name`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Mailbox:
        if isinstance(value, str):
            return read_mailbox(value)
        if not isinstance(value, dict):
            raise ValidationError("Give an email address, or an object with `email` and `name`.")
        wrong: dict[str, list[str]] = {name: ["Unknown field."] for name in value if name not in ("email", "name")}
        email, name = value.get("email"), value.get("name", "")
        if not isinstance(email, str):
            wrong["email"] = ["Not a valid string." if "email" in value else "Missing data for required field."]
        if not isinstance(name, str):
            wrong["name"] = ["Not a valid string."]
        if wrong:
            raise ValidationError(wrong)
        return _mailbox(name, str(email))


class MailboxesField(fields.Field[list[Mailbox]]):
    """One address, or a list of addresses."""

    _one = MailboxField()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Mailbox]:
        if isinstance(value, list) and len(value) > MAX_ADDRESSES:
            raise ValidationError(f"At most {MAX_ADDRESSES} addresses can be given here, not {len(value)}.")
        found, wrong = [], {}
        for index, one in enumerate(value if isinstance(value, list) else [value]):
            try:
                found.append(self._one.deserialize(one))
            except ValidationError as error:
                wrong[index] = error.messages
        if wrong:
            raise ValidationError(wrong if isinstance(value, list) else wrong[0])
        return found


class HeadersField(fields.Field[dict[str, str]]):
    """Further headers, by name."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> dict[str, str]:
        if not isinstance(value, dict):
            raise ValidationError("Not an object of names and values.")
        if len(value) > MAX_HEADERS:
            raise ValidationError(f"At most {MAX_HEADERS} headers can be added.")
        wrong = {name: [text] for name, given in value.items() if (text := _wrong_header(name, given))}
        lower = [name.lower() for name in value]
        wrong |= {name: ["The header is there twice."] for name in value if lower.count(name.lower()) > 1}
        if wrong:
            raise ValidationError(wrong)
        return value


class AttachmentField(fields.Field[Attachment]):
    """A file, in base64."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Attachment:
        given: Mapping[str, str] = AttachmentSchema().load(value)
        filename = given["filename"]
        guessed = mimetypes.guess_type(filename)[0] or "application/octet-stream"
        try:
            content = binascii.a2b_base64(given["content"], strict_mode=True)
        except ValueError:
            raise ValidationError({"content": ["Not valid base64."]}) from None
        content_id = given.get("content_id", "")
        return Attachment(filename, given.get("content_type", guessed), content, content_id)


def plain_text(text: str) -> None:
    """Refuse what must not be in a header. Raises ValidationError."""
    if _CONTROL.search(text):
        raise ValidationError(CONTROL_TEXT)


def read_mailbox(text: str) -> Mailbox:
    """Read an address with or without a name. Raises ValidationError."""
    named = _NAMED.fullmatch(text.strip()) if "<" in text else None
    if named is None:
        return _mailbox("", text)
    quoted, bare, address = named.groups()
    return _mailbox(_ESCAPE.sub(r"\1", quoted) if quoted is not None else bare.strip(), address)


def _mailbox(name: str, address: str) -> Mailbox:
    if len(name) > MAX_NAME_LENGTH:
        raise ValidationError(f"The name is longer than {MAX_NAME_LENGTH} characters.")
    plain_text(name)
    try:
        return name, validate(address)
    except InvalidEmailAddress as error:
        raise ValidationError(str(error)) from None


def _wrong_header(name: str, value: Any) -> str:
    if name.lower() not in _OPEN and not _OWN_NAME.fullmatch(name):
        return "This header can't be set here. Use a field of the message for it, or a name that begins with X-."
    if not isinstance(value, str):
        return "Not a valid string."
    if _CONTROL.search(value):
        return CONTROL_TEXT
    return f"Longer than {MAX_HEADER_LENGTH} characters." if len(value) > MAX_HEADER_LENGTH else ""


def _check_filename(name: str) -> None:
    plain_text(name)
    if not name.strip(". ") or "/" in name or "\\" in name:
        raise ValidationError("Not the name of a file.")
    if len(name.encode()) > MAX_FILENAME_BYTES:
        raise ValidationError(f"Longer than {MAX_FILENAME_BYTES} bytes.")


def _check_content_type(given: str) -> None:
    media_type, semicolon, charset = given.partition(";")
    if not _MEDIA_TYPE.fullmatch(media_type) or (semicolon and not _CHARSET.fullmatch(charset.strip(" "))):
        raise ValidationError("Not a media type such as application/pdf.")
    if media_type.lower().startswith(("multipart/", "message/")):
        raise ValidationError("Send it as application/octet-stream.")


def _check_content_id(given: str) -> None:
    if not _CONTENT_ID.fullmatch(given):
        raise ValidationError("Use letters, digits, dots and hyphens, without angle brackets.")


class AttachmentSchema(Schema):
    """A file that is sent with the email."""

    filename = fields.String(
        required=True,
        validate=_check_filename,
        metadata={"pattern": "^[A-Za-z0-9_-][A-Za-z0-9_. -]{0,99}$", "example": "invoice.pdf"},
    )
    content = fields.String(
        required=True,
        metadata={
            "description": "The file in base64. All files together may have 10 MB.",
            "contentEncoding": "base64",
            "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
            "example": "JVBERi0xLjcK",
        },
    )
    content_type = fields.String(
        validate=_check_content_type,
        metadata={
            "description": "Without it, the name of the file tells.",
            "pattern": "^(application|audio|font|image|text|video)/[a-z0-9][a-z0-9.+-]{0,60}$",
            "example": "application/pdf",
        },
    )
    content_id = fields.String(
        validate=_check_content_id,
        metadata={
            "description": "Shows the file inside of the HTML, which refers to it as `cid:` and this.",
            "pattern": "^[A-Za-z0-9.-]{1,100}$",
            "example": "logo",
        },
    )
