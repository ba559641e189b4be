"""What the outbox's states, mails and stages are called on pages."""

from flask_babel import lazy_gettext as _

from webapp.outbox.models import State
from webapp.outbox.service import Shown

SHOWN = {
    Shown.ALL: _("All"),
    Shown.WAITING: _("Waiting"),
    Shown.SENT: _("Sent"),
    Shown.FAILED: _("Failed"),
    Shown.EXPIRED: _("Expired"),
    Shown.DROPPED: _("Dropped"),
}
STATES = {
    State.OWED: _("Waiting"),
    State.SENDING: _("Being sent"),
    State.SENT: _("Sent"),
    State.FAILED: _("Failed"),
    State.EXPIRED: _("Expired"),
    State.DROPPED: _("Dropped"),
}
KINDS = {
    "test": _("Test"),
    "activation": _("Activation"),
    "activated": _("Account activated"),
    "reset": _("Password reset"),
    "password_changed": _("Password changed"),
    "confirm_address": _("Confirm the new address"),
    "address_changed": _("Address changed"),
}
STAGES = {
    "token": _("while getting an access token"),
    "lookup": _("while looking up the server's address"),
    "connect": _("while connecting"),
    "proxy": _("at the proxy"),
    "tls": _("while starting encryption"),
    "greeting": _("at the server's greeting"),
    "ehlo": _("while introducing itself (EHLO)"),
    "auth": _("while signing in"),
    "mail": _("at the sender's address (MAIL)"),
    "rcpt": _("at the recipient's address (RCPT)"),
    "data": _("while handing over the message (DATA)"),
}
