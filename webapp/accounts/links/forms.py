"""The field for the code from an email."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as lazy
from wtforms import Field, StringField, ValidationError
from wtforms.validators import DataRequired

from webapp.accounts.links import codes
from webapp.web.forms import Form


def code_field() -> StringField:
    """Return the field `code`; its data is normalised."""
    return StringField(
        lazy("Code"),
        [DataRequired(lazy("Enter the code from the email.")), valid_code],
        render_kw={"autocapitalize": "characters", "spellcheck": "false", "dir": "ltr"},
    )


def valid_code(form: Form, field: Field) -> None:
    """Require something that looks like a code, and normalise it."""
    if not (code := codes.normalise(field.data)):
        raise ValidationError(_("A code has eight letters and digits, such as ABCD-EF12."))
    field.data = code
