"""The forms with which people get at a link: by mail, or by the code beside it."""

from webapp.accounts.fields import email_field
from webapp.accounts.links.forms import code_field
from webapp.web.forms import Form


class ForgotPasswordForm(Form):
    """Where to send the link."""

    email = email_field()


class CodeForm(Form):
    """A code, and the address that it was mailed to."""

    email = email_field()
    code = code_field()
