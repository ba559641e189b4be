"""What the audit trail tells of, by name."""

from enum import StrEnum


class Event(StrEnum):
    """One kind of thing that is done. The values stay in the database for good: do not reuse one."""

    # Signing in and out
    SIGNED_IN = "signed in"
    SIGN_IN_FAILED = "sign-in failed"
    NEW_DEVICE = "signed in with a new device"
    LOCKED = "account locked"
    UNLOCKED = "account unlocked"
    THROTTLED = "requests throttled"
    PASSWORD_REFUSED = "password typed again was wrong"  # noqa: S105 - the name of an event
    SIGNED_OUT = "signed out"
    GUESSED_OUT = "signed out after wrong passwords"
    SIGN_IN_ENDED = "another sign-in ended"
    OTHER_SIGN_INS_ENDED = "all other sign-ins ended"
    ALL_SIGN_INS_ENDED = "signed out everywhere"

    # Accounts
    FIRST_ADMINISTRATOR = "first administrator set up"
    ADMINISTRATOR_CREATED = "administrator created on the command line"
    USER_CREATED = "user created"
    ACTIVATION_OWED = "activation mail owed"
    ACTIVATION_SHOWN = "activation link handed over"
    ACTIVATED = "account activated"
    DISABLED = "account disabled"
    ENABLED = "account enabled"
    DELETED = "account deleted"
    ROLE_CHANGED = "role changed"
    RENAMED = "name changed"
    LANGUAGE_CHANGED = "language changed"

    # Passwords and addresses
    RESET_ASKED = "password reset asked for"
    RESET_SHOWN = "reset link handed over"
    RESET_DONE = "password reset"
    PASSWORD_CHANGED = "password changed"  # noqa: S105 - the name of an event
    ADDRESS_ASKED = "address change asked for"
    ADDRESS_CANCELLED = "address change cancelled"
    ADDRESS_CHANGED = "address changed"
    ADDRESS_RESTORED = "address change undone"

    # Links and the codes beside them; the fact `purpose` says what for
    LINK_MADE = "link made"
    LINK_OPENED = "link opened"
    LINK_USED = "link used"
    LINK_REFUSED = "link refused"
    CODE_REFUSED = "code refused"

    # The installation
    GENERAL_SAVED = "general settings saved"
    SECURITY_SAVED = "security settings saved"
    MAIL_SERVER_SAVED = "mail server saved"
    TEST_MAIL_SENT = "test mail sent"
    GRANT_MADE = "grant made"
    GRANT_REFUSED = "grant refused"
    GRANT_REFRESH_FAILED = "grant could not be refreshed"
    GRANT_DROPPED = "grant dropped"
    WARNING_TOLD = "mail server warning told"
    WARNING_OVER = "mail server warning over"
    WEBHOOK_SAVED = "webhook saved"
    WEBHOOK_SECRET_MADE = "webhook secret made"  # noqa: S105 - the name of an event
    WEBHOOK_TESTED = "webhook tested"
    MESSAGE_RETRIED = "message tried again by hand"
    KEYS_ROTATED = "keys rotated"
    TRAIL_DOWNLOADED = "audit trail downloaded"
    KEYS_DROPPED = "old keys dropped"
    KEYS_FORGOTTEN = "lost keys forgotten"
