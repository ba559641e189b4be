"""What the outbox's states and mails are called on pages, and why a message was not sent."""

from flask_babel import lazy_gettext as _

from webapp.core.texts import in_words, saying
from webapp.outbox.kinds import find_kind
from webapp.outbox.models import Message, MessageState
from webapp.outbox.service import StateFilter

SHOWN = {
    StateFilter.ALL: _("All"),
    StateFilter.WAITING: _("Waiting"),
    StateFilter.SENT: _("Sent"),
    StateFilter.FAILED: _("Failed"),
    StateFilter.EXPIRED: _("Expired"),
    StateFilter.CANCELLED: _("Cancelled"),
}
STATES = {
    MessageState.QUEUED: _("Waiting"),
    MessageState.SENDING: _("Sending"),
    MessageState.SENT: _("Sent"),
    MessageState.FAILED: _("Failed"),
    MessageState.EXPIRED: _("Expired"),
    MessageState.CANCELLED: _("Cancelled"),
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


def reason(message: Message) -> str:
    """Say why a message was not sent."""
    kind = find_kind(message.kind)
    if kind is not None and message.last_error in kind.reasons:
        return str(kind.reasons[message.last_error])
    return in_words(message.last_error)
