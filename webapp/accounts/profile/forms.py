"""The forms of the profile. Each stands on one page with the others, so their controls have ids of their own."""

from flask_babel import gettext as _
from wtforms import Field, PasswordField, ValidationError
from wtforms.validators import DataRequired

from webapp.accounts.fields import address_field, code_field, language_field
from webapp.accounts.passwords.forms import PasswordForm
from webapp.accounts.passwords.hashing import normalised
from webapp.core.texts import lazy_gettext as lazy
from webapp.web.forms import Form


def current_password_field(id_: str) -> PasswordField:
    """The field `current_password`."""
    return PasswordField(lazy("Current password"), [DataRequired(lazy("Enter your current password."))], id=id_)


class LanguageForm(Form):
    """Another language."""

    language = language_field()


class AddressForm(Form):
    """Another address. `present` is the one of now."""

    present = ""

    email = address_field(lazy("New email address"))
    current_password = current_password_field("address_current_password")

    def validate_email(self, field: Field) -> None:
        """It must be another one; other letter case is another, as some mail servers tell them apart."""
        if field.data == self.present:
            raise ValidationError(_("This is already your address."))


class AddressCodeForm(Form):
    """The code in the mail to the new address."""

    code = code_field()


class ChangePasswordForm(PasswordForm):
    """Another password, typed twice, and the one of now."""

    current_password = current_password_field("current_password")

    def validate_password(self, field: Field) -> None:
        """The rules for passwords; and it is another one."""
        super().validate_password(field)
        if normalised(field.data) == normalised(self.current_password.data or ""):
            raise ValidationError(_("This is your current password. Choose a different one."))
