"""The forms of the profile. They share a page, so their controls have ids of their own."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as lazy
from wtforms import Field, PasswordField, ValidationError
from wtforms.validators import DataRequired

from webapp.accounts.fields import email_field, language_field
from webapp.accounts.links.forms import code_field
from webapp.accounts.passwords.forms import PasswordForm
from webapp.accounts.passwords.hashing import normalise
from webapp.web.forms import Form


def current_password_field(id_: str) -> PasswordField:
    """Return the field `current_password`."""
    return PasswordField(lazy("Current password"), [DataRequired(lazy("Enter your current password."))], id=id_)


class LanguageForm(Form):
    """Another language."""

    language = language_field()


class AddressForm(Form):
    """Another email address than `current_email`."""

    current_email = ""

    email = email_field(lazy("New email address"))
    current_password = current_password_field("address_current_password")

    def validate_email(self, field: Field) -> None:
        """Require another address. Different letter case counts, because some mail servers distinguish it."""
        if field.data == self.current_email:
            raise ValidationError(_("This is already your address."))


class AddressCodeForm(Form):
    """The code from the email to the new address."""

    code = code_field()


class ChangePasswordForm(PasswordForm):
    """A new password, entered twice, and the current one."""

    current_password = current_password_field("current_password")

    def validate_password(self, field: Field) -> None:
        """Apply the password policy, and require another password than the current one."""
        super().validate_password(field)
        if normalise(field.data) == normalise(self.current_password.data or ""):
            raise ValidationError(_("This is your current password. Choose a different one."))
