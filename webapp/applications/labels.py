"""What is said of applications, in the reader's language."""

from flask_babel import lazy_gettext as _

from webapp.applications.models import Application

# Why emails are refused, by the reasons that are counted.
REFUSALS = {
    "sender": _("The sender isn't allowed."),
    "hourly_limit": _("The limit of messages per hour was reached."),
    "permission": _("It may not send email."),
    "disabled": _("The application was disabled."),
    "address": _("An address was invalid."),
    "recipients": _("There were too many recipients."),
    "content": _("The content was no valid email."),
    "line_end": _("A line didn't end in CRLF."),
    "size": _("The email was too large."),
    "loop": _("The email had passed too many servers."),
    "unavailable": _("The database was away for a moment."),
    "memory": _("There was too much to do at the moment."),
}
OTHER_REFUSAL = _("The program broke the rules of SMTP.")


def permissions(application: Application) -> list[str]:
    """Return what an application may do."""
    may = {str(_("Send emails")): application.may_send, str(_("Manage users")): application.may_manage_users}
    return [label for label, allowed in may.items() if allowed]


def refusal(reason: str) -> str:
    """Return why emails were refused."""
    return str(REFUSALS.get(reason, OTHER_REFUSAL))
