"""The forms with which people get at a link: by mail, or by the code beside it."""

from webapp.accounts.fields import address_field, code_field
from webapp.web.forms import Form


class ForgotPasswordForm(Form):
    """Where to send the link."""

    email = address_field()


class CodeForm(Form):
    """A code, and the address that it was mailed to."""

    email = address_field()
    code = code_field()
