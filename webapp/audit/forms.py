"""The filter of the audit trail."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as lazy
from wtforms import Field, SelectChoice, SelectField, StringField, ValidationError

from webapp.audit import registry
from webapp.audit.service import Filter
from webapp.web.forms import Form, parse_date, text, valid_date


def event_choices() -> list[SelectChoice]:
    """List all event types, after a choice for all of them."""
    types = registry.event_types()
    return [SelectChoice("", _("All events")), *(SelectChoice(known.key, str(known.label)) for known in types)]


class FilterForm(Form):
    """Filters the trail. It is part of the URL and changes nothing, so it carries no CSRF token."""

    class Meta:
        """Configures WTForms."""

        csrf = False

    event = SelectField(lazy("Event"), choices=event_choices, validate_choice=False)
    person = StringField(lazy("Person"))
    ip_address = StringField(lazy("IP address"))
    since = StringField(lazy("From"), [valid_date])
    until = StringField(lazy("To"), [valid_date])

    def validate_event(self, field: Field) -> None:
        """Accept registered event types only."""
        if field.data and field.data not in [known.key for known in registry.event_types()]:
            raise ValidationError(_("Choose an event from the list."))

    def validate_until(self, field: Field) -> None:
        """Accept no end before the start."""
        if not self.since.errors and (first := parse_date(self.since)) and (last := parse_date(field)) and last < first:
            raise ValidationError(_("This date is before the start date."))

    def to_filter(self) -> Filter:
        """Return the filter, once the form is valid."""
        return Filter(
            text(self.event), text(self.person), text(self.ip_address), parse_date(self.since), parse_date(self.until)
        )

    def query_args(self) -> Mapping[str, Any]:
        """Return the fields that are filled in, for the URL."""
        return {field.name: field.data for field in self if field.data}
