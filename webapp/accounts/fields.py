"""Fields and forms that several packages of accounts share, and their validators."""

from typing import cast

from flask_babel import lazy_gettext as lazy
from flask_babel.speaklater import LazyString
from wtforms import Field, SelectChoice, SelectField, StringField, ValidationError
from wtforms.validators import DataRequired, Length

from webapp.accounts import names
from webapp.accounts.names import MAX_NAME_LENGTH
from webapp.core.email_addresses import InvalidEmailAddress, validate
from webapp.core.i18n import LANGUAGES
from webapp.web.forms import Form

# Not type="email": browsers refuse internationalised addresses there.
EMAIL_INPUT = {"inputmode": "email", "autocapitalize": "none", "spellcheck": "false"}


def email_field(label: LazyString = lazy("Email address")) -> StringField:
    """Return the field `email`; its data is a normalised address."""
    return StringField(
        label,
        [DataRequired(lazy("Enter an email address.")), valid_email],
        render_kw=EMAIL_INPUT,
    )


def name_field() -> StringField:
    """Return the field `name`."""
    return StringField(
        lazy("Name"),
        [
            DataRequired(lazy("Enter a name.")),
            Length(max=MAX_NAME_LENGTH, message=lazy("Too long: use at most 200 characters.")),
            valid_name,
        ],
    )


def language_field() -> SelectField:
    """Return the field `language`; empty means the language of the browser."""
    browser = SelectChoice("", cast(str, lazy("Same as the browser")))
    languages = [SelectChoice(language.code, language.name, {"lang": language.code}) for language in LANGUAGES.values()]
    return SelectField(lazy("Language"), choices=[browser, *languages], default="")


def valid_email(form: Form, field: Field) -> None:
    """Require one email address, and normalise it."""
    try:
        field.data = validate(field.data)
    except InvalidEmailAddress as error:
        raise ValidationError(str(error)) from error


def valid_name(form: Form, field: Field) -> None:
    """Require a visible character, and nothing that looks like a web address."""
    if problem := names.problem(field.data):
        raise ValidationError(problem)


class NameForm(Form):
    """The name of a user."""

    name = name_field()
