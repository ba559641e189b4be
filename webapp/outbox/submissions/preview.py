"""Handed-in emails as their recipients see them, for a page. Anybody may have written them, so nothing is trusted."""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Part
from email.policy import Compat32

import structlog

from webapp.mail.mime import single_line
from webapp.outbox.submissions.headers import split

# In characters: what a page shows of a text, and of a header.
MAX_TEXT, MAX_HEADER = 200_000, 1000
MAX_ATTACHMENTS = 50
# The parser takes a second for this many lines or parts: the lines of 30 MB of attachments.
MAX_LINES, MAX_PARTS = 400_000, 10_000
# It compares each line with the boundaries of all multiparts that the line may be in.
MAX_COMPARISONS = 4_000_000
MULTIPART = re.compile(rb"multipart/", re.IGNORECASE)
# Of domain names, and decoded in a time that grows with the square of the length.
SLOW_CHARSETS = ("punycode", "idna")
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


class _ShortHeaders(Compat32):
    """Cuts headers off, as the time to read one grows with the square of its length."""

    def header_source_parse(self, sourcelines: Sequence[str]) -> tuple[str, str]:
        """Return the name and the value of a header."""
        name, value = super().header_source_parse(list(sourcelines))
        return name, value[:MAX_HEADER]


def read(content: bytes, subject: str) -> StoredEmail | None:
    """Return the email with this content; None if it can't be read, or not in a few seconds."""
    lines, multiparts = content.count(b"\n"), len(MULTIPART.findall(content))
    if lines > MAX_LINES or lines * multiparts > MAX_COMPARISONS or content.count(b"\n--") > MAX_PARTS:
        return None
    try:
        fields = split(content)
        sender, recipients = (_decoded(", ".join(fields.values(name))) for name in ("from", "to"))
        parts = [part for part in message_from_bytes(content, policy=_ShortHeaders()).walk() if not part.is_multipart()]
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
    octets = part.get_payload(decode=True) if part else b""
    if part is None or not isinstance(octets, bytes):
        return ""
    # A character has at most four octets.
    octets = octets[: 4 * MAX_TEXT]
    try:
        text = octets.decode(_charset(part), "replace")
    except LookupError:  # a codec that is no charset
        text = octets.decode("utf-8", "replace")
    return text[:MAX_TEXT].replace("\r\n", "\n")


def _charset(part: Part) -> str:
    """Return the charset of a text. Raises LookupError if it is unknown."""
    name = codecs.lookup(part.get_content_charset("utf-8")).name
    return "utf-8" if name in SLOW_CHARSETS else name


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
