"""The forms in which people give the password that they have."""

from wtforms import BooleanField, PasswordField, StringField
from wtforms.validators import DataRequired

from webapp.accounts.fields import EMAIL_INPUT
from webapp.core.i18n import lazy_gettext as lazy
from webapp.web.forms import Form, stripped


class LoginForm(Form):
    """An address and a password, whatever they are."""

    email = StringField(
        lazy("Email address"),
        [DataRequired(lazy("Enter your email address."))],
        filters=[stripped],
        render_kw=EMAIL_INPUT,
    )
    password = PasswordField(lazy("Password"), [DataRequired(lazy("Enter your password."))])
    remember = BooleanField(lazy("Remember me"))


class ConfirmPasswordForm(Form):
    """The password of whoever is signed in, typed again."""

    current_password = PasswordField(lazy("Your password"), [DataRequired(lazy("Enter your password."))])
