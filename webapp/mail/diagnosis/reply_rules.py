"""What replies of SMTP servers mean, for every provider.

A provider's own rules are tried first. Replies are matched by SMTP code, enhanced code (RFC 3463) and a phrase.
"""

from flask_babel import lazy_gettext as _

from webapp.mail.diagnosis.smtp_rules import CHECK_PORT, TO_STARTTLS
from webapp.providers import Diagnosis, DiagnosisRule

BAD_CREDENTIALS = Diagnosis(
    _("The server rejected the user name or password."),
    [
        _("Enter the password again."),
        _("Check the user name: most servers expect the full email address."),
        _("Check whether the service requires a special password (app password, API key, SMTP password). Many do."),
    ],
)
NEEDS_AUTHENTICATION = Diagnosis(
    _("The server requires authentication before it relays email."),
    [
        _("Set Authentication to Password, and enter a user name and password."),
        _("Or allow this machine's IP address on the server."),
    ],
)
NEEDS_TLS = Diagnosis(
    _("The server requires an encrypted connection."), [_("Set Security to STARTTLS.")], fix={"security": "starttls"}
)
AUTHENTICATION_OFF = Diagnosis(
    _("Authentication is turned off on this port."),
    [_("Use port 587 with STARTTLS, or port 465 with TLS.")],
    fix=TO_STARTTLS,
)
SENDER_NOT_ALLOWED = Diagnosis(
    _("The signed-in account isn't allowed to send from the Mail From address."),
    [_("Set Mail From to the account's own address, or allow the account to send as that address.")],
)
UNKNOWN_RECIPIENT = Diagnosis(_("The server doesn't know this recipient."), [_("Check the address for typos.")])
UNKNOWN_SENDER_DOMAIN = Diagnosis(
    _("The domain of the Mail From address doesn't exist on the internet."),
    [_("Set Mail From to an address in a real domain.")],
)
BAD_HELO = Diagnosis(
    _("The server rejected the host name that Mailroom sends in its greeting (EHLO)."),
    [_("Use a real host name in the public URL (Settings → General): Mailroom sends it in its greeting.")],
)
NO_REVERSE_DNS = Diagnosis(
    _("This machine's IP address has no reverse DNS entry, and the server requires one."),
    [_("Send through your provider's server, or set up a reverse DNS entry for this machine.")],
)
GREYLISTED = Diagnosis(
    _("The server deliberately delays first-time senders (greylisting)."),
    [_("You don't need to do anything: the next attempt, in a few minutes, should work.")],
)
TEMPORARY_PROBLEM = Diagnosis(
    _("The server reports a temporary problem and can't accept email at the moment."),
    [_("Wait a few minutes, then test again. Waiting emails are retried automatically.")],
)
TOO_BIG = Diagnosis(_("The message is too large for the server."), [_("Raise the size limit on the server.")])
BAD_SEQUENCE = Diagnosis(_("The server doesn't understand Mailroom's commands."), [CHECK_PORT])
REJECTED = Diagnosis(
    _("The server permanently rejected the message. Its reply, below, says why."),
    [_("If that doesn't help, send the reply to whoever runs the server.")],
)

REPLY_RULES = (
    DiagnosisRule("454 4.7.0", TEMPORARY_PROBLEM, "tls not available"),
    DiagnosisRule("454 4.7.0", TEMPORARY_PROBLEM, "temporary authentication failure"),
    DiagnosisRule("503", AUTHENTICATION_OFF, "auth"),
    DiagnosisRule("530", NEEDS_TLS, "starttls"),
    DiagnosisRule("534", NEEDS_TLS, "mechanism is too weak"),
    DiagnosisRule("535", BAD_CREDENTIALS),
    DiagnosisRule("534", BAD_CREDENTIALS),
    DiagnosisRule("530", NEEDS_AUTHENTICATION),
    DiagnosisRule("554", NEEDS_AUTHENTICATION, "relay access denied"),
    DiagnosisRule("550", NEEDS_AUTHENTICATION, "relay"),
    DiagnosisRule("550", NEEDS_AUTHENTICATION, "authentication"),
    DiagnosisRule("553", NEEDS_AUTHENTICATION, "not logged in"),
    DiagnosisRule("553", SENDER_NOT_ALLOWED),
    DiagnosisRule("550", SENDER_NOT_ALLOWED, "send as"),
    DiagnosisRule("554", SENDER_NOT_ALLOWED, "senddenied"),
    DiagnosisRule("554", SENDER_NOT_ALLOWED, "sendasdenied"),
    DiagnosisRule("450 4.1.8", UNKNOWN_SENDER_DOMAIN),
    DiagnosisRule("421", BAD_HELO, "(ehlo)"),
    DiagnosisRule("450", BAD_HELO, "helo"),
    DiagnosisRule("504", BAD_HELO, "helo"),
    DiagnosisRule("550", BAD_HELO, "helo"),
    DiagnosisRule("450", NO_REVERSE_DNS, "hostname"),
    DiagnosisRule("550", NO_REVERSE_DNS, "cannot find your"),
    DiagnosisRule("550 5.1.1", UNKNOWN_RECIPIENT),
    DiagnosisRule("550", UNKNOWN_RECIPIENT, "unknown"),
    DiagnosisRule("450", GREYLISTED, "greylist"),
    DiagnosisRule("451", GREYLISTED, "greylist"),
    DiagnosisRule("552", TOO_BIG),
    DiagnosisRule("500", BAD_SEQUENCE),
    DiagnosisRule("502", BAD_SEQUENCE, "command"),
)
