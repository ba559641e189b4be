"""The forms to request a link and to enter a code."""

from webapp.accounts.fields import email_field
from webapp.accounts.links.forms import code_field
from webapp.web.forms import Form


class ForgotPasswordForm(Form):
    """The address to send the link to."""

    email = email_field()


class CodeForm(Form):
    """A code, and the address it was sent to."""

    email = email_field()
    code = code_field()
