"""The form of the Security page: numbers within bounds, and times as a number and a unit."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from flask_babel import gettext as _
from flask_babel.speaklater import LazyString
from wtforms import BooleanField, Field, IntegerField, SelectField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, NumberRange

from webapp.core.formatting import format_minutes as minutes_in_words
from webapp.core.texts import lazy_gettext as lazy
from webapp.settings.security import SecurityPolicy
from webapp.web.forms import VersionedForm

HOUR, DAY = 60, 24 * 60
UNITS = {1: lazy("minutes"), HOUR: lazy("hours"), DAY: lazy("days")}
# In minutes: the shortest and the longest that makes sense, per field.
BOUNDS = {
    "activation": (5, 30 * DAY),
    "reset": (5, 7 * DAY),
    "idle": (5, 90 * DAY),
    "sign_in": (15, 90 * DAY),
    "remembered": (60, 365 * DAY),
    "lock": (1, DAY),
}
# In characters. Numbers of hundreds of digits make NumberRange fail.
LONGEST_NUMBER = 20
KINDS = ("password_upper", "password_lower", "password_digits", "password_special")

Check = Callable[["SecurityForm", Field], None]


class WholeNumber(IntegerField):
    """A field that says in one sentence what number it takes, whatever else is typed."""

    def __init__(self, label: str, least: int, most: int, text: str, **given: Any) -> None:
        super().__init__(label, [InputRequired(text), NumberRange(least, most, text)], **given)
        self._text = text

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take the number. Raises ValueError, in words for a person."""
        if any(len(value) > LONGEST_NUMBER for value in valuelist):
            raise ValueError(self._text)
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError(self._text) from None


def number(label: str, least: int, most: int) -> WholeNumber:
    """A number between two others."""
    text = lazy("Enter a whole number from %(least)s to %(most)s.", least=least, most=most)
    return WholeNumber(label, least, most, text)


def time(label: str, name: str) -> WholeNumber:
    """The number of a time, whose unit the field beside it has; `BOUNDS[name]` is checked with both."""
    least, most = (LazyString(minutes_in_words, bound) for bound in BOUNDS[name])
    text = lazy("Enter a whole number that gives a time from %(least)s to %(most)s.", least=least, most=most)
    return WholeNumber(label, 1, 365 * DAY, text)


def unit() -> SelectField:
    """What the number before it counts."""
    return SelectField(
        lazy("Unit"), coerce=int, choices=[SelectChoice(str(size), name) for size, name in UNITS.items()]
    )


class SecurityForm(VersionedForm):
    """All that Security holds; a time of `x_minutes` there is the pair `x` and `x_unit` here."""

    password_length = number(lazy("Minimum length"), 8, 64)
    password_common = BooleanField(lazy("Reject passwords that are easy to guess or have been leaked"))
    password_upper = number(lazy("Minimum uppercase letters"), 0, 10)
    password_lower = number(lazy("Minimum lowercase letters"), 0, 10)
    password_digits = number(lazy("Minimum digits"), 0, 10)
    password_special = number(lazy("Minimum special characters"), 0, 10)
    password_days = number(lazy("Maximum password age (days)"), 0, 3650)
    password_former = number(lazy("Previous passwords that can't be reused"), 0, 24)
    activation = time(lazy("Activation links expire after"), "activation")
    activation_unit = unit()
    reset = time(lazy("Reset links expire after"), "reset")
    reset_unit = unit()
    idle = time(lazy("Sign out after inactivity of"), "idle")
    idle_unit = unit()
    sign_in = time(lazy("Maximum session length"), "sign_in")
    sign_in_unit = unit()
    remembered = time(lazy("Maximum session length with “Remember me”"), "remembered")
    remembered_unit = unit()
    lock_after = number(lazy("Failed attempts before lockout"), 3, 100)
    lock = time(lazy("Lockout duration"), "lock")
    lock_unit = unit()

    @classmethod
    def showing(cls, present: SecurityPolicy) -> "SecurityForm":
        """The form with the settings in force, or with what was sent."""
        values: dict[str, Any] = {name: getattr(present, name) for name in _plain()}
        for name in BOUNDS:
            minutes = getattr(present, f"{name}_minutes")
            values[f"{name}_unit"] = max(size for size in UNITS if minutes % size == 0)
            values[name] = minutes // values[f"{name}_unit"]
        return cls(data=values)

    def security(self) -> SecurityPolicy:
        """What was sent, once it is valid."""
        values: dict[str, Any] = {name: self[name].data for name in _plain()}
        values |= {f"{name}_minutes": self.minutes(name) for name in BOUNDS}
        return SecurityPolicy(**values)

    def minutes(self, name: str) -> int:
        """The minutes of one of the times; 0 while it is no time."""
        size = self[f"{name}_unit"].data
        return int(self[name].data or 0) * (size if size in UNITS else 0)

    def validate(self, extra_validators: Any = None) -> bool:
        """Also whether the times are within bounds, and whether the numbers go together."""
        checks: dict[str, list[Check]] = {name: [_within_bounds] for name in BOUNDS}
        checks["idle"].append(_not_longer("sign_in"))
        checks["sign_in"].append(_not_longer("remembered"))
        return super().validate({**checks, **(extra_validators or {})})

    def validate_password_length(self, field: Field) -> None:
        """A password has to have room for all that it must hold."""
        wanted = sum(self[kind].data or 0 for kind in KINDS)
        if wanted > (field.data or 0):
            raise ValidationError(_("The minimums below already add up to %(wanted)s characters.", wanted=wanted))


def _plain() -> list[str]:
    return [field.name for field in fields(SecurityPolicy) if not field.name.endswith("_minutes")]


def _within_bounds(form: SecurityForm, field: Field) -> None:
    least, most = BOUNDS[field.name]
    if not least <= form.minutes(field.name) <= most:
        raise ValidationError(
            _("Enter a time from %(least)s to %(most)s.", least=minutes_in_words(least), most=minutes_in_words(most))
        )


def _not_longer(other: str) -> Check:
    def check(form: SecurityForm, field: Field) -> None:
        if form.minutes(field.name) > form.minutes(other) > 0:
            label = form[other].label.text
            raise ValidationError(
                _("This is longer than “%(other)s” below, so it would never take effect.", other=label)
            )

    return check
