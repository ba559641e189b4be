"""The filter of the list of messages."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as lazy
from wtforms import Field, SelectChoice, SelectField, StringField, ValidationError

from webapp.applications.names import known_names
from webapp.outbox.filters import Filter, StateFilter
from webapp.outbox.kinds import all_kinds
from webapp.web.forms import Form, parse_date, text, valid_date


def kind_choices() -> list[SelectChoice]:
    """List all kinds, after a choice for all of them."""
    return [SelectChoice("", _("All types")), *(SelectChoice(kind.name, str(kind.label)) for kind in all_kinds())]


def application_choices() -> list[SelectChoice]:
    """List the applications, after a choice for all messages."""
    return [SelectChoice("", _("All")), *(SelectChoice(str(one), name) for one, name in known_names().items())]


class FilterForm(Form):
    """Filters the list. It is part of the URL and changes nothing, so it carries no CSRF token."""

    class Meta:
        """Configures WTForms."""

        csrf = False

    state = StringField()
    address = StringField(lazy("Recipient"))
    kind = SelectField(lazy("Type"), choices=kind_choices, validate_choice=False)
    application = SelectField(lazy("Application"), choices=application_choices, validate_choice=False)
    since = StringField(lazy("From"), [valid_date])
    until = StringField(lazy("To"), [valid_date])

    def validate_kind(self, field: Field) -> None:
        """Accept registered kinds only."""
        if field.data and field.data not in [kind.name for kind in all_kinds()]:
            raise ValidationError(_("Choose a type from the list."))

    def validate_application(self, field: Field) -> None:
        """Accept existing applications only."""
        if field.data and field.data not in map(str, known_names()):
            raise ValidationError(_("Choose an application from the list."))

    def validate_until(self, field: Field) -> None:
        """Accept no end before the start."""
        if not self.since.errors and (first := parse_date(self.since)) and (last := parse_date(field)) and last < first:
            raise ValidationError(_("This date is before the start date."))

    @property
    def shown(self) -> StateFilter:
        """The tab; that of all messages unless another one is named."""
        name = text(self.state)
        return StateFilter(name) if name in list(StateFilter) else StateFilter.ALL

    def to_filter(self) -> Filter:
        """Return the filter, once the form is valid."""
        days = parse_date(self.since), parse_date(self.until)
        application_id = int(text(self.application)) if text(self.application) else None
        return Filter(self.shown, text(self.kind), text(self.address), *days, application_id=application_id)

    def query_args(self) -> Mapping[str, Any]:
        """Return the fields that are filled in, for the URL, without the tab."""
        return {field.name: field.data for field in self if field.data and field.name != "state"}

    def names(self) -> list[str]:
        """Name the fields that limit the list, for the audit trail."""
        return [*(["state"] if self.shown is not StateFilter.ALL else []), *self.query_args()]
