"""What the code of a reply means at each stage, by RFC 5321 (4.2), RFC 4954 (6), RFC 3207, RFC 5248 and RFC 7504."""

from dataclasses import dataclass

from webapp.providers import Cause


@dataclass(frozen=True)
class BasicCode:
    """The meaning of a code in `source`, and the cause that it names with this weight."""

    title: str
    source: str
    cause: Cause
    weight: float


_HELLO = frozenset({"greeting", "ehlo"})
_AUTH, _TLS, _MAIL, _RCPT, _DATA = (frozenset({one}) for one in ("auth", "tls", "mail", "rcpt", "data"))
_ANY = frozenset({"tls", "greeting", "ehlo", "auth", "mail", "rcpt", "data"})
_SMTP, _AUTHENTICATION, _CODES = "RFC 5321", "RFC 4954", "RFC 5248"
# The first entry for the stage counts. What weighs less than 3 doesn't name a cause alone.
BASIC: dict[int, list[tuple[frozenset[str], BasicCode]]] = {
    334: [(_AUTH, BasicCode("Error of an access token", "RFC 7628", Cause.TOKEN_REJECTED, 6))],
    421: [
        (_ANY, BasicCode("Service not available, closing transmission channel", _SMTP, Cause.SERVER_CLOSING, 3)),
    ],
    432: [(_AUTH, BasicCode("A password transition is needed", _AUTHENTICATION, Cause.AUTH_MECHANISM, 3))],
    450: [(_RCPT, BasicCode("Mailbox unavailable", _SMTP, Cause.RECIPIENT_REFUSED, 1))],
    451: [(_ANY, BasicCode("Local error in processing", _SMTP, Cause.SERVER_BUSY, 2))],
    452: [(_ANY, BasicCode("Insufficient system storage", _SMTP, Cause.SERVER_FULL, 2))],
    454: [
        (_AUTH, BasicCode("Temporary authentication failure", _AUTHENTICATION, Cause.SERVER_BUSY, 4)),
        (_TLS, BasicCode("TLS not available due to temporary reason", "RFC 3207", Cause.TLS_UNAVAILABLE, 5)),
    ],
    455: [(_ANY, BasicCode("Server unable to accommodate parameters", _SMTP, Cause.PROTOCOL, 3))],
    500: [
        (_AUTH, BasicCode("Command unrecognized", _SMTP, Cause.AUTH_DISABLED, 3)),
        (_TLS, BasicCode("Command unrecognized", _SMTP, Cause.TLS_UNAVAILABLE, 4)),
        (_ANY, BasicCode("Syntax error, command unrecognized", _SMTP, Cause.PROTOCOL, 4)),
    ],
    501: [
        (frozenset({"ehlo"}), BasicCode("Syntax error in parameters", _SMTP, Cause.HOSTNAME_REFUSED, 4)),
        (_TLS, BasicCode("Syntax error in parameters", _SMTP, Cause.TLS_UNAVAILABLE, 3)),
        (_MAIL, BasicCode("Syntax error in parameters", _SMTP, Cause.SENDER_NOT_ALLOWED, 3)),
        (_RCPT, BasicCode("Syntax error in parameters", _SMTP, Cause.RECIPIENT_SYNTAX, 7)),
        (_ANY, BasicCode("Syntax error in parameters", _SMTP, Cause.PROTOCOL, 4)),
    ],
    502: [
        (_AUTH, BasicCode("Command not implemented", _SMTP, Cause.AUTH_DISABLED, 4)),
        (_TLS, BasicCode("Command not implemented", _SMTP, Cause.TLS_UNAVAILABLE, 5)),
        (_ANY, BasicCode("Command not implemented", _SMTP, Cause.PROTOCOL, 4)),
    ],
    503: [(_ANY, BasicCode("Bad sequence of commands", _SMTP, Cause.PROTOCOL, 4))],
    504: [
        (_AUTH, BasicCode("Mechanism not supported", _AUTHENTICATION, Cause.AUTH_MECHANISM, 10.5)),
        (frozenset({"ehlo"}), BasicCode("Command parameter not implemented", _SMTP, Cause.HOSTNAME_REFUSED, 3)),
        (_ANY, BasicCode("Command parameter not implemented", _SMTP, Cause.PROTOCOL, 3)),
    ],
    521: [(_HELLO, BasicCode("Host does not accept mail", "RFC 7504", Cause.IP_NOT_ALLOWED, 3))],
    523: [(_ANY, BasicCode("Encryption needed", _CODES, Cause.TLS_REQUIRED, 5))],
    524: [(_ANY, BasicCode("Encryption required for the mechanism", _CODES, Cause.TLS_REQUIRED, 4))],
    525: [(_ANY, BasicCode("User account disabled", _CODES, Cause.ACCOUNT_SUSPENDED, 4))],
    530: [
        # Who signs in already isn't asked to; most servers then say what is missing.
        (_AUTH, BasicCode("Authentication required", _AUTHENTICATION, Cause.CREDENTIALS, 3)),
        (_ANY, BasicCode("Authentication required", _AUTHENTICATION, Cause.AUTH_REQUIRED, 5)),
    ],
    534: [(_ANY, BasicCode("Authentication mechanism is too weak", _AUTHENTICATION, Cause.AUTH_MECHANISM, 4))],
    535: [(_ANY, BasicCode("Authentication credentials invalid", _AUTHENTICATION, Cause.CREDENTIALS, 4))],
    538: [(_ANY, BasicCode("Encryption required for the mechanism", _AUTHENTICATION, Cause.TLS_REQUIRED, 6))],
    550: [
        (_RCPT, BasicCode("Mailbox unavailable", _SMTP, Cause.RECIPIENT_REFUSED, 2)),
        # Until then the server only knows a name and an address.
        (frozenset({"ehlo"}), BasicCode("Mailbox unavailable", _SMTP, Cause.HOSTNAME_REFUSED, 3)),
        (_MAIL, BasicCode("Mailbox unavailable", _SMTP, Cause.SENDER_NOT_ALLOWED, 1)),
    ],
    551: [(_RCPT, BasicCode("User not local", _SMTP, Cause.RECIPIENT_UNKNOWN, 4))],
    552: [
        (_RCPT, BasicCode("Exceeded storage allocation", _SMTP, Cause.RECIPIENT_MAILBOX_FULL, 4)),
        (_MAIL | _DATA, BasicCode("Exceeded storage allocation", _SMTP, Cause.MESSAGE_TOO_LARGE, 3)),
    ],
    553: [
        (_RCPT, BasicCode("Mailbox name not allowed", _SMTP, Cause.RECIPIENT_SYNTAX, 2)),
        (_MAIL, BasicCode("Mailbox name not allowed", _SMTP, Cause.SENDER_NOT_ALLOWED, 3)),
    ],
    554: [
        (_HELLO, BasicCode("No SMTP service here", _SMTP, Cause.IP_NOT_ALLOWED, 2)),
        (_DATA, BasicCode("Transaction failed", _SMTP, Cause.CONTENT_REFUSED, 1)),
    ],
    555: [(_ANY, BasicCode("Parameters not recognized or not implemented", _SMTP, Cause.PROTOCOL, 5))],
    556: [(_ANY, BasicCode("Domain does not accept mail", "RFC 7504", Cause.RECIPIENT_UNKNOWN, 5))],
}

# Whatever the code is, the server doesn't start TLS.
REFUSED_TLS = BasicCode("STARTTLS was refused", "RFC 3207", Cause.TLS_UNAVAILABLE, 3)


def lookup(code: int, stage: str) -> BasicCode | None:
    """Return what a code means at a stage."""
    known = next((meaning for stages, meaning in BASIC.get(code, ()) if stage in stages), None)
    if stage == "tls" and code >= 400 and (known is None or known.cause is not Cause.TLS_UNAVAILABLE):
        return REFUSED_TLS
    return known
