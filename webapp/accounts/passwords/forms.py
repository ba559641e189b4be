"""The form in which a password is chosen."""

from typing import Self

from flask_babel import gettext as _
from wtforms import Field, PasswordField, ValidationError
from wtforms.validators import DataRequired

from webapp.accounts.passwords.policy import PasswordPolicy, PasswordRejected
from webapp.core.i18n import lazy_gettext as lazy
from webapp.web.forms import Form


def password_fields() -> tuple[PasswordField, PasswordField]:
    """Create the two fields for a new password."""
    chosen = PasswordField(lazy("New password"), [DataRequired(lazy("Choose a password."))])
    return chosen, PasswordField(lazy("Confirm password"))


class PasswordForm(Form):
    """A new password, entered twice, that has to satisfy the policy.

    `email_of_user` and `name_of_user` belong to the user whose password it will be.
    """

    policy: PasswordPolicy
    email_of_user = ""
    name_of_user = ""

    def for_user(self, policy: PasswordPolicy, email: str = "", name: str = "") -> Self:
        """Return the form, set up for this user."""
        self.policy, self.email_of_user, self.name_of_user = policy, email, name
        return self

    password, password_confirm = password_fields()

    def validate_password(self, field: Field) -> None:
        """Check the password against the policy."""
        try:
            self.policy.check(field.data, self.email_of_user, self.name_of_user)
        except PasswordRejected as error:
            raise ValidationError(str(error)) from error

    def validate_password_confirm(self, field: Field) -> None:
        """Require both passwords to be the same."""
        if field.data != self.password.data:
            raise ValidationError(_("The passwords don't match."))
