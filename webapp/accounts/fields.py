"""The fields that several forms have, and what counts as a value for them."""

import unicodedata

from flask_babel import gettext as _
from wtforms import Field, SelectChoice, SelectField, StringField, ValidationError
from wtforms.validators import DataRequired, Length

from webapp.accounts.links import codes
from webapp.core.email_addresses import InvalidEmailAddress, validate
from webapp.core.i18n import LANGUAGES
from webapp.core.texts import lazy_gettext as lazy
from webapp.web.forms import Form, stripped

MAX_NAME_LENGTH = 200
# Not the type `email`: browsers refuse addresses in UTF-8 there.
AS_ADDRESS = {"inputmode": "email", "autocapitalize": "none", "spellcheck": "false"}


def address_field(label: str = lazy("Email address")) -> StringField:
    """The field `email`: one address, normalised."""
    return StringField(
        label,
        [DataRequired(lazy("Enter an email address.")), valid_email],
        filters=[stripped],
        render_kw=AS_ADDRESS,
    )


def name_field() -> StringField:
    """The field `name`."""
    return StringField(
        lazy("Name"),
        [
            DataRequired(lazy("Enter a name.")),
            Length(max=MAX_NAME_LENGTH, message=lazy("Too long: use at most 200 characters.")),
            valid_name,
        ],
        filters=[stripped],
    )


def language_field() -> SelectField:
    """The field `language`; empty stands for what the browser says."""
    browsers_own = SelectChoice("", lazy("Same as the browser"))
    own_names = [SelectChoice(one.code, one.name, {"lang": one.code}) for one in LANGUAGES.values()]
    return SelectField(lazy("Language"), choices=[browsers_own, *own_names], default="")


def code_field() -> StringField:
    """The field `code`; as it comes out, it is as `codes.read` gives it."""
    return StringField(
        lazy("Code"),
        [DataRequired(lazy("Enter the code from the email.")), valid_code],
        filters=[stripped],
        render_kw={"autocapitalize": "characters", "spellcheck": "false", "dir": "ltr"},
    )


def valid_email(form: Form, field: Field) -> None:
    """Validator: one e-mail address, normalised on the way."""
    try:
        field.data = validate(field.data)
    except InvalidEmailAddress as error:
        raise ValidationError(str(error)) from error


def valid_name(form: Form, field: Field) -> None:
    """Validator: something that can be seen."""
    if not any(unicodedata.category(character)[0] in "LNPS" for character in field.data):
        raise ValidationError(_("Enter a name."))


def valid_code(form: Form, field: Field) -> None:
    """Validator: something that looks like a code."""
    if not (code := codes.normalise(field.data)):
        raise ValidationError(_("A code has eight letters and digits, such as ABCD-EF12."))
    field.data = code
