"""Form fields that several packages use."""

from typing import Any

from flask_babel.speaklater import LazyString
from wtforms import IntegerField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, NumberRange

from webapp.core.formatting import format_minutes
from webapp.core.i18n import lazy_gettext as lazy
from webapp.core.text import read_whole_number

HOUR, DAY = 60, 24 * 60
UNITS = {1: lazy("minutes"), HOUR: lazy("hours"), DAY: lazy("days")}


class WholeNumberField(IntegerField):
    """A whole number, with one error message for whatever else is entered."""

    def __init__(self, label: str, minimum: int, maximum: int, message: str, **options: Any) -> None:
        super().__init__(label, [InputRequired(message), NumberRange(minimum, maximum, message)], **options)
        self._message = message

    def process_formdata(self, valuelist: list[str]) -> None:
        """Parse the number. Raises ValueError with the message."""
        if valuelist:
            self.data = read_whole_number(valuelist[0])
            if self.data is None:
                raise ValueError(self._message)


def whole_number(label: str, minimum: int, maximum: int) -> WholeNumberField:
    """Return a field for a number between two others."""
    message = lazy("Enter a whole number from %(least)s to %(most)s.", least=minimum, most=maximum)
    return WholeNumberField(label, minimum, maximum, message)


def duration(label: str, shortest: int, longest: int) -> WholeNumberField:
    """Return a field for the number of a duration; `duration_unit` is the field beside it. Limits are in minutes.

    The form has to check the limits, as they hold for both fields together.
    """
    least, most = (LazyString(format_minutes, limit) for limit in (shortest, longest))
    message = lazy("Enter a whole number that gives a time from %(least)s to %(most)s.", least=least, most=most)
    return WholeNumberField(label, 1, 365 * DAY, message)


def duration_unit() -> SelectField:
    """Return a field for the unit of a duration; its value is the unit in minutes."""
    choices = [SelectChoice(str(minutes), name) for minutes, name in UNITS.items()]
    return SelectField(lazy("Unit"), coerce=int, choices=choices)
