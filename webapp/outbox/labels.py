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
    StateFilter.DROPPED: _("Cancelled"),
}
STATES = {
    MessageState.OWED: _("Waiting"),
    MessageState.SENDING: _("Sending"),
    MessageState.SENT: _("Sent"),
    MessageState.FAILED: _("Failed"),
    MessageState.EXPIRED: _("Expired"),
    MessageState.DROPPED: _("Cancelled"),
}
KINDS = {
    "test": _("Test"),
    "activation": _("Activation"),
    "activated": _("Account activated"),
    "reset": _("Password reset"),
    "password_changed": _("Password changed"),
    "lockout": _("Sign-in locked"),
    "confirm_address": _("Address confirmation"),
    "address_changed": _("Address changed"),
    "new_session": _("New sign-in"),
    "admin_link_created": _("Link created by an administrator"),
    "expiry_alert": _("Mail server needs attention"),
}

# A setting is missing or cannot be used.
NO_PUBLIC_ADDRESS = saying("No public URL is set, so the link in this email can't be created.")
NO_MAIL_SERVER = saying("No mail server is set up.")
NO_PLUGIN = saying("The plugin for the provider %(provider)s is missing or broken.")
SEAL_BROKEN = saying(
    "The saved password can't be decrypted, because MAILROOM_SECRET_KEY has changed. Enter the password again."
)
SETTINGS_FAILED = saying("The mail server's settings can't be used (%(error)s).")
NOT_PREPARED = saying("Mailroom couldn't prepare this message (%(error)s). See the log for details.")
# There is nobody to send it to.
NOBODY = saying("No account uses this address, so nothing was sent.")
DISABLED = saying("The account is disabled.")
NOT_ASKED_FOR = saying("This address change is no longer pending.")
UNDONE = saying("The change has already been undone.")
NOT_ACTIVE = saying("The account is not active.")
ACTIVE = saying("The account is already active.")
ALERT_RESOLVED = saying("The warning no longer applies.")
