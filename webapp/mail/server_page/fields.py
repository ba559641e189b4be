"""Fields and checks of the mail server form: what counts as a host, a port, a sender."""

import ipaddress
import re
from datetime import date
from email.headerregistry import Address
from typing import Any

import idna
from email_validator import EmailNotValidError, ValidatedEmail, validate_email
from flask_babel import gettext as _
from wtforms import DateField, Field, Form, IntegerField, TextAreaField, ValidationError

from webapp.core.email_addresses import ENCODED_WORD
from webapp.web.forms import stripped

# A name, quoted or as it is, and an address in angle brackets.
_NAMED = re.compile(r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^<>"]*))\s*<(?P<address>[^<>]*)>')
MAX_SENDER_LENGTH = 320
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)


class ReadField(Field):
    """What is typed as text and read; a blank field is none, one that was not sent stays as it is."""

    def read(self, text: str) -> object:
        """The value of a text. Raises ValueError with words for people."""
        raise NotImplementedError

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was sent."""
        if valuelist:
            text = valuelist[0].strip()
            self.data = None
            self.data = self.read(text) if text else None


class NumberField(ReadField, IntegerField):
    """A whole number in ASCII digits."""

    def read(self, text: str) -> int:
        """The number."""
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise ValueError(_("Enter a whole number, using the digits 0 to 9."))
        return int(text)

    def _value(self) -> str:
        if self.data is not None:
            return str(self.data)
        return str(self.raw_data[0]) if self.raw_data else ""


class DayField(ReadField, DateField):
    """A day, as browsers send it; blank is none. What was typed into another provider's form may come as text."""

    def process_data(self, value: Any) -> None:
        """Take a day, also as text."""
        self.data = None
        if isinstance(value, date):
            self.data = value
        elif value:
            self.process_formdata([str(value)])

    def read(self, text: str) -> date:
        """The day."""
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise ValueError(_("Enter a date, such as 2027-01-31.")) from None


class SecretTextField(TextAreaField):
    """A secret of many lines. It is never shown again."""

    def _value(self) -> str:
        return ""


def host_name(value: str | None) -> str:
    """A host as one types or pastes it, without spaces, brackets and the final dot."""
    text = stripped(value).rstrip(".")
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def host_problem(host: str) -> str | None:
    """What keeps a text from being a host name or an IP address, in words."""
    if "://" in host or "/" in host:
        return _("Enter only the host name, without https:// or a path.")
    if "@" in host:
        return _("This is an email address. Enter the server's host name, such as smtp.example.com.")
    if is_address(host):
        return None
    if re.fullmatch(r"[0-9.]+", host):
        return _("This is not a valid IP address.")
    if host.count(":") == 1:
        return _("Enter only the host name. The port has its own field.")
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        name = ""
    if not name or len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        return _("This is not a valid host name. Enter one such as smtp.example.com.")
    return None


def is_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def valid_host(form: Form, field: Field) -> None:
    """Validator: the field holds a host."""
    if field.data and (problem := host_problem(field.data)):
        raise ValidationError(problem)


def valid_sender(form: Form, field: Field) -> None:
    """Validator: one e-mail address, with or without a name before it; the name is quoted where it must be."""
    text = field.data or ""
    if len(text) > MAX_SENDER_LENGTH:
        # Said by the field's length already, and long to look at.
        return
    named = _NAMED.fullmatch(text)
    try:
        found = _address(named["address"].strip() if named else text)
    except EmailNotValidError as error:
        if re.search(r"@.*[,;].*@", text):
            raise ValidationError(_("Enter one address, not a list.")) from error
        raise ValidationError(_("Enter an address such as mail@example.com or Example <mail@example.com>.")) from error
    if named:
        name = re.sub(r"\\(.)", r"\1", named["quoted"]) if named["quoted"] is not None else named["plain"].strip()
        if "\r" in name or "\n" in name:
            # Said by the check of all texts, and no part of an address.
            return
        field.data = str(Address(name, found.local_part, found.domain))


def valid_recipient(form: Form, field: Field) -> None:
    """Validator: one bare e-mail address."""
    if len(field.data or "") > MAX_SENDER_LENGTH:
        return
    try:
        _address(field.data or "")
    except EmailNotValidError as error:
        if re.search(r"@.*[,;\s].*@", field.data or ""):
            raise ValidationError(_("Enter one address, not a list.")) from error
        raise ValidationError(_("Enter the address to send the test email to, such as you@example.com.")) from error


def _address(text: str) -> ValidatedEmail:
    """The parts of a bare address. Raises EmailNotValidError."""
    if ENCODED_WORD in text:
        raise EmailNotValidError
    return validate_email(text, check_deliverability=False, globally_deliverable=False)
