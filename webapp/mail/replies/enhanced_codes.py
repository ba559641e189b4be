"""What enhanced codes mean: the IANA registry of subject.detail (RFC 3463), and Microsoft's own of Exchange Online.

https://www.iana.org/assignments/smtp-enhanced-status-codes, 30 November 2026.
"""

from dataclasses import dataclass

from webapp.providers import Cause

_EXCHANGE = "Exchange Online"


@dataclass(frozen=True)
class EnhancedCode:
    """The title of a code in `source`, and the cause that it names with this weight, if it names one."""

    title: str
    source: str
    cause: Cause | None = None
    weight: float = 0.0


def _code(title: str, source: str, cause: Cause | None = None, weight: float = 7.0) -> EnhancedCode:
    return EnhancedCode(title, source, cause, weight if cause else 0.0)


# By subject and detail; the class (4 or 5) says how long it lasts. Of those that say little, the weight is small.
REGISTERED = {
    "0.0": _code("Other undefined status", "RFC 3463"),
    "1.0": _code("Other address status", "RFC 3463"),
    "1.1": _code("Bad destination mailbox address", "RFC 3463", Cause.RECIPIENT_UNKNOWN),
    "1.2": _code("Bad destination system address", "RFC 3463", Cause.RECIPIENT_UNKNOWN),
    "1.3": _code("Bad destination mailbox address syntax", "RFC 3463", Cause.RECIPIENT_SYNTAX),
    "1.4": _code("Destination mailbox address ambiguous", "RFC 3463", Cause.RECIPIENT_REFUSED, 5),
    "1.5": _code("Destination address valid", "RFC 3463"),
    "1.6": _code("Destination mailbox has moved, no forwarding address", "RFC 3463", Cause.RECIPIENT_UNKNOWN, 5),
    "1.7": _code("Bad sender's mailbox address syntax", "RFC 3463", Cause.SENDER_NOT_ALLOWED, 5),
    "1.8": _code("Bad sender's system address", "RFC 3463", Cause.SENDER_DOMAIN, 5),
    "1.9": _code("Message relayed to non-compliant mailer", "RFC 5248"),
    "1.10": _code("Recipient address has null MX", "RFC 7505", Cause.RECIPIENT_UNKNOWN),
    "2.0": _code("Other or undefined mailbox status", "RFC 3463"),
    "2.1": _code("Mailbox disabled, not accepting messages", "RFC 3463", Cause.RECIPIENT_REFUSED, 4),
    "2.2": _code("Mailbox full", "RFC 3463", Cause.RECIPIENT_MAILBOX_FULL, 5),
    "2.3": _code("Message length exceeds administrative limit", "RFC 3463", Cause.MESSAGE_TOO_LARGE),
    "2.4": _code("Mailing list expansion problem", "RFC 3463", Cause.RECIPIENT_REFUSED, 4),
    "3.0": _code("Other or undefined mail system status", "RFC 3463"),
    "3.1": _code("Mail system full", "RFC 3463", Cause.SERVER_FULL, 5),
    "3.2": _code("System not accepting network messages", "RFC 3463", Cause.SERVER_CLOSING, 3),
    "3.3": _code("System not capable of selected features", "RFC 3463", Cause.PROTOCOL, 4),
    "3.4": _code("Message too big for system", "RFC 3463", Cause.MESSAGE_TOO_LARGE),
    "3.5": _code("System incorrectly configured", "RFC 3463", Cause.CONFIGURATION_SERVER, 5),
    "3.6": _code("Requested priority was changed", "RFC 6710"),
    "4.0": _code("Other or undefined network or routing status", "RFC 3463"),
    "4.1": _code("No answer from host", "RFC 3463", Cause.SERVER_BUSY, 3),
    "4.2": _code("Bad connection", "RFC 3463", Cause.SERVER_CLOSING, 3),
    "4.3": _code("Directory server failure", "RFC 3463", Cause.SERVER_BUSY, 4),
    "4.4": _code("Unable to route", "RFC 3463", Cause.RECIPIENT_UNKNOWN, 3),
    "4.5": _code("Mail system congestion", "RFC 3463", Cause.SERVER_BUSY, 4),
    "4.6": _code("Routing loop detected", "RFC 3463", Cause.CONFIGURATION_SERVER, 5),
    "4.7": _code("Delivery time expired", "RFC 3463", Cause.SERVER_BUSY, 3),
    "5.0": _code("Other or undefined protocol status", "RFC 3463", Cause.PROTOCOL, 2),
    "5.1": _code("Invalid command", "RFC 3463", Cause.PROTOCOL, 3),
    "5.2": _code("Syntax error", "RFC 3463", Cause.PROTOCOL, 3),
    "5.3": _code("Too many recipients", "RFC 3463", Cause.TOO_MANY_RECIPIENTS),
    "5.4": _code("Invalid command arguments", "RFC 3463", Cause.PROTOCOL, 3),
    "5.5": _code("Wrong protocol version", "RFC 3463", Cause.PROTOCOL, 4),
    "5.6": _code("Authentication exchange line is too long", "RFC 4954", Cause.AUTH_MECHANISM, 5),
    "6.0": _code("Other or undefined media error", "RFC 3463", Cause.CONTENT_REFUSED, 3),
    "6.1": _code("Media not supported", "RFC 3463", Cause.CONTENT_REFUSED, 5),
    "6.2": _code("Conversion required and prohibited", "RFC 3463", Cause.CONTENT_REFUSED, 5),
    "6.3": _code("Conversion required but not supported", "RFC 3463", Cause.CONTENT_REFUSED, 5),
    "6.4": _code("Conversion with loss performed", "RFC 3463", Cause.CONTENT_REFUSED, 3),
    "6.5": _code("Conversion failed", "RFC 3463", Cause.CONTENT_REFUSED, 4),
    "6.6": _code("Message content not available", "RFC 4468", Cause.PROTOCOL, 4),
    "6.7": _code("Non-ASCII addresses not permitted for that sender/recipient", "RFC 6531", Cause.SMTPUTF8_UNSUPPORTED),
    "6.8": _code("UTF-8 string reply is required, but not permitted", "RFC 6531", Cause.SMTPUTF8_UNSUPPORTED),
    "6.9": _code("UTF-8 header message cannot be transferred", "RFC 6531", Cause.SMTPUTF8_UNSUPPORTED),
    "6.10": _code("UTF-8 string reply is required, but not permitted", "RFC 6531", Cause.SMTPUTF8_UNSUPPORTED),
    "7.0": _code("Other or undefined security status", "RFC 3463"),
    "7.1": _code("Delivery not authorized, message refused", "RFC 3463"),
    "7.2": _code("Mailing list expansion prohibited", "RFC 3463", Cause.RECIPIENT_REFUSED, 5),
    "7.3": _code("Security conversion required but not possible", "RFC 3463"),
    "7.4": _code("Security features not supported", "RFC 3463", Cause.AUTH_MECHANISM, 4),
    "7.5": _code("Cryptographic failure", "RFC 3463", Cause.TLS_UNAVAILABLE, 3),
    "7.6": _code("Cryptographic algorithm not supported", "RFC 3463", Cause.TLS_UNAVAILABLE, 3),
    "7.7": _code("Message integrity failure", "RFC 3463", Cause.DKIM_SPF_DMARC, 2),
    "7.8": _code("Authentication credentials invalid", "RFC 4954", Cause.CREDENTIALS, 4),
    "7.9": _code("Authentication mechanism is too weak", "RFC 4954", Cause.AUTH_MECHANISM, 4),
    "7.10": _code("Encryption needed", "RFC 5248", Cause.TLS_REQUIRED),
    "7.11": _code("Encryption required for requested authentication mechanism", "RFC 4954", Cause.TLS_REQUIRED),
    "7.12": _code("A password transition is needed", "RFC 4954", Cause.AUTH_MECHANISM),
    "7.13": _code("User account disabled", "RFC 5248", Cause.ACCOUNT_SUSPENDED, 5),
    "7.14": _code("Trust relationship required", "RFC 5248"),
    "7.15": _code("Priority level is too low", "RFC 6710", Cause.SERVER_BUSY, 4),
    "7.16": _code("Message is too big for the specified priority", "RFC 6710", Cause.MESSAGE_TOO_LARGE, 5),
    "7.17": _code("Mailbox owner has changed", "RFC 7293", Cause.RECIPIENT_REFUSED, 5),
    "7.18": _code("Domain owner has changed", "RFC 7293", Cause.RECIPIENT_REFUSED, 5),
    "7.19": _code("RRVS test cannot be completed", "RFC 7293", Cause.RECIPIENT_REFUSED, 4),
    "7.20": _code("No passing DKIM signature found", "RFC 7372", Cause.DKIM_SPF_DMARC),
    "7.21": _code("No acceptable DKIM signature found", "RFC 7372", Cause.DKIM_SPF_DMARC),
    "7.22": _code("No valid author-matched DKIM signature found", "RFC 7372", Cause.DKIM_SPF_DMARC),
    "7.23": _code("SPF validation failed", "RFC 7372", Cause.DKIM_SPF_DMARC, 5),
    "7.24": _code("SPF validation error", "RFC 7372", Cause.DKIM_SPF_DMARC, 5),
    "7.25": _code("Reverse DNS validation failed", "RFC 7372", Cause.HOSTNAME_REFUSED),
    "7.26": _code("Multiple authentication checks failed", "RFC 7372", Cause.DKIM_SPF_DMARC),
    "7.27": _code("Sender address has null MX", "RFC 7505", Cause.SENDER_DOMAIN, 5),
    "7.28": _code("Mail flood detected", "IANA", Cause.RATE_LIMITED, 5),
    "7.29": _code("ARC validation failure", "RFC 8617", Cause.DKIM_SPF_DMARC, 4),
    "7.30": _code("REQUIRETLS support required", "RFC 8689", Cause.TLS_REQUIRED, 3),
}
# Microsoft's documentation of non-delivery reports in Exchange Online.
MICROSOFT = {
    "1.90": _code("Daily limit for message recipients", _EXCHANGE, Cause.QUOTA_EXCEEDED),
    "2.121": _code("Recipient's per hour message receive limit exceeded", _EXCHANGE, Cause.RECIPIENT_REFUSED, 5),
    "2.122": _code("Recipient's per hour message receive limit exceeded", _EXCHANGE, Cause.RECIPIENT_REFUSED, 5),
    "2.252": _code("Not allowed to send as this sender", _EXCHANGE, Cause.SENDER_NOT_ALLOWED),
    "4.310": _code("DNS domain does not exist", _EXCHANGE, Cause.RECIPIENT_UNKNOWN, 4),
    "4.312": _code("DNS query failed", _EXCHANGE, Cause.SERVER_BUSY, 4),
    "4.316": _code("Message expired, connection refused", _EXCHANGE, Cause.SERVER_BUSY, 4),
    "4.14": _code("Hop count exceeded, possible mail loop", _EXCHANGE, Cause.CONFIGURATION_SERVER, 5),
    "7.57": _code("Client was not authenticated", _EXCHANGE, Cause.AUTH_REQUIRED),
    "7.60": _code("Client does not have permissions to send as this sender", _EXCHANGE, Cause.SENDER_NOT_ALLOWED),
    "7.64": _code("Relay access denied, tenant attribution", _EXCHANGE, Cause.RELAY_DENIED),
    "7.124": _code("Sender not in allowed-senders list", _EXCHANGE, Cause.RECIPIENT_REFUSED),
    "7.133": _code("Sender not authenticated for group", _EXCHANGE, Cause.RECIPIENT_REFUSED),
    "7.134": _code("Sender was not authenticated for mailbox", _EXCHANGE, Cause.RECIPIENT_REFUSED),
    "7.136": _code("Sender was not authenticated for mail user", _EXCHANGE, Cause.RECIPIENT_REFUSED),
    "7.139": _code("Sign-in not allowed by the organization", _EXCHANGE, Cause.AUTH_DISABLED, 2),
    "7.193": _code("Sender is not a member of the group", _EXCHANGE, Cause.RECIPIENT_REFUSED),
    "7.232": _code("Tenant exceeded its external recipients", _EXCHANGE, Cause.QUOTA_EXCEEDED),
    "7.233": _code("Tenant exceeded its external recipients", _EXCHANGE, Cause.QUOTA_EXCEEDED),
    "7.321": _code("STARTTLS not supported by the recipient's server", _EXCHANGE, Cause.TLS_UNAVAILABLE),
    "7.500": _code("Server busy", _EXCHANGE, Cause.SERVER_BUSY, 3),
    "7.501": _code("Spam abuse detected", _EXCHANGE, Cause.ACCOUNT_SUSPENDED),
    "7.502": _code("Banned sender", _EXCHANGE, Cause.ACCOUNT_SUSPENDED),
    "7.503": _code("Banned sender", _EXCHANGE, Cause.ACCOUNT_SUSPENDED),
    "7.506": _code("Bad HELO", _EXCHANGE, Cause.HOSTNAME_REFUSED),
    "7.508": _code("IP address exceeded permitted limits", _EXCHANGE, Cause.RATE_LIMITED),
    "7.509": _code("Sending domain does not pass DMARC", _EXCHANGE, Cause.DKIM_SPF_DMARC),
    "7.511": _code("Banned sender", _EXCHANGE, Cause.IP_BLOCKLISTED, 5),
    "7.512": _code("Message must comply with RFC 5322", _EXCHANGE, Cause.HEADER_INVALID),
    "7.513": _code("Client host blocked", _EXCHANGE, Cause.IP_BLOCKLISTED),
    "7.515": _code("Sending domain lacks the required authentication", _EXCHANGE, Cause.DKIM_SPF_DMARC),
    "7.705": _code("Tenant has exceeded threshold", _EXCHANGE, Cause.QUOTA_EXCEEDED, 5),
    "7.708": _code("Traffic not accepted from this IP address", _EXCHANGE, Cause.IP_NOT_ALLOWED, 5),
    "7.750": _code("Client blocked from sending from unregistered domains", _EXCHANGE, Cause.SENDER_NOT_ALLOWED),
}
_BANNED_ADDRESSES = range(606, 650)
_BANNED = _code("Banned sending IP address", _EXCHANGE, Cause.IP_BLOCKLISTED, 5)


def lookup(code: str) -> EnhancedCode | None:
    """Return what is known of an enhanced code, such as 5.7.8."""
    subject_and_detail = code[2:]
    subject, _, detail = subject_and_detail.partition(".")
    if subject == "7" and int(detail) in _BANNED_ADDRESSES:
        return _BANNED
    return REGISTERED.get(subject_and_detail) or MICROSOFT.get(subject_and_detail)
