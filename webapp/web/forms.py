"""What every form shares: nothing a browser sends is taken on trust, and every error stands beside its field."""

import unicodedata
from collections.abc import Sequence
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from flask_wtf import FlaskForm
from wtforms import Field, HiddenField, PasswordField, SelectMultipleField, StringField, TextAreaField

from webapp.web.csrf import FormCsrf

MAX_TEXT_LENGTH = 2000
# Control characters, line ends, halves of characters, and what reverses or hides what stands beside it, so that a
# name can look like another (Unicode's general categories). Passwords hold none of these either (RFC 8264, 9.13).
REFUSED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Some scripts and emoji are written with these joiners.
JOINERS = "\u200c\u200d"
# Letters and symbols by their category, and blank.
FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
STALE = lazy_gettext("This page was open too long, so nothing was saved. Please submit it again.")


class Form(FlaskForm):
    """A form that refuses doubled fields, control characters and overlong text, on every field."""

    class Meta:
        """WTForms merges this into FlaskForm's: the CSRF token is that of `web.csrf`."""

        csrf_class = FormCsrf

    def __init__(self, **given: Any) -> None:
        # Left to itself it would take JSON and uploaded files for fields too, and neither holds texts alone.
        given.setdefault("formdata", (request.form or None) if self.submitted() else None)
        super().__init__(**given)

    def validate_on_submit(self, extra_validators: Any = None) -> bool:
        """Whether the request sends the form, and all is right."""
        return self.submitted() and self.validate(extra_validators)

    def validate(self, extra_validators: Any = None) -> bool:
        """Whether all fields are right. A stale CSRF token is told in words, in `form_errors`."""
        valid: bool = super().validate(extra_validators)
        if self.is_stale:
            self.form_errors.append(str(STALE))
        for field in self:
            problem = self._problem_of(field)
            if problem:
                field.errors = [problem]
                valid = False
        self._focus_first_mistake()
        return valid

    @property
    def is_stale(self) -> bool:
        """Whether it comes from a page of another session; known once it was validated."""
        return "csrf_token" in self and bool(self["csrf_token"].errors)

    def problem(self, name: str, text: str) -> bool:
        """Put an error beside a field, before any it has. Always False, for `return`."""
        self[name].errors = (text, *self[name].errors)
        self._focus_first_mistake()
        return False

    def _focus_first_mistake(self) -> None:
        """Have a page that comes back start where the first mistake is."""
        first = next(iter(errors_of(self)), None)
        for field in self:
            others = {name: value for name, value in (field.render_kw or {}).items() if name != "autofocus"}
            field.render_kw = {**others, "autofocus": True} if field is first else others

    @staticmethod
    def submitted() -> bool:
        """Whether the request sends a form."""
        return request.method == "POST"

    def sent(self, name: str) -> bool:
        """Whether the browser sent this field at all, blank or not."""
        return name in request.form

    def _problem_of(self, field: Field) -> str | None:
        values = request.form.getlist(field.name)
        if len(values) > 1 and not isinstance(field, SelectMultipleField):
            return _("This field was sent twice. Reload the page and try again.")
        if not values or not isinstance(field, StringField):
            return None
        return text_problem(values[0], lines=isinstance(field, TextAreaField), secret=isinstance(field, PasswordField))


def text_problem(value: str, lines: bool = False, secret: bool = False, most: int = MAX_TEXT_LENGTH) -> str | None:
    """What keeps a text from being a field's value, in words. A secret may end in a pasted line break."""
    if len(value) > most:
        return ngettext(
            "Too long: %(num)s character (maximum %(most)s).",
            "Too long: %(num)s characters (maximum %(most)s).",
            len(value),
            most=most,
        )
    allowed = f"{JOINERS}\n\r\t" if lines else JOINERS
    inside = value.strip("\r\n") if secret else value
    if any((unicodedata.category(c) in REFUSED or c in FILLERS) and c not in allowed for c in inside):
        return _("Line breaks and control characters are not allowed here.")
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
    """A button and nothing else; carries the CSRF token."""


def text(field: Field) -> str:
    """What was typed."""
    return field.data or ""


def stripped(value: str | None) -> str:
    """Filter: without the white space around it, which came along when it was copied."""
    return (value or "").strip()


def errors_of(form: Form) -> Sequence[Field]:
    """The fields that have errors, for the summary at the top of a form."""
    return [field for field in form if field.errors and field.name != "csrf_token"]
