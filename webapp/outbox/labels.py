"""What the states of messages are called, and why a message was not sent."""

from flask_babel import lazy_gettext as _

from webapp.core import i18n
from webapp.mail.diagnosis.descriptions import describe
from webapp.mail.transcript import stage_label
from webapp.outbox.claims import LocalStage
from webapp.outbox.filters import StateFilter
from webapp.outbox.kinds import Unwanted, all_kinds, find_kind
from webapp.outbox.models import Attempt, Message, MessageState
from webapp.outbox.status import STANDING_STILL
from webapp.providers import Failure

STATES = {
    MessageState.QUEUED: _("Waiting"),
    MessageState.SENDING: _("Sending"),
    MessageState.SENT: _("Sent"),
    MessageState.FAILED: _("Failed"),
    MessageState.EXPIRED: _("Expired"),
    MessageState.UNCERTAIN: _("Uncertain"),
    MessageState.CANCELLED: _("Canceled"),
}
FILTERS = {one: STATES[one.states[0]] for one in StateFilter} | {StateFilter.ALL: _("All")}
LOCAL_STAGES = {LocalStage.SETTINGS: _("Settings"), LocalStage.PREPARING: _("Preparation")}
# The failures at one of the LocalStages, by code; a kind adds its own.
FAILURES = {
    "no_public_url": _("No public URL is set, so the link in this email can't be created."),
    "no_mail_server": _("No mail server is set up."),
    "plugin_missing": _("The plugin for the provider %(provider)s is missing or broken."),
    "cannot_unseal": _(
        "The saved password can't be decrypted, because MAILROOM_SECRET_KEY has changed. Enter the password again."
    ),
    "settings_failed": _("The mail server's settings can't be used (%(error)s)."),
    "recipient_not_allowed": _("Email to this address is not allowed: see “Who gets email” under Settings → General."),
    "by_administrator": _("An administrator canceled it."),
    "by_application": _("The application that sent it canceled it."),
    "data_unreadable": _("The data of this message in the database can't be read."),
    "no_worker": _("No worker is running, so no email is sent. Start one. If it has stopped, its log says why."),
    "not_sent": _("Email is due, but none has been sent for five minutes. See the worker's log for details."),
    "not_prepared": _("Mailroom couldn't prepare this message (%(error)s). See the log for details."),
}


def describe_failure(message: Message) -> str:
    """Return why a message was not sent, in the reader's language; empty if nothing failed."""
    return _describe(message, message.failure) if message.failure else ""


def describe_attempt(message: Message, attempt: Attempt) -> str:
    """Return what the server replied to an attempt, or else why it failed, in the reader's language."""
    return attempt.reply or (_describe(message, attempt.failure) if attempt.failure else "")


def stage_of(attempt: Attempt) -> str:
    """Return the name of the stage at which an attempt failed, in the reader's language."""
    return str(
        LOCAL_STAGES[LocalStage(attempt.stage)] if attempt.stage in list(LocalStage) else stage_label(attempt.stage)
    )


def _describe(message: Message, failure: Failure) -> str:
    if failure.stage not in list(LocalStage):
        return describe(failure)
    kind = find_kind(message.kind)
    texts = {**FAILURES, **(kind.reasons if kind else {})}
    return str(texts.get(failure.code, failure.code)) % i18n.isolate(failure.params)


def describe_cause(failure: Failure) -> str:
    """Return why nothing goes out, in the reader's language."""
    if failure.stage in (*LocalStage, STANDING_STILL):
        return str(FAILURES.get(failure.code, failure.code)) % i18n.isolate(failure.params)
    return describe(failure)


def describe_unwanted(error: Unwanted) -> str:
    """Return why a message is not wanted any more, in the reader's language."""
    reasons = (kind.reasons for kind in all_kinds())
    return str(next((found[error.code] for found in reasons if error.code in found), error.code))
