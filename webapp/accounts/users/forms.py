"""The forms for users: the first administrator, a new user, another role."""

from typing import cast

from flask_babel import gettext as _
from flask_babel import lazy_gettext as lazy
from wtforms import Field, RadioField, SelectChoice, SelectField, StringField, ValidationError

from webapp.accounts.fields import email_field, language_field, name_field
from webapp.accounts.models import Role
from webapp.accounts.passwords.forms import PasswordForm, password_fields
from webapp.settings.forms import normalise_public_url
from webapp.web.forms import Form, text

ROLES = [
    SelectChoice(Role.MEMBER.value, cast(str, lazy("Member"))),
    SelectChoice(Role.ADMINISTRATOR.value, cast(str, lazy("Administrator"))),
]
SEND_ACTIVATION = [
    SelectChoice("mail", cast(str, lazy("Send it by email"))),
    SelectChoice("show", cast(str, lazy("Show me the link (once)"))),
]


class SetupForm(PasswordForm):
    """The first administrator, and the public URL."""

    email = email_field()
    name = name_field()
    # Declared again to follow the other fields, as on the page: errors are listed in this order.
    password, password_confirm = password_fields()
    public_url = StringField(lazy("Public URL"))

    def validate_password(self, field: Field) -> None:
        """Apply the password policy with the address and name entered beside it."""
        self.email_of_user, self.name_of_user = text(self.email), text(self.name)
        super().validate_password(field)

    def validate_public_url(self, field: Field) -> None:
        """Accept a blank value, or a URL as under Settings → General."""
        try:
            field.data = normalise_public_url(field.data) if text(field).strip() else ""
        except ValueError as error:
            raise ValidationError(str(error)) from error


class RoleForm(Form):
    """The role of a user."""

    role = RadioField(lazy("Role"), choices=ROLES)


class CorrectAddressForm(Form):
    """The right address of a user whose address was mistyped."""

    email = email_field()


class NewUserForm(Form):
    """A new user, and whether to email or show the activation link. `public_url` is the one that is set."""

    public_url = ""

    email = email_field()
    name = name_field()
    role = SelectField(lazy("Role"), choices=ROLES)
    language = language_field()
    send_activation = RadioField(lazy("Activation link"), choices=SEND_ACTIVATION, default="mail")

    def validate_send_activation(self, field: Field) -> None:
        """Refuse to show a link without a public URL."""
        if field.data == "show" and not self.public_url:
            raise ValidationError(_("To show a link, first set the public URL under Settings → General."))
