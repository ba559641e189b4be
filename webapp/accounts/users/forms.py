"""The forms for users: the first administrator, a new user, another role; the filter of the list."""

from typing import cast

from flask_babel import gettext as _
from flask_babel import lazy_gettext as lazy
from wtforms import Field, RadioField, SelectChoice, SelectField, SelectMultipleField, StringField, ValidationError

from webapp.accounts.fields import email_field, language_field, name_field
from webapp.accounts.models import Role, UserState
from webapp.accounts.passwords.forms import PasswordForm, password_fields
from webapp.accounts.users.listing import UserFilter
from webapp.settings.forms import normalise_public_url
from webapp.web.forms import Form, text

ROLES = [
    SelectChoice(Role.MEMBER.value, cast(str, lazy("Member"))),
    SelectChoice(Role.ADMINISTRATOR.value, cast(str, lazy("Administrator"))),
]
STATES = [
    SelectChoice(UserState.ACTIVE.value, cast(str, lazy("Active"))),
    SelectChoice(UserState.PENDING.value, cast(str, lazy("Not activated yet"))),
    SelectChoice(UserState.DISABLED.value, cast(str, lazy("Disabled"))),
]
MAX_SEARCH_LENGTH = 200
MAX_TICKED = 1000
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


def _printable(search: str | None) -> str:
    return "".join(filter(str.isprintable, search or ""))[:MAX_SEARCH_LENGTH]


class UserFilterForm(Form):
    """Filters the list. It is part of the URL and changes nothing, so it carries no CSRF token."""

    class Meta:
        """Configures WTForms."""

        csrf = False

    search = StringField(lazy("Name or email address"), filters=[_printable])
    state = SelectField(
        lazy("Status"), choices=[SelectChoice("", cast(str, lazy("Any status"))), *STATES], validate_choice=False
    )
    role = SelectField(
        lazy("Role"), choices=[SelectChoice("", cast(str, lazy("Any role"))), *ROLES], validate_choice=False
    )

    def to_filter(self) -> UserFilter:
        """Return the filter, without what a list can't be filtered by."""
        state = self.state.data if self.state.data in list(UserState) else ""
        role = self.role.data if self.role.data in list(Role) else ""
        return UserFilter(text(self.search), state, role)


class ResendForm(UserFilterForm):
    """Whom to resend the activation email to: the users who are ticked, or all that the filter shows."""

    class Meta:
        """Configures WTForms."""

        csrf = True

    # Whether users were to be ticked, though perhaps none was.
    ticked = StringField()
    user = SelectMultipleField(validate_choice=False)

    def ids(self) -> list[int]:
        """Return the ids of the users who are ticked."""
        sent = [one for one in self.user.data or [] if one.isascii() and one.isdigit() and len(one) < 10]
        return sorted({int(one) for one in sent})[:MAX_TICKED] if text(self.ticked) else []


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
