"""Why a mail server says no, in the words of diagnosis rules."""

from enum import StrEnum


class Cause(StrEnum):
    """What a reply is about, and so what would have to change.

    `RECIPIENT_…` is about the recipient; `SENDER_…`, `ACCOUNT_SUSPENDED` and the quotas are about who sends.
    """

    CREDENTIALS = "credentials"
    APP_PASSWORD_NEEDED = "app_password_needed"  # noqa: S105 -- the name of a cause
    AUTH_DISABLED = "auth_disabled"
    AUTH_REQUIRED = "auth_required"
    AUTH_MECHANISM = "auth_mechanism"
    TOKEN_REJECTED = "token_rejected"  # noqa: S105 -- the name of a cause
    TLS_REQUIRED = "tls_required"
    TLS_UNAVAILABLE = "tls_unavailable"
    ACCOUNT_SUSPENDED = "account_suspended"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    IP_NOT_ALLOWED = "ip_not_allowed"
    IP_BLOCKLISTED = "ip_blocklisted"
    HOSTNAME_REFUSED = "hostname_refused"
    RELAY_DENIED = "relay_denied"
    SENDER_NOT_ALLOWED = "sender_not_allowed"
    SENDER_DOMAIN = "sender_domain"
    SENDER_MAILBOX_FULL = "sender_mailbox_full"
    DKIM_SPF_DMARC = "dkim_spf_dmarc"
    RECIPIENT_UNKNOWN = "recipient_unknown"
    RECIPIENT_MAILBOX_FULL = "recipient_mailbox_full"
    RECIPIENT_REFUSED = "recipient_refused"
    RECIPIENT_SYNTAX = "recipient_syntax"
    GREYLISTED = "greylisted"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXCEEDED = "quota_exceeded"
    TOO_MANY_RECIPIENTS = "too_many_recipients"
    MESSAGE_TOO_LARGE = "message_too_large"
    LINE_TOO_LONG = "line_too_long"
    CONTENT_REFUSED = "content_refused"
    HEADER_INVALID = "header_invalid"
    SERVER_BUSY = "server_busy"
    SERVER_FULL = "server_full"
    SERVER_CLOSING = "server_closing"
    CONFIGURATION_SERVER = "configuration_server"
    PROTOCOL = "protocol"
    SMTPUTF8_UNSUPPORTED = "smtputf8_unsupported"
    NOT_UNDERSTOOD = "not_understood"
