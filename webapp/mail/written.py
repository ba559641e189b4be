"""An email whose every part an application chose, as the bytes that DATA carries.

Its headers are written here, as the standard library takes milliseconds for a simple one, seconds for a long list of
addresses, and decodes what looks like an encoded word (RFC 2047). That is encoded here, so that it is read as it was
given.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.header import Header
from email.utils import encode_rfc2231

from webapp.core.email_addresses import ENCODED_WORD
from webapp.mail import mime
from webapp.mail.mime import bare_address

# RFC 5322, 2.1.1.
LINE_LENGTH = 78
# Names that need no quotes (RFC 5322, 3.2.3): words of atoms.
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ESCAPED = re.compile(r'(["\\])')

Mailbox = tuple[str, str]


@dataclass(frozen=True)
class Attachment:
    """A file. One with a `content_id` is shown inside of the HTML, which refers to it as `cid:…`.

    `content_type` may have a charset: `text/csv; charset=utf-8`. The name is at most 250 bytes long.
    """

    filename: str
    content_type: str
    content: bytes = field(repr=False)
    content_id: str = ""


@dataclass(frozen=True)
class WrittenEmail:
    """The parts of an email; at least one of `text` and `html` is there. Mailboxes are pairs of name and address.

    Everything is valid; there are no line breaks or other control characters in what becomes a header.
    """

    sender: Mailbox
    to: Sequence[Mailbox] = ()
    cc: Sequence[Mailbox] = ()
    reply_to: Sequence[Mailbox] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    attachments: Sequence[Attachment] = ()

    def as_bytes(self) -> bytes:
        """Return the email without Date and Message-ID; its lines end in CRLF."""
        lines = [_addresses("From", [self.sender])]
        lines += [
            _addresses(name, given)
            for name, given in (("To", self.to), ("Cc", self.cc), ("Reply-To", self.reply_to))
            if given
        ]
        lines.append(_text("Subject", self.subject))
        lines += [_text(name, value) for name, value in self.headers.items()]
        body = self._body()
        end = b"" if body.endswith(b"\r\n") else b"\r\n"
        return b"".join([*lines, b"MIME-Version: 1.0\r\n", body, end])

    def _body(self) -> bytes:
        """Return the headers of the body and the body."""
        inline = [_part(one) for one in self.attachments if one.content_id]
        others = [_part(one) for one in self.attachments if not one.content_id]
        shown = [mime.text_part("html", self.html)] if self.html is not None else []
        if inline:
            shown = [_multipart("related", [*(shown or [mime.text_part("html", "")]), *inline])]
        texts = [mime.text_part("plain", self.text)] if self.text is not None else []
        body = [*texts, *shown]
        whole = body[0] if len(body) == 1 else _multipart("alternative", body)
        return _multipart("mixed", [whole, *others]) if others else whole


def _part(attachment: Attachment) -> bytes:
    """Return an attachment with its headers."""
    filename = attachment.filename
    if filename.isascii() and ENCODED_WORD not in filename:
        written = f"filename={_quoted(filename)}"
    else:
        written = f"filename*={encode_rfc2231(filename, 'utf-8')}"
    disposition = "inline" if attachment.content_id else "attachment"
    lines = [
        f"Content-Type: {attachment.content_type}",
        f"Content-Disposition: {disposition};",
        f" {written}",
        "Content-Transfer-Encoding: base64",
    ]
    if attachment.content_id:
        lines.append(f"Content-ID: <{attachment.content_id}>")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + mime.base64_lines(attachment.content)


def _multipart(subtype: str, parts: Sequence[bytes]) -> bytes:
    # So long and random that no part has it.
    boundary = f"=_{secrets.token_hex(16)}"
    delimiter = f"--{boundary}\r\n".encode("ascii")
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'.encode("ascii")
    return head + b"".join(delimiter + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode("ascii")


def _addresses(name: str, mailboxes: Sequence[Mailbox]) -> bytes:
    """Return a header with an address in each line."""
    written = ",\r\n ".join(map(_address, mailboxes))
    return f"{name}: {written}\r\n".encode()


def _address(given: Mailbox) -> str:
    name, address = given[0], bare_address(given[1])
    if not name:
        return address
    if not name.isascii() or ENCODED_WORD in name:
        return f"{_encoded('Reply-To', name)}\r\n <{address}>"
    return f"{name if _ATOMS.fullmatch(name) else _quoted(name)} <{address}>"


def _text(name: str, value: str) -> bytes:
    """Return a header of text, folded at spaces where it is long."""
    if not value.isascii() or ENCODED_WORD in value:
        return f"{name}: {_encoded(name, value)}\r\n".encode("ascii")
    words = value.split(" ")
    lines = [f"{name}: {words[0]}"]
    for word in words[1:]:
        # A line must not be empty but for spaces.
        if word and len(lines[-1]) + 1 + len(word) > LINE_LENGTH and lines[-1].strip():
            lines.append(f" {word}")
        else:
            lines[-1] += f" {word}"
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


def _quoted(text: str) -> str:
    return '"' + _ESCAPED.sub(r"\\\1", text) + '"'


def _encoded(name: str, value: str) -> str:
    """Return a text as encoded words, for the header of this name."""
    return Header(value, "utf-8", header_name=name).encode(linesep="\r\n")
