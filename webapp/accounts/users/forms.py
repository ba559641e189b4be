"""Forms for accounts: of the first administrator, of new people, and of what administrators change about them."""

from flask_babel import gettext as _
from wtforms import Field, RadioField, SelectChoice, SelectField, StringField, ValidationError

from webapp.accounts.fields import email_field, language_field, name_field
from webapp.accounts.models import Role
from webapp.accounts.passwords.forms import PasswordForm, password_fields
from webapp.core.texts import lazy_gettext as lazy
from webapp.settings.forms import normalise_public_url
from webapp.web.forms import Form, text

ROLES = [
    SelectChoice(Role.MEMBER.value, lazy("Member")),
    SelectChoice(Role.ADMINISTRATOR.value, lazy("Administrator")),
]


class SetupForm(PasswordForm):
    """The first administrator, and where people will find Mailroom."""

    email = email_field()
    name = name_field()
    # Made anew, to come after those two as on the page: mistakes are listed in this order.
    password, password_confirm = password_fields()
    public_url = StringField(lazy("Public URL"))

    def validate_password(self, field: Field) -> None:
        """The rules for passwords, for the address and the name typed beside it."""
        self.owner, self.about = text(self.email), text(self.name)
        super().validate_password(field)

    def validate_public_url(self, field: Field) -> None:
        """Empty, or an address as the General page takes it."""
        try:
            field.data = normalise_public_url(field.data) if text(field).strip() else ""
        except ValueError as error:
            raise ValidationError(str(error)) from error


class RoleForm(Form):
    """What a person may do."""

    role = RadioField(lazy("Role"), choices=ROLES)


class NewUserForm(Form):
    """A new person, and how the activation link reaches them. `public_url` is the one that is set, if any."""

    public_url = ""

    email = email_field()
    name = name_field()
    role = SelectField(lazy("Role"), choices=ROLES)
    language = language_field()
    send_activation = RadioField(
        lazy("Activation link"),
        choices=[SelectChoice("mail", lazy("Send it by email")), SelectChoice("show", lazy("Show me the link (once)"))],
        default="mail",
    )

    def validate_send_activation(self, field: Field) -> None:
        """A link cannot be shown while its host is not known."""
        if field.data == "show" and not self.public_url:
            raise ValidationError(_("To show a link, first set the public URL under Settings → General."))
