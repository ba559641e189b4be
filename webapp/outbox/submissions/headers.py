"""The headers of a handed-in email: found in its bytes, which stay as they are but for a few lines."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import HeaderRegistry
from email.utils import format_datetime
from typing import Any

from webapp.core.email_addresses import comparison_key, validate
from webapp.core.errors import MailroomError
from webapp.mail.mime import is_simple, single_line

# A message of the usual size has a few thousand octets of headers; Postfix takes 102,400.
MAX_HEADERS = 256 * 1024
# Of From or Sender, for which the standard library's parser takes ever longer: a tenth of a second for this much.
MAX_SENDER_HEADER = 2000
MAX_SUBJECT_LENGTH = 300
# Whom the email is from, for its reader (RFC 5322, 3.6.2): what an application may use only as far as it is allowed to.
SENDER_HEADERS = ("from", "sender")
# RFC 5322, 2.2: printable ASCII but the colon.
_NAME = re.compile(rb"[!-9;-~]+")
# Up to the first @ in one way only, or a long one would take seconds.
_MESSAGE_ID = re.compile(r"<[^<>@\s]+@[^<>\s]+>")
# The end of a field: the next line doesn't continue it.
_UNFOLDED = re.compile(rb"\r\n(?![ \t])")
_NAMED = re.compile(r'[^<>"@,;:\\()\[\]=]*<([^<>\s]+)>')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_REGISTRY: Any = HeaderRegistry()


class InvalidContent(MailroomError):
    """The content is no email; the message says why, in English."""


@dataclass(frozen=True)
class Field:
    """One header field: its name in lower case, and all of its octets with the line end."""

    name: str
    octets: bytes

    @property
    def value(self) -> str:
        """The value on one line, as it is written."""
        unfolded = self.octets.partition(b":")[2].replace(b"\r\n", b"")
        return unfolded.decode("utf-8", "replace").strip()


@dataclass(frozen=True)
class Content:
    """The content of an email, cut in two: its header fields, and its body with the blank line before it."""

    fields: Sequence[Field]
    body: bytes

    def values(self, name: str) -> list[str]:
        """Return the values of all fields of this name, which is in lower case."""
        return [field.value for field in self.fields if field.name == name]

    @property
    def message_id(self) -> str:
        """The Message-ID; empty if there is none."""
        found = _MESSAGE_ID.search(" ".join(self.values("message-id")))
        return found[0][:320] if found else ""

    @property
    def subject(self) -> str:
        """The subject as it is read, on one line."""
        written = " ".join(self.values("subject"))[: 4 * MAX_SUBJECT_LENGTH]
        return single_line(_decoded(written) if "=?" in written else written)[:MAX_SUBJECT_LENGTH]

    @property
    def is_bulk(self) -> bool:
        """Whether it says that it is one of many (RFC 2076, 3.9; RFC 2919)."""
        return bool(self.values("list-id")) or any(one.lower() in ("bulk", "list") for one in self.values("precedence"))

    @property
    def needs_utf8(self) -> bool:
        """Whether a header holds characters that only SMTPUTF8 can carry (RFC 6531)."""
        return not all(field.octets.isascii() for field in self.fields)

    def senders(self) -> list[str]:
        """Return the addresses in From and Sender.

        Raises InvalidContent if they can't be told, or if not every program would find the same ones.
        """
        for name in SENDER_HEADERS:
            if len(self.values(name)) > 1:
                raise InvalidContent(f"The message has more than one {name.capitalize()} header.")
        if not self.values("from"):
            raise InvalidContent("The message has no From header.")
        return [
            address for name in SENDER_HEADERS for value in self.values(name) for address in _addresses(value, name)
        ]

    def complete(self, trace: bytes, message_id: str, composed_at: datetime) -> bytes:
        """Return the email as it is sent: the trace first, without Bcc, with the Date and Message-ID if it has none.

        `trace` is a whole Received field, or nothing.
        """
        added, dropped = [trace], {"bcc", "resent-bcc"}
        if not self.values("date"):
            added.append(f"Date: {format_datetime(composed_at.replace(microsecond=0))}\r\n".encode("ascii"))
        if not self.message_id:
            added.append(f"Message-ID: {message_id}\r\n".encode("ascii"))
            dropped.add("message-id")
        kept = [field.octets for field in self.fields if field.name not in dropped]
        return b"".join([*added, *kept, self.body])


def split(content: bytes) -> Content:
    """Cut the content of an email, whose lines end in CRLF, in two. Raises InvalidContent."""
    breaks = content.count(b"\r\n")
    if content.count(b"\n") != breaks or content.count(b"\r") != breaks:
        raise InvalidContent("The message contains a bare line feed or carriage return. Lines must end in CRLF.")
    if b"\0" in content:
        raise InvalidContent("The message contains a NUL character.")
    if content.startswith(b"\r\n"):
        head, body = b"", content
    else:
        end = content.find(b"\r\n\r\n", 0, MAX_HEADERS)
        head, body = (content[: end + 2], content[end + 2 :]) if end >= 0 else (content, b"\r\n")
    if len(head) > MAX_HEADERS:
        raise InvalidContent(f"The headers of the message are longer than {MAX_HEADERS} octets.")
    return Content([_field(octets) for octets in _unfolded(head)], body)


def _unfolded(head: bytes) -> list[bytes]:
    """Return the octets of each field, with its folded lines (RFC 5322, 2.2.3)."""
    return [octets + b"\r\n" for octets in _UNFOLDED.split(head.removesuffix(b"\r\n"))] if head else []


def _field(octets: bytes) -> Field:
    name, colon, _value = octets.partition(b":")
    name = name.rstrip(b" \t")
    if not colon or not _NAME.fullmatch(name):
        raise InvalidContent("The message has a line among its headers that is no header.")
    return Field(name.decode("ascii").lower(), octets)


def _decoded(written: str) -> str:
    try:
        return str(_REGISTRY("Subject", written))
    except Exception:  # the parser raises errors of many types; a subject is only shown
        return written


def _addresses(value: str, name: str) -> list[str]:
    """Return the addresses in a header that has some, in the form for comparisons.

    Each must be written in one piece, and nothing else may have an @ but names in quotes: programs differ in how they
    read comments, encoded words and spaces within addresses, and would show another sender than the one compared.
    """
    title = name.capitalize()
    if len(value) > MAX_SENDER_HEADER:
        raise InvalidContent(f"The {title} header of the message is longer than {MAX_SENDER_HEADER} characters.")
    named = _NAMED.fullmatch(value)
    simple = named[1] if named else value
    if is_simple(simple):
        return [comparison_key(simple)]
    unreadable = InvalidContent(f"The {title} header of the message can't be read.")
    try:
        parsed = _REGISTRY(name, value)
        found = [one.addr_spec for one in parsed.addresses]
        keys = [comparison_key(validate(one)) for one in found]
    except Exception as error:  # an invalid address, or one of the many types that the parser raises
        raise unreadable from error
    unquoted = _QUOTED.sub("", value)
    if parsed.defects or not found or unquoted.count("@") != len(found) or not all(one in unquoted for one in found):
        raise unreadable
    return keys
