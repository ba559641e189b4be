"""The forms in which users enter the password they have."""

from wtforms import BooleanField, PasswordField, StringField
from wtforms.validators import DataRequired

from webapp.accounts.fields import EMAIL_INPUT
from webapp.core.i18n import lazy_gettext as _
from webapp.web.forms import Form


class LoginForm(Form):
    """An email address and a password."""

    email = StringField(_("Email address"), [DataRequired(_("Enter your email address."))], render_kw=EMAIL_INPUT)
    password = PasswordField(_("Password"), [DataRequired(_("Enter your password."))])
    remember = BooleanField(_("Remember me"))


class ConfirmPasswordForm(Form):
    """The password of the signed-in user."""

    current_password = PasswordField(_("Your password"), [DataRequired(_("Enter your password."))])
