"""An email as it goes over the wire.

Flask-Mail's own message mangles UTF-8 mailboxes and newer domain names, leaves names unquoted, wraps everything
in multipart/mixed and names this machine in the Message-ID. So `Email` keeps its fields and serializes itself;
its headers through the newer classes of the standard library, which also refuse line breaks in them.
"""

import binascii
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from typing import Any

import flask_mail
import idna

from webapp.core import clock
from webapp.core.email_addresses import ENCODED_WORD

# RFC 5322 allows lines of 998 characters; longer ones are encoded.
MAX_PLAIN_LINE_LENGTH = 900
# RFC 2045, 6.8: lines of 76 characters.
BASE64_LINE_LENGTH = 76
# Addresses whose header needs neither quoting nor folding.
_SIMPLE_ADDRESS = re.compile(r"(?=.{1,70}\Z)[A-Za-z0-9_]+(?:[.+-][A-Za-z0-9_]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_RULES: dict[bool, Any] = {False: policy.SMTP, True: policy.SMTPUTF8}


@dataclass(frozen=True)
class WireEmail:
    """One email as the mail server gets it: the envelope, and the content before dot-stuffing.

    `header_id` is its Message-ID. The domains of both addresses are A-labels.
    """

    sender: str
    recipient: str
    header_id: str
    needs_utf8: bool
    content: bytes = field(repr=False)


class Email(flask_mail.Message):
    """One email with a text and an HTML part, from and to one address each.

    `sender` and `reply_to` are pairs of name and address. `headers` are added to the usual ones.
    """

    def __init__(
        self,
        *,
        subject: str,
        sender: tuple[str, str],
        recipient: str,
        text: str,
        html: str,
        message_id: str,
        reply_to: tuple[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        # The base would join a pair without quoting the name.
        super().__init__(subject, [recipient], text, html, sender=sender[1], extra_headers=headers)
        self.sender: tuple[str, str] = sender
        self.reply_to: tuple[str, str] | None = reply_to
        self.msgId = message_id
        self.composed_at = clock.now()
        if self.needs_utf8:
            self.mail_options.append("SMTPUTF8")

    @property
    def needs_utf8(self) -> bool:
        """Whether a mailbox has non-ASCII characters, which only SMTPUTF8 (RFC 6531) can carry."""
        return not all(mailbox(address).isascii() for address in (self.sender[1], *map(str, self.recipients)))

    def to_wire(self, headers: Mapping[str, str]) -> WireEmail:
        """Return the email as the server gets it, with the provider's headers added."""
        sender, recipient = (bare_address(one) for one in (self.sender[1], str(self.recipients[0])))
        return WireEmail(sender, recipient, self.msgId, self.needs_utf8, self.as_bytes(headers))

    def as_bytes(self, headers: Mapping[str, str] | None = None) -> bytes:
        """Return the email as DATA carries it, before dot-stuffing, with the provider's headers added."""
        to = recipient_header(str(self.recipients[0]), self.needs_utf8)
        fixed = self.fixed_headers(headers or {})
        return serialize(fixed, to, self.composed_at, self.msgId, self.body or "", self.html or "")

    def fixed_headers(self, headers: Mapping[str, str]) -> bytes:
        """Return the headers that don't depend on whom the email is for, with the provider's headers added."""
        utf8 = self.needs_utf8
        lines = [_header("From", self.sender, utf8), _header("Subject", self.subject or "", utf8)]
        if self.reply_to and (utf8 or mailbox(self.reply_to[1]).isascii()):
            lines.append(_header("Reply-To", self.reply_to, utf8))
        extra = {"MIME-Version": "1.0", **(self.extra_headers or {}), **headers}
        return b"".join([*lines, *(_header(name, value, utf8) for name, value in extra.items())])


def serialize(
    fixed_headers: bytes, to_header: bytes, composed_at: datetime, message_id: str, text: str, html: str
) -> bytes:
    """Return an email with a text and an HTML part. The same arguments give the same bytes.

    `composed_at` is in UTC, `message_id` has its angle brackets.
    """
    boundary = f"=_{hashlib.sha256(message_id.encode()).hexdigest()[:32]}"
    while boundary in text or boundary in html:
        boundary += "_"
    return b"".join(
        (
            fixed_headers,
            to_header,
            f"Date: {_date(composed_at.replace(microsecond=0))}\r\nMessage-ID: {message_id}\r\n"
            f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n--{boundary}\r\n'.encode("ascii"),
            text_part("plain", text),
            f"\r\n--{boundary}\r\n".encode("ascii"),
            text_part("html", html),
            f"\r\n--{boundary}--\r\n".encode("ascii"),
        )
    )


def recipient_header(address: str, utf8: bool = False) -> bytes:
    """Return the header To. Raises ValueError on line breaks and on encoded words."""
    if is_simple(address):
        return f"To: {address}\r\n".encode("ascii")
    return _header("To", ("", address), utf8)


def is_simple(address: str) -> bool:
    """Return whether an address can stand as it is in a header and in an envelope."""
    return _SIMPLE_ADDRESS.fullmatch(address) is not None


def split_sender(value: str) -> tuple[str, str]:
    """Return the name and the address of a saved sender; the name may be empty."""
    name, address = parseaddr(value)
    return name, address or value


def mailbox(address: str) -> str:
    """Return the part before the @."""
    return address.rpartition("@")[0]


def ascii_domain(address: str) -> str:
    """Return a domain, or that of an address, as A-labels. Raises idna.IDNAError for an invalid one."""
    domain = address.rpartition("@")[2]
    return domain if domain.isascii() else idna.encode(domain, uts46=True).decode()


def bare_address(address: str) -> str:
    """Return the address without a name, its domain in A-labels. Raises idna.IDNAError for an invalid one."""
    if is_simple(address):
        return address
    bare = parseaddr(address)[1]
    return f"{mailbox(bare)}@{ascii_domain(bare)}"


def header_address(name: str, address: str) -> Address:
    """Return an address for a header. Raises ValueError on line breaks, also inside an encoded word."""
    if ENCODED_WORD in address:
        raise ValueError("the address contains an encoded word")
    return Address(name, mailbox(address), ascii_domain(address))


def single_line(text: str) -> str:
    """Return the text as one line, without control characters, lone surrogates and what headers would decode."""
    if not text.isprintable():
        text = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cs", "Co", "Cn"))
    return " ".join(text.split()).replace(ENCODED_WORD, "= ?")


@lru_cache(maxsize=16)
def _date(value: datetime) -> str:
    return format_datetime(value)


@lru_cache(maxsize=256)
def _header(name: str, value: str | tuple[str, str], utf8: bool) -> bytes:
    """Return one folded header of a text, or of a pair of name and address. Raises ValueError on line breaks."""
    rules = _RULES[utf8]
    stored = rules.header_store_parse(name, header_address(*value) if isinstance(value, tuple) else value)
    return bytes(rules.fold_binary(*stored))


def text_part(subtype: str, text: str) -> bytes:
    """Return one part with its headers, as it is where possible, else in base64.

    Quoted-printable breaks lines inside links, which not every mail program repairs; relays turn 8bit into it.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    plain = text.isascii() and max(map(len, lines)) < MAX_PLAIN_LINE_LENGTH
    content = "\r\n".join(lines).encode()
    encoding = "7bit" if plain else "base64"
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
    return head.encode("ascii") + (content if plain else base64_lines(content))


def base64_lines(content: bytes) -> bytes:
    """Return the content in base64."""
    line = binascii.b2a_base64(content, newline=False)
    starts = range(0, len(line), BASE64_LINE_LENGTH)
    return b"\r\n".join([line[start : start + BASE64_LINE_LENGTH] for start in starts]) + b"\r\n"
