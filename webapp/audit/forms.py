"""What to show of the trail."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask_babel import gettext as _
from wtforms import Field, SelectChoice, SelectField, StringField, ValidationError
from wtforms.validators import Length, StopValidation

from webapp.audit import registry
from webapp.audit.trail import Filter
from webapp.core.email_addresses import MAX_LENGTH
from webapp.core.texts import lazy_gettext as lazy
from webapp.web.forms import Form, stripped, text, text_problem


def a_line(form: Form, field: Field) -> None:
    """Validator: nothing that cannot be seen."""
    if problem := text_problem(text(field)):
        raise ValidationError(problem)


def a_day(form: Form, field: Field) -> None:
    """Validator: a day as browsers send it, or nothing."""
    try:
        day(field)
    except ValueError as error:
        raise StopValidation(_("Enter a date such as 2026-11-23.")) from error


def day(field: Field) -> date | None:
    """The day that was typed, if any. Raises ValueError."""
    return date.fromisoformat(text(field)) if text(field) else None


def event_choices() -> list[SelectChoice]:
    """List all event types, and the choice of all of them."""
    types = registry.event_types()
    return [SelectChoice("", lazy("All events")), *(SelectChoice(known.key, str(known.label)) for known in types)]


class FilterForm(Form):
    """Narrows the trail. It is part of the address and changes nothing, so it carries no CSRF token."""

    class Meta:
        """As FlaskForm has it."""

        csrf = False

    event = SelectField(lazy("Event"), choices=event_choices, validate_choice=False)
    person = StringField(
        lazy("Person"), [a_line, Length(max=MAX_LENGTH, message=lazy("Too long."))], filters=[stripped]
    )
    client = StringField(lazy("IP address"), [a_line, Length(max=64, message=lazy("Too long."))], filters=[stripped])
    since = StringField(lazy("From"), [a_day], filters=[stripped])
    until = StringField(lazy("To"), [a_day], filters=[stripped])

    def validate_event(self, field: Field) -> None:
        """One that there is."""
        if field.data and field.data not in [event_type.key for event_type in registry.event_types()]:
            raise ValidationError(_("Choose an event from the list."))

    def validate_until(self, field: Field) -> None:
        """Not before the first day."""
        if not self.since.errors and (first := day(self.since)) and (last := day(field)) and last < first:
            raise ValidationError(_("This date is before the start date."))

    def wanted(self) -> Filter:
        """The filter, once it is valid."""
        return Filter(text(self.event), text(self.person), text(self.client), day(self.since), day(self.until))

    def given(self) -> Mapping[str, Any]:
        """What is filled in, as it stands in the address."""
        return {field.name: field.data for field in self if field.data}
