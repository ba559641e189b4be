"""The forms."""

import unicodedata
from typing import Self

from flask_babel import gettext as _
from wtforms import (
    BooleanField,
    Field,
    PasswordField,
    RadioField,
    SelectChoice,
    SelectField,
    StringField,
    ValidationError,
)
from wtforms.validators import DataRequired, Length

from webapp.accounts.addresses import BadAddress, checked
from webapp.accounts.links import codes
from webapp.accounts.models import Role
from webapp.accounts.passwords.rules import BadPassword, Rules
from webapp.forms import Form, stripped
from webapp.languages import LANGUAGES
from webapp.settings.forms import public_address
from webapp.texts import lazy_gettext as lazy

ROLES = [
    SelectChoice(Role.MEMBER.value, lazy("Member")),
    SelectChoice(Role.ADMINISTRATOR.value, lazy("Administrator")),
]


def text(field: Field) -> str:
    """What was typed."""
    return field.data or ""


def an_address(form: Form, field: Field) -> None:
    """Validator: one e-mail address, normalised on the way."""
    try:
        field.data = checked(field.data)
    except BadAddress as error:
        raise ValidationError(str(error)) from error


def a_name(form: Form, field: Field) -> None:
    """Validator: something that can be seen."""
    if not any(unicodedata.category(character)[0] in "LNPS" for character in field.data):
        raise ValidationError(_("Give a name."))


def address_field(label: str = lazy("E-mail address")) -> StringField:
    """The field `email`. Not of the type `email`: browsers refuse addresses in UTF-8 there."""
    return StringField(
        label,
        [DataRequired(lazy("Give an e-mail address.")), an_address],
        filters=[stripped],
        render_kw={"inputmode": "email", "autocapitalize": "none", "spellcheck": "false"},
    )


def name_field() -> StringField:
    """The field `name`."""
    return StringField(
        lazy("Name"),
        [
            DataRequired(lazy("Give a name.")),
            Length(max=200, message=lazy("Too long: at most 200 characters.")),
            a_name,
        ],
        filters=[stripped],
    )


def language_field() -> SelectField:
    """The field `language`; empty stands for what the browser says."""
    browsers_own = SelectChoice("", lazy("As the browser says"))
    own_names = [SelectChoice(one.code, one.name, {"lang": one.code}) for one in LANGUAGES.values()]
    return SelectField(lazy("Language"), choices=[browsers_own, *own_names], default="")


class SignInForm(Form):
    """An address and a password, whatever they are."""

    email = StringField(
        lazy("E-mail address"),
        [DataRequired(lazy("Give your e-mail address."))],
        filters=[stripped],
        render_kw={"inputmode": "email", "autocapitalize": "none", "spellcheck": "false"},
    )
    password = PasswordField(lazy("Password"), [DataRequired(lazy("Give your password."))])
    remember = BooleanField(lazy("Remember me"))


class ForgotPasswordForm(Form):
    """Where to send the link."""

    email = address_field()


class PasswordForm(Form):
    """A new password, typed twice, under `rules`.

    `owner` is the address of the person whose password it will be, `about` what else is known of them.
    """

    rules: Rules
    owner = ""
    about = ""

    def under(self, rules: Rules, owner: str = "", about: str = "") -> Self:
        """The same form, for this person."""
        self.rules, self.owner, self.about = rules, owner, about
        return self

    password = PasswordField(lazy("New password"), [DataRequired(lazy("Choose a password."))])
    password_confirm = PasswordField(lazy("The same again"))

    def validate_password(self, field: Field) -> None:
        """The rules for passwords."""
        try:
            self.rules.check(field.data, self.owner, self.about)
        except BadPassword as error:
            raise ValidationError(str(error)) from error

    def validate_password_confirm(self, field: Field) -> None:
        """Both must be the same."""
        if field.data != self.password.data:
            raise ValidationError(_("This is not the same password."))


class SetupForm(PasswordForm):
    """The first administrator, and where people will find Mailroom."""

    email = address_field()
    name = name_field()
    public_url = StringField(lazy("Public address"))

    def validate_password(self, field: Field) -> None:
        """The rules for passwords, for the address and the name typed beside it."""
        self.owner, self.about = text(self.email), text(self.name)
        super().validate_password(field)

    def validate_public_url(self, field: Field) -> None:
        """Empty, or an address as the General page takes it."""
        try:
            field.data = public_address(field.data) if text(field).strip() else ""
        except ValueError as error:
            raise ValidationError(str(error)) from error


class ConfirmPasswordForm(Form):
    """The password of whoever is signed in, typed again."""

    current_password = PasswordField(lazy("Your password"), [DataRequired(lazy("Give your password."))])


class NameForm(Form):
    """A person's name."""

    name = name_field()


class RoleForm(Form):
    """What a person may do."""

    role = RadioField(lazy("Role"), choices=ROLES)


class NewUserForm(Form):
    """A new person, and how the activation link reaches them. `public_url` is the one that is set, if any."""

    public_url = ""

    email = address_field()
    name = name_field()
    role = SelectField(lazy("Role"), choices=ROLES)
    language = language_field()
    send_activation = RadioField(
        lazy("Activation link"),
        choices=[SelectChoice("mail", lazy("Send it by mail")), SelectChoice("show", lazy("Show it to me, once"))],
        default="mail",
    )

    def validate_send_activation(self, field: Field) -> None:
        """A link cannot be shown while its host is not known."""
        if field.data == "show" and not self.public_url:
            raise ValidationError(_("A link can be shown once the public address is set, under Settings, General."))


def code_field() -> StringField:
    """The field `code`; as it comes out, it is as `codes.read` gives it."""
    return StringField(
        lazy("Code"),
        [DataRequired(lazy("Type the code from the mail.")), a_code],
        filters=[stripped],
        render_kw={"autocapitalize": "characters", "spellcheck": "false", "dir": "ltr"},
    )


def a_code(form: Form, field: Field) -> None:
    """Validator: something that looks like a code."""
    if not (code := codes.read(field.data)):
        raise ValidationError(_("A code has eight letters and digits, such as ABCD-EF12."))
    field.data = code


class CodeForm(Form):
    """A code, and the address that it was mailed to."""

    email = address_field()
    code = code_field()
