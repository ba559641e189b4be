"""An email as it goes over the wire.

Flask-Mail's own message mangles UTF-8 mailboxes and newer domain names, leaves names unquoted, wraps everything
in multipart/mixed and names this machine in the Message-ID. So `Email` keeps its fields and serialises itself
with the newer classes of the standard library, which also refuse line breaks in headers.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any

import flask_mail
import idna

from webapp.core import clock
from webapp.core.email_addresses import ENCODED_WORD

# RFC 5322 allows lines of 998 characters; longer ones are encoded.
MAX_PLAIN_LINE_LENGTH = 900


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
        self.extra_headers = {**(self.extra_headers or {}), **headers}
        sender, recipient = (bare_address(one) for one in (self.sender[1], str(self.recipients[0])))
        return WireEmail(sender, recipient, self.msgId, self.needs_utf8, self.as_bytes())

    def as_bytes(self) -> bytes:
        """Return the email as DATA carries it, before dot-stuffing."""
        rules: Any = policy.SMTPUTF8 if self.needs_utf8 else policy.SMTP
        mime = EmailMessage(rules.clone(cte_type="7bit"))
        mime["From"] = header_address(*self.sender)
        mime["To"] = header_address("", str(self.recipients[0]))
        mime["Subject"] = self.subject
        mime["Date"] = format_datetime(self.composed_at)
        mime["Message-ID"] = self.msgId
        if self.reply_to and (self.needs_utf8 or mailbox(self.reply_to[1]).isascii()):
            mime["Reply-To"] = header_address(*self.reply_to)
        text, html = self.body or "", self.html or ""
        mime.set_content(text, cte=_encoding(text))
        mime.add_alternative(html, subtype="html", cte=_encoding(html))
        # Last, because add_alternative moves all Content-* headers into the first part.
        for name, value in (self.extra_headers or {}).items():
            mime[name] = value
        return mime.as_bytes()


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
    bare = parseaddr(address)[1]
    return f"{mailbox(bare)}@{ascii_domain(bare)}"


def header_address(name: str, address: str) -> Address:
    """Return an address for a header. Raises ValueError on line breaks, also inside an encoded word."""
    if ENCODED_WORD in address:
        raise ValueError("the address contains an encoded word")
    return Address(name, mailbox(address), ascii_domain(address))


def single_line(text: str) -> str:
    """Return the text as one line, without control characters, lone surrogates and what headers would decode."""
    line = " ".join(text.split()).replace(ENCODED_WORD, "= ?")
    return "".join(c for c in line if unicodedata.category(c) not in ("Cc", "Cs", "Co", "Cn"))


def _encoding(text: str) -> str:
    """Return 7bit where possible, else base64.

    Quoted-printable breaks lines inside links, which not every mail program repairs; relays turn 8bit into it.
    """
    plain = text.isascii() and max(map(len, text.splitlines()), default=0) < MAX_PLAIN_LINE_LENGTH
    return "7bit" if plain else "base64"
