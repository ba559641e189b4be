"""The forms of the pages of applications."""

from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from wtforms import BooleanField, Field, SelectChoice, SelectField, StringField, TextAreaField, ValidationError

from webapp.applications.service import DEFAULT_OVERLAP
from webapp.applications.values import MAX_MESSAGES_PER_HOUR, InvalidValues, Values, check
from webapp.core.i18n import lazy_gettext as lazy
from webapp.core.text import read_whole_number
from webapp.web.fields import whole_number
from webapp.web.forms import Form, VersionedForm, text

MAX_CONTENT_DAYS = 365
# In hours.
OVERLAPS = {
    0: lazy("It stops working at once"),
    1: lazy("One hour"),
    24: lazy("One day"),
    7 * 24: lazy("One week"),
    30 * 24: lazy("30 days"),
}


class LinesField(TextAreaField):
    """A text area whose value is a list with one item in each line."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Split the text."""
        self.data = [line for line in valuelist[0].splitlines() if line.strip()] if valuelist else []

    def _value(self) -> str:
        return self.raw_data[0] if self.raw_data else "\n".join(self.data or [])


class ApplicationForm(VersionedForm):
    """What an application is and may do. Its fields are named as in Values, which has their rules."""

    name = StringField(lazy("Name"))
    may_send = BooleanField(lazy("Send emails"))
    may_manage_users = BooleanField(lazy("Manage users"))
    allowed_senders = LinesField(lazy("Allowed senders"))
    messages_per_hour = StringField(lazy("Messages per hour"))
    networks = LinesField(lazy("Networks"))
    trusts_networks = BooleanField(lazy("Accept email from these networks without a secret"))
    return_urls = LinesField(lazy("Return URLs"))

    @classmethod
    def of(cls, values: Values, **given: Any) -> "ApplicationForm":
        """Return the form with these values, or with what was posted."""
        limit = values.messages_per_hour
        return cls(data={**values.as_columns(), "messages_per_hour": "" if limit is None else str(limit)}, **given)

    def to_values(self) -> Values:
        """Return what was entered; the form must be valid."""
        limit = text(self.messages_per_hour)
        values = {name: self[name].data for name in Values.__dataclass_fields__}
        return Values(**{**values, "messages_per_hour": read_whole_number(limit) if limit else None})

    def validate_messages_per_hour(self, field: Field) -> None:
        """Accept a number, or nothing."""
        if text(field) and read_whole_number(text(field)) is None:
            raise ValidationError(
                _("Enter a whole number from %(least)s to %(most)s.", least=1, most=MAX_MESSAGES_PER_HOUR)
            )

    def validate(self, extra_validators: object = None) -> bool:
        """Check everything but what needs the database."""
        valid = super().validate(extra_validators)
        try:
            check(self.to_values())
        except InvalidValues as error:
            self.report_invalid(error)
            return False
        return valid

    def report_invalid(self, error: InvalidValues) -> None:
        """Show each error beside its field."""
        for name, problem in error.errors.items():
            if not self[name].errors:
                self.add_error(name, str(problem))


class RotateForm(Form):
    """How long the previous secret is valid beside the new one."""

    overlap = SelectField(
        lazy("Previous secret"),
        coerce=int,
        choices=[SelectChoice(str(hours), label) for hours, label in OVERLAPS.items()],
        default=DEFAULT_OVERLAP // timedelta(hours=1),
    )

    @property
    def chosen(self) -> timedelta:
        """What was chosen."""
        return timedelta(hours=self.overlap.data)


class ContentForm(Form):
    """How long the content of emails is kept."""

    content_days = whole_number(lazy("Days to keep the content of delivered emails"), 0, MAX_CONTENT_DAYS)
