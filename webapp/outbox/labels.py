"""What the outbox's states and mails are called on pages, and why a message was not sent."""

from flask_babel import lazy_gettext as _

from webapp.core.texts import saying
from webapp.outbox.models import MessageState
from webapp.outbox.service import StateFilter

SHOWN = {
    StateFilter.ALL: _("All"),
    StateFilter.WAITING: _("Waiting"),
    StateFilter.SENT: _("Sent"),
    StateFilter.FAILED: _("Failed"),
    StateFilter.EXPIRED: _("Expired"),
    StateFilter.DROPPED: _("Dropped"),
}
STATES = {
    MessageState.OWED: _("Waiting"),
    MessageState.SENDING: _("Being sent"),
    MessageState.SENT: _("Sent"),
    MessageState.FAILED: _("Failed"),
    MessageState.EXPIRED: _("Expired"),
    MessageState.DROPPED: _("Dropped"),
}
KINDS = {
    "test": _("Test"),
    "activation": _("Activation"),
    "activated": _("Account activated"),
    "reset": _("Password reset"),
    "password_changed": _("Password changed"),
    "lockout": _("Sign-in locked"),
    "confirm_address": _("Confirm the new address"),
    "address_changed": _("Address changed"),
    "new_session": _("New sign-in"),
    "admin_link_created": _("Link handed over"),
    "expiry_alert": _("Mail server needs attention"),
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
ALERT_RESOLVED = saying("There is nothing to warn of any more.")
