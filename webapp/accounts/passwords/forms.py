"""The form in which a password is chosen."""

from typing import Self

from flask_babel import gettext as _
from wtforms import Field, PasswordField, ValidationError
from wtforms.validators import DataRequired

from webapp.accounts.passwords.policy import PasswordPolicy, PasswordRejected
from webapp.core.i18n import lazy_gettext as lazy
from webapp.web.forms import Form


def password_fields() -> tuple[PasswordField, PasswordField]:
    """The fields of a new password."""
    chosen = PasswordField(lazy("New password"), [DataRequired(lazy("Choose a password."))])
    return chosen, PasswordField(lazy("Confirm password"))


class PasswordForm(Form):
    """A new password, typed twice, under `rules`.

    `owner` is the address of the person whose password it will be, `about` what else is known of them.
    """

    rules: PasswordPolicy
    owner = ""
    about = ""

    def under(self, rules: PasswordPolicy, owner: str = "", about: str = "") -> Self:
        """The same form, for this person."""
        self.rules, self.owner, self.about = rules, owner, about
        return self

    password, password_confirm = password_fields()

    def validate_password(self, field: Field) -> None:
        """The rules for passwords."""
        try:
            self.rules.check(field.data, self.owner, self.about)
        except PasswordRejected as error:
            raise ValidationError(str(error)) from error

    def validate_password_confirm(self, field: Field) -> None:
        """Both must be the same."""
        if field.data != self.password.data:
            raise ValidationError(_("The passwords don't match."))
