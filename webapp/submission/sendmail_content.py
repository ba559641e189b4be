"""An email as programs write it to sendmail, made into one that a mail server takes.

Lines end as on Unix; headers may be missing, or name local users; cron's output may contain anything.
"""

import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from email.utils import formataddr, getaddresses, parseaddr

HEADER = re.compile(rb"[!-9;-~]+[ \t]*:")
MAX_LINE = 998
RECIPIENT_HEADERS = ("to", "cc", "bcc")
UNENCODED = ("", "7bit", "8bit")
Qualify = Callable[[str], str]


@dataclass(frozen=True)
class Content:
    """The header fields, each with its folded lines, and the body; lines end with LF."""

    fields: Sequence[bytes]
    body: bytes

    @classmethod
    def read(cls, written: bytes, ignores_dots: bool) -> "Content":
        """Read what was written to standard input."""
        text = written.replace(b"\r\n", b"\n")
        if not ignores_dots:
            text = re.split(rb"(?m)^\.$\n?", text, maxsplit=1)[0]
        if text.startswith(b"From "):  # of a mailbox file
            text = text.partition(b"\n")[2]
        fields: list[bytes] = []
        while text:
            line, _, rest = text.partition(b"\n")
            if fields and line[:1] in (b" ", b"\t") and line.strip():
                fields[-1] += b"\n" + line
            elif HEADER.match(line):
                fields.append(line)
            else:
                # A body without headers, or without a blank line before it, is a body all the same.
                return cls(fields, text if line else rest)
            text = rest
        return cls(fields, b"")

    def recipients(self) -> list[str]:
        """Return the addresses in To, Cc and Bcc."""
        return [one for name in RECIPIENT_HEADERS for value in self._values(name) for one in addresses(value)]

    def sender(self) -> str:
        """Return the address in From; empty if there is none."""
        return parseaddr("".join(self._values("from")[:1]))[1]

    def completed(self, sender: str, name: str, sending: Qualify, receiving: Qualify) -> "Content":
        """Return it without Bcc, with a From header, and with domains after the names of local users."""
        fields = [field for field in self.fields if _name(field) != "bcc"]
        if not self._values("from"):
            fields.insert(0, _field("From", formataddr((name, sender or sending("postmaster")))))
        domains = {"from": sending, "sender": sending, "to": receiving, "cc": receiving, "reply-to": receiving}
        fields = [_qualified(field, domains[key]) if (key := _name(field)) in domains else field for field in fields]
        return replace(self, fields=fields)

    def octets(self) -> bytes:
        """Return it as SMTP carries it. Raises ValueError if that can't be."""
        content = self if _is_clean(self.body) else self._encoded()
        head = b"".join(field.replace(b"\r", b" ").replace(b"\0", b"") + b"\n" for field in content.fields)
        return (head + b"\n" + content.body).replace(b"\n", b"\r\n")

    def _encoded(self) -> "Content":
        """Return it with its text as quoted-printable, in which lines may be long and every character is allowed."""
        encoding = "".join(self._values("content-transfer-encoding")).strip().lower()
        kind = "".join(self._values("content-type")).strip().lower() or "text/plain"
        if encoding not in UNENCODED or not kind.startswith("text/"):
            raise ValueError(f"the body has a CR alone, a NUL, or a line of more than {MAX_LINE} bytes")
        fields = [field for field in self.fields if _name(field) != "content-transfer-encoding"]
        if not self._values("mime-version"):
            fields.append(b"MIME-Version: 1.0")
        if not self._values("content-type"):
            fields.append(b"Content-Type: text/plain; charset=utf-8")
        fields.append(b"Content-Transfer-Encoding: quoted-printable")
        lines = [binascii.b2a_qp(line, istext=False) for line in self.body.split(b"\n")]
        return Content(fields, b"\n".join(lines))

    def _values(self, name: str) -> list[str]:
        return [_value(field) for field in self.fields if _name(field) == name]


def addresses(text: str) -> list[str]:
    """Return the addresses in a list, which may have names and comments."""
    return [address for _, address in getaddresses([text]) if address]


def _is_clean(body: bytes) -> bool:
    return not re.search(rb"(?m)[\r\0]|^[^\n]{%d}" % (MAX_LINE + 1), body)


def _name(field: bytes) -> str:
    return field.partition(b":")[0].strip().decode("ascii").lower()


def _value(field: bytes) -> str:
    return field.partition(b":")[2].decode(errors="surrogateescape").replace("\n", "").strip()


def _qualified(field: bytes, qualify: Qualify) -> bytes:
    """Return the field with a domain after each address that has none."""
    found = getaddresses([_value(field)])
    if all("@" in address for _, address in found if address):
        return field
    named = [formataddr((name, qualify(address))) for name, address in found if address]
    return _field(field.partition(b":")[0].decode("ascii"), ", ".join(named))


def _field(name: str, value: str) -> bytes:
    return f"{name}: {value}".encode(errors="surrogateescape")
