"""What the audit trail tells of, by name."""

from enum import StrEnum


class Event(StrEnum):
    """One kind of thing that is done. The values stay in the database for good: do not reuse one."""

    SIGNED_IN = "signed in"
    USER_CREATED = "user created"
    ACTIVATION_OWED = "activation mail owed"
    ACTIVATION_SHOWN = "activation link handed over"
    ACTIVATED = "account activated"
    DISABLED = "account disabled"
    ENABLED = "account enabled"
    DELETED = "account deleted"
    ROLE_CHANGED = "role changed"
    RENAMED = "name changed"
    RESET_ASKED = "password reset asked for"
    RESET_DONE = "password reset"
    PASSWORD_CHANGED = "password changed"  # noqa: S105 - the name of an event
    ADDRESS_CHANGED = "address changed"
    ADDRESS_RESTORED = "address change undone"
    GENERAL_SAVED = "general settings saved"
    SECURITY_SAVED = "security settings saved"
    MAIL_SERVER_SAVED = "mail server saved"
    GRANT_MADE = "grant made"
    GRANT_REFUSED = "grant refused"
    GRANT_DROPPED = "grant dropped"
    GRANT_ENDED = "grant ended"
