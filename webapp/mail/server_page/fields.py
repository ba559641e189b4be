"""Kinds of fields of the mail server form: numbers, days, secrets of several lines, certificates."""

from abc import ABC, abstractmethod
from datetime import date
from typing import Any

from flask_babel import gettext as _
from wtforms import DateField, Field, IntegerField, TextAreaField

from webapp.core import certificates
from webapp.core.text import read_whole_number

MAX_CERTIFICATES = 20


class ParsedField(Field, ABC):
    """A field whose text is parsed. A blank one holds None; one that was not sent keeps its value."""

    @abstractmethod
    def read(self, text: str) -> object:
        """Return the value of a text. Raises ValueError, in words for people."""

    def process_data(self, value: Any) -> None:
        """Take a value, or the text of one, as it is kept for another provider."""
        self.data = None
        if isinstance(value, str):
            self.process_formdata([value])
        else:
            self.data = value

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Parse what was sent."""
        if valuelist:
            self.data = None
            self.data = self.read(valuelist[0]) if valuelist[0] else None


class NumberField(ParsedField, IntegerField):
    """A whole number."""

    def read(self, text: str) -> int:
        """Return the number."""
        number = read_whole_number(text)
        if number is None:
            raise ValueError(_("Enter a whole number, using the digits 0 to 9."))
        return number

    def _value(self) -> str:
        if self.data is not None:
            return str(self.data)
        return str(self.raw_data[0]) if self.raw_data else ""


class DayField(ParsedField, DateField):
    """A day, as browsers send it."""

    def read(self, text: str) -> date:
        """Return the day."""
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise ValueError(_("Enter a date, such as 2027-01-31.")) from None


class SecretTextField(TextAreaField):
    """A secret of several lines, which is never shown again."""

    def _value(self) -> str:
        return ""


class CertificatesField(TextAreaField):
    """Certificates as PEM, without what people paste around them."""

    most = MAX_CERTIFICATES

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was sent. Raises ValueError, in words for people."""
        if not valuelist:
            return
        self.data = valuelist[0]
        try:
            found = certificates.parse(self.data) if self.data else []
        except ValueError:
            text = _("Paste certificates in PEM format. They begin with -----BEGIN CERTIFICATE-----.")
            raise ValueError(text) from None
        if len(found) > self.most:
            raise ValueError(_("Too many certificates: at most %(most)s.", most=self.most))
        self.data = certificates.to_pem(found)


class CertificateField(CertificatesField):
    """One certificate as PEM."""

    most = 1
