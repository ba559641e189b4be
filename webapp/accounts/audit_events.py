"""What users, their sessions, passwords and links add to the audit trail."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as lazy
from flask_babel import ngettext

from webapp.audit.registry import Describe, EventType
from webapp.core.i18n import LANGUAGES

# Sessions
SESSION_STARTED = EventType("session.started", lazy("Signed in"), by_subject=True)
NEW_DEVICE_SEEN = EventType("session.new_device", lazy("Signed in from a new browser"), by_subject=True)
LOGIN_FAILED = EventType("login.failed", lazy("Sign-in failed"))
LOCKOUT_STARTED = EventType("lockout.started", lazy("Sign-in temporarily locked"))
LOCKOUT_CLEARED = EventType("lockout.cleared", lazy("Sign-in unlocked"))
REAUTHENTICATION_FAILED = EventType("reauthentication.failed", lazy("Password confirmation failed"))
SESSION_ENDED = EventType("session.ended", lazy("Signed out"))
SESSION_ENDED_AFTER_WRONG_PASSWORDS = EventType(
    "session.ended_after_wrong_passwords", lazy("Signed out after too many wrong passwords")
)
SESSION_REVOKED = EventType("session.revoked", lazy("Signed out another browser"))
OTHER_SESSIONS_REVOKED = EventType("session.others_revoked", lazy("Signed out all other browsers"))
ALL_SESSIONS_REVOKED = EventType("session.all_revoked", lazy("Signed out everywhere"))

# Users
SETUP_COMPLETED = EventType("setup.completed", lazy("First administrator created"))
ADMINISTRATOR_CREATED = EventType("administrator.created", lazy("Administrator created on the command line"))
USERS_DOWNLOADED = EventType("users.downloaded", lazy("List of users downloaded"))
USER_CREATED = EventType("user.created", lazy("User created"))
ACTIVATION_REQUESTED = EventType("activation.requested", lazy("Activation email requested"))
ACTIVATION_LINK_SHOWN = EventType("activation.link_shown", lazy("Activation link shown"))
USER_ACTIVATED = EventType("user.activated", lazy("Account activated"), by_subject=True)
USER_DISABLED = EventType("user.disabled", lazy("Account disabled"))
USER_ENABLED = EventType("user.enabled", lazy("Account enabled"))
USER_DELETED = EventType("user.deleted", lazy("Account deleted"))
ROLE_CHANGED = EventType("user.role_changed", lazy("Role changed"))
NAME_CHANGED = EventType("user.name_changed", lazy("Name changed"))
LANGUAGE_CHANGED = EventType("user.language_changed", lazy("Language changed"))

# Work on many users
BULK_JOB_STARTED = EventType("bulk_job.started", lazy("Bulk job started"))
BULK_JOB_FINISHED = EventType("bulk_job.finished", lazy("Bulk job finished"))
BULK_JOB_STOPPED = EventType("bulk_job.stopped", lazy("Bulk job stopped"))

# Passwords and email addresses
RESET_REQUESTED = EventType("reset.requested", lazy("Password reset requested"))
RESET_LINK_SHOWN = EventType("reset.link_shown", lazy("Reset link shown"))
RESET_COMPLETED = EventType("reset.completed", lazy("Password reset completed"), by_subject=True)
PASSWORD_CHANGED = EventType("password.changed", lazy("Password changed"))
ADDRESS_CORRECTED = EventType("address.corrected", lazy("Email address corrected by an administrator"))
ADDRESS_CHANGE_REQUESTED = EventType("address_change.requested", lazy("Email address change requested"))
ADDRESS_CHANGE_CANCELLED = EventType("address_change.cancelled", lazy("Email address change canceled"))
ADDRESS_CHANGED = EventType("address_change.completed", lazy("Email address changed"))
ADDRESS_CHANGE_UNDONE = EventType("address_change.undone", lazy("Email address change undone"))

# Links and their codes
LINK_CREATED = EventType("link.created", lazy("Link created for an email"))
LINK_OPENED = EventType("link.opened", lazy("Link opened"))
LINK_USED = EventType("link.used", lazy("Link used"), by_subject=True)
LINK_REJECTED = EventType("link.rejected", lazy("Link rejected"))
CODE_REJECTED = EventType("code.rejected", lazy("Code rejected"))

_PURPOSES = {
    "activation": lazy("Purpose: activate the account."),
    "reset": lazy("Purpose: reset the password."),
    "confirm_address": lazy("Purpose: confirm a new email address."),
    "restore_address": lazy("Purpose: undo an email address change."),
}
_ROLES = {"administrator": lazy("Role: administrator."), "member": lazy("Role: member.")}
_BULK_JOBS = {"import": lazy("Import of users."), "resend": lazy("Resending activation emails.")}
_REASONS = {
    "not_found": lazy("Unknown link."),
    "used": lazy("It had already been used."),
    "revoked": lazy("It was no longer valid."),
    "expired": lazy("It had expired."),
    "already_active": lazy("The account was already active."),
    "account_disabled": lazy("The account was disabled."),
    "address_taken": lazy("Another account already had this address."),
}


def _language(code: str) -> str:
    name = LANGUAGES[code].name if code in LANGUAGES else _("Same as the browser")
    return _("Language: %(language)s.", language=name)


DETAILS: dict[str, Describe] = {
    "entries": lambda entries: ngettext("%(num)s entry.", "%(num)s entries.", entries),
    "everywhere": lambda everywhere: (
        _("Locked everywhere except in browsers used before.") if everywhere else _("Locked for one network only.")
    ),
    "job": lambda job: str(_BULK_JOBS.get(job, job)),
    "language": _language,
    "last_try": lambda last: _("Codes sent so far are no longer valid.") if last else _("The codes can still be used."),
    "minutes": lambda minutes: ngettext("For %(num)s minute.", "For %(num)s minutes.", minutes),
    "purpose": lambda purpose: str(_PURPOSES.get(purpose, purpose)),
    "reason": lambda reason: str(_REASONS.get(reason, reason)),
    "role": lambda role: str(_ROLES.get(role, role)),
}
