"""What the outbox's states and mails are called on pages, and why a message was not sent."""

from flask_babel import lazy_gettext as _

from webapp.outbox.models import State
from webapp.outbox.service import Shown
from webapp.texts import saying

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
    "locked": _("Sign-in locked"),
    "confirm_address": _("Confirm the new address"),
    "address_changed": _("Address changed"),
    "new_sign_in": _("New sign-in"),
    "link_shown": _("Link handed over"),
    "expiring": _("Mail server needs attention"),
}

# A setting is missing or cannot be used.
NO_PUBLIC_ADDRESS = saying("No public address is set, so the link in it cannot be written.")
NO_MAIL_SERVER = saying("No mail server is set.")
NO_PLUGIN = saying("The plugin of the provider %(provider)s is missing or broken.")
SEAL_BROKEN = saying("The saved password cannot be opened: MAILROOM_SECRET_KEY has changed. Type the password again.")
SETTINGS_FAILED = saying("The mail server's settings cannot be used (%(error)s).")
NOT_PREPARED = saying("Mailroom could not prepare it (%(error)s); the log says more.")
# There is nobody to send it to.
NOBODY = saying("Nobody has this address.")
DISABLED = saying("The account is disabled.")
NOT_ASKED_FOR = saying("The address is not asked for any more.")
UNDONE = saying("The change was undone already.")
NOT_ACTIVE = saying("The account is not active.")
ACTIVE = saying("The account is active already.")
SETTLED = saying("There is nothing to warn of any more.")
