"""Handed-in emails as their recipients see them, for a page. Anybody may have written them, so nothing is trusted."""

from dataclasses import dataclass, field
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Part

import structlog

from webapp.mail.mime import single_line
from webapp.outbox.submissions.headers import split

# In characters: what a page shows of a text, and of a header.
MAX_TEXT, MAX_HEADER = 200_000, 1000
MAX_ATTACHMENTS = 50
# The parser takes a second for this many lines or parts: the lines of 30 MB of attachments.
MAX_LINES, MAX_PARTS = 400_000, 10_000
NO_PARTS: tuple["Attachment", ...] = ()

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Attachment:
    """What else is in an email: its name, which may be empty, its type, and its size in bytes."""

    name: str
    content_type: str
    size: int


@dataclass(frozen=True)
class StoredEmail:
    """An email; `body` is its text, and `html` its HTML. Either may be empty."""

    subject: str
    sender: str
    recipients: list[str]
    body: str = ""
    html: str = field(default="", repr=False)
    attachments: tuple[Attachment, ...] = NO_PARTS


def read(content: bytes, subject: str) -> StoredEmail | None:
    """Return the email with this content; None if it can't be read, or not in a few seconds."""
    if content.count(b"\n") > MAX_LINES or content.count(b"\n--") > MAX_PARTS:
        return None
    try:
        fields = split(content)
        sender, recipients = (_decoded(", ".join(fields.values(name))) for name in ("from", "to"))
        parts = [part for part in message_from_bytes(content).walk() if not part.is_multipart()]
        body, html = _first(parts, "text/plain"), _first(parts, "text/html")
        others = tuple(_attachment(part) for part in parts if part is not body and part is not html)
        return StoredEmail(subject, sender, [recipients], _text(body), _text(html), others[:MAX_ATTACHMENTS])
    except Exception as error:  # the parser raises errors of many types, and hostile emails exhaust it
        log.warning("a stored email can't be shown", error=type(error).__name__)
        return None


def _first(parts: list[Part], content_type: str) -> Part | None:
    """Return the first part of a type that is no attachment."""
    wanted = (part for part in parts if part.get_content_type() == content_type)
    return next((part for part in wanted if part.get_content_disposition() != "attachment"), None)


def _text(part: Part | None) -> str:
    if part is None:
        return ""
    octets = part.get_payload(decode=True)
    charset = part.get_content_charset("utf-8")
    try:
        text = octets.decode(charset, "replace") if isinstance(octets, bytes) else ""
    except LookupError:
        text = octets.decode("utf-8", "replace") if isinstance(octets, bytes) else ""
    return text[:MAX_TEXT].replace("\r\n", "\n")


def _attachment(part: Part) -> Attachment:
    octets = part.get_payload(decode=True)
    return Attachment(
        _decoded(part.get_filename("")), part.get_content_type(), len(octets) if isinstance(octets, bytes) else 0
    )


def _decoded(written: str) -> str:
    """Return a header as it is read, on one line (RFC 2047)."""
    try:
        read_as = str(make_header(decode_header(written[: 4 * MAX_HEADER])))
    except Exception:  # the parser raises errors of many types; it is only shown
        read_as = written
    return single_line(read_as)[:MAX_HEADER]
