"""What every form shares: nothing from the browser is trusted, and every error is shown beside its field."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

from flask import has_request_context, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from werkzeug.utils import cached_property
from wtforms import BooleanField, Field, HiddenField, PasswordField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.core import UnboundField
from wtforms.validators import StopValidation

from webapp.core.text import JOINERS, hidden_character, trimmed
from webapp.web.csrf import FormCsrf

MAX_TEXT_LENGTH = 2000
STALE = lazy_gettext("This page was open too long, so nothing was saved. Please submit it again.")


class Form(FlaskForm):
    """A form that refuses doubled fields, control characters and overlong text, on every field."""

    class Meta:
        """WTForms merges this into FlaskForm's: the CSRF token is that of `web.csrf`.

        Outside of requests, such as on the command line, there is no browser that others could use.
        """

        csrf_class = FormCsrf

        @cached_property
        def csrf(self) -> bool:
            """Whether the form has a token."""
            return has_request_context()

    def __init__(self, **given: Any) -> None:
        # Flask-WTF would also read fields from JSON and uploaded files, which hold more than texts.
        if "formdata" not in given:
            given["formdata"] = (request.form or None) if self.is_posted() else None
        super().__init__(**given)

    def process(self, formdata: Any = None, *given: Any, **named: Any) -> None:
        """Fill the fields in. Texts that were sent lose the blanks around them; passwords keep theirs.

        A text that was not sent and has no value is empty.
        """
        if formdata is not None:
            exact = {field.name for field in self if isinstance(field, PasswordField)}
            pairs = formdata.items(multi=True)
            formdata = MultiDict([(name, value if name in exact else trimmed(value)) for name, value in pairs])
        super().process(formdata, *given, **named)
        for field in self:
            if isinstance(field, StringField) and field.data is None:
                field.data = ""

    def validate_on_submit(self, extra_validators: Any = None) -> bool:
        """Return whether the form was posted and all fields are right."""
        return self.is_posted() and self.validate(extra_validators)

    def validate(self, extra_validators: Any = None) -> bool:
        """Return whether all fields are right. A CSRF token that is not valid adds an error to `form_errors`."""
        valid: bool = super().validate(extra_validators)
        if self.is_stale:
            self.form_errors.append(str(STALE))
        for field in self:
            problem = self._text_error(field)
            if problem:
                field.errors = [problem]
                valid = False
        self._focus_first_error()
        return valid

    @property
    def is_stale(self) -> bool:
        """Whether the form is from a page of another session; known once it was validated."""
        return "csrf_token" in self and bool(self["csrf_token"].errors)

    def add_error(self, name: str, text: str) -> None:
        """Put an error beside a field, before those that it has."""
        self[name].errors = (text, *self[name].errors)
        self._focus_first_error()

    def lock(self, names: Collection[str]) -> None:
        """Show the fields of these names without letting anybody change them, because the settings file sets them."""
        for field in self:
            if field.name in names:
                field.flags.locked = True
                if isinstance(field, BooleanField | SelectMultipleField) and not field.raw_data:
                    # Browsers don't send locked checkboxes, which would look like some that were cleared.
                    field.data = field.object_data

    def report_locked(self, names: Iterable[str]) -> None:
        """Say at each of these fields that the settings file sets it, because it was changed nevertheless."""
        for name in names:
            text = _("The settings file sets this. Change it there; nothing was saved.")
            if name in self:
                self.add_error(name, text)
            else:
                self.form_errors.append(f"{name}: {text}")

    def _focus_first_error(self) -> None:
        """Put the focus on the first field with an error."""
        first = next(iter(fields_with_errors(self)), None)
        for field in self:
            others = {name: value for name, value in (field.render_kw or {}).items() if name != "autofocus"}
            field.render_kw = {**others, "autofocus": True} if field is first else others

    @staticmethod
    def is_posted() -> bool:
        """Return whether the request posts a form."""
        return has_request_context() and request.method == "POST"

    def _text_error(self, field: Field) -> str | None:
        values = field.raw_data or []
        if len(values) > 1 and not isinstance(field, SelectMultipleField):
            return _("This field was sent twice. Reload the page and try again.")
        if not values or not isinstance(field, StringField):
            return None
        return text_error(values[0], lines=isinstance(field, TextAreaField), secret=isinstance(field, PasswordField))


def text_error(value: str, lines: bool = False, secret: bool = False, most: int = MAX_TEXT_LENGTH) -> str | None:
    """Return what keeps a text from being a field's value, in words. A secret may end in a pasted line break."""
    if len(value) > most:
        return ngettext(
            "Too long: %(num)s character (maximum %(most)s).",
            "Too long: %(num)s characters (maximum %(most)s).",
            len(value),
            most=most,
        )
    allowed = f"{JOINERS}\n\r\t" if lines else JOINERS
    if hidden := hidden_character(value.strip("\r\n") if secret else value, allowed):
        return _(
            "This contains an invisible character (%(character)s). Remove it, or type the text by hand.",
            character=hidden,
        )
    return None


class VersionedForm(Form):
    """A form of settings that others may save meanwhile: it carries the version that it was shown with."""

    version = HiddenField()

    @property
    def expected_version(self) -> int | None:
        """The version that the form was shown with; None if the browser sent none."""
        sent = text(self.version)
        return int(sent) if sent.isascii() and sent.isdigit() and len(sent) < 10 else None

    def show_version(self, version: int) -> None:
        """Carry this version, unless the browser sent one."""
        self.version.data = self.version.data or str(version)

    def report_conflict(self, current: int) -> None:
        """Say that someone else has saved meanwhile. Sent again, the form overwrites the `current` version."""
        self.version.data = str(current)
        self.form_errors.append(
            _(
                "Someone saved these settings while you were editing, so your changes were not saved. "
                "Save again to overwrite."
            )
        )


class ConfirmForm(Form):
    """A form of one button, with a CSRF token."""


def labels_of(form: type[Form]) -> dict[str, str]:
    """Return the labels of the fields that a form declares, by the fields' names."""
    return {name: field.args[0] for name, field in vars(form).items() if isinstance(field, UnboundField) and field.args}


def text(field: Field) -> str:
    """Return what was entered."""
    return field.data or ""


def fields_with_errors(form: Form) -> Sequence[Field]:
    """Return the fields that have errors, for the summary at the top of a form."""
    return [field for field in form if field.errors and field.name != "csrf_token"]


def valid_date(_form: Form, field: Field) -> None:
    """Validator: a date as browsers send it, or nothing."""
    try:
        parse_date(field)
    except ValueError as error:
        raise StopValidation(_("Enter a date such as 2026-11-23.")) from error


def parse_date(field: Field) -> date | None:
    """Return the date that was entered, if any. Raises ValueError."""
    return date.fromisoformat(text(field)) if text(field) else None
