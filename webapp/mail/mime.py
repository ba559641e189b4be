"""A mail as it goes over the wire.

Flask-Mail's own message mangles UTF-8 mailboxes and newer domain names, leaves names unquoted,
wraps everything in multipart/mixed, and names this machine in the Message-ID; so ours keeps its
fields and writes itself with the standard library's newer classes, which also refuse line breaks
in headers.
"""

import unicodedata
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any

import flask_mail
import idna

from webapp.core import clock
from webapp.core.email_addresses import ENCODED_WORD

# Lines may be longer than this neither in our 7-bit parts nor, by RFC 5322, anywhere (998).
MAX_LINE_LENGTH = 900


class Email(flask_mail.Message):
    """One mail with a text and an HTML part, from and to one address each.

    `sender` and `reply_to` are pairs of name and address. `headers` come on top of the usual ones.
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
        self.written_at = clock.now()
        if self.needs_utf8:
            self.mail_options.append("SMTPUTF8")

    @property
    def needs_utf8(self) -> bool:
        """Whether a mailbox has letters outside ASCII, which only SMTPUTF8 (RFC 6531) can carry."""
        return not all(mailbox(one).isascii() for one in (self.sender[1], *map(str, self.recipients)))

    def as_bytes(self) -> bytes:
        """The mail, ready for DATA but for the dots."""
        return self._written().as_bytes()

    def as_string(self) -> str:
        """The same as text."""
        return self._written().as_string()

    def _written(self) -> EmailMessage:
        rules: Any = policy.SMTPUTF8 if self.needs_utf8 else policy.SMTP
        mail = EmailMessage(rules.clone(cte_type="7bit"))
        mail["From"] = address(*self.sender)
        mail["To"] = address("", str(self.recipients[0]))
        mail["Subject"] = self.subject
        mail["Date"] = format_datetime(self.written_at)
        mail["Message-ID"] = self.msgId
        if self.reply_to and (self.needs_utf8 or mailbox(self.reply_to[1]).isascii()):
            mail["Reply-To"] = address(*self.reply_to)
        text, html = self.body or "", self.html or ""
        mail.set_content(text, cte=_encoding(text))
        mail.add_alternative(html, subtype="html", cte=_encoding(html))
        # Last, as the lines before move every Content-* header away.
        for name, value in (self.extra_headers or {}).items():
            mail[name] = value
        return mail


def split(value: str) -> tuple[str, str]:
    """Name and address of a saved sender, which may or may not carry a name."""
    name, bare = parseaddr(value)
    return name, bare or value


def mailbox(value: str) -> str:
    """The part before the @."""
    return value.rpartition("@")[0]


def ascii_domain(value: str) -> str:
    """The part after the @, as A-labels. Raises idna.IDNAError for what is no domain."""
    domain = value.rpartition("@")[2]
    return domain if domain.isascii() else idna.encode(domain, uts46=True).decode()


def address(name: str, value: str) -> Address:
    """An address as a header takes it. Raises ValueError on line breaks, also those inside an encoded word."""
    if ENCODED_WORD in value:
        raise ValueError("the address holds an encoded word")
    return Address(name, mailbox(value), ascii_domain(value))


def single_line(value: str) -> str:
    """The text on one line, without control characters, broken surrogates and what headers would decode."""
    words = " ".join(value.split()).replace(ENCODED_WORD, "= ?")
    return "".join(c for c in words if unicodedata.category(c) not in ("Cc", "Cs", "Co", "Cn"))


def _encoding(text: str) -> str | None:
    """As it is where that can be, so that a link stays whole in any client; else what the library finds best."""
    plain = text.isascii() and max(map(len, text.splitlines()), default=0) < MAX_LINE_LENGTH
    return "7bit" if plain else None
