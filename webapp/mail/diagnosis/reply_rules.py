"""What replies of SMTP servers mean, for every provider.

A provider's own rules are tried first. Of a rejection, what is known is whom it is about
(`webapp.mail.transport.rejections`); phrases narrow that down.
"""

import re
from collections.abc import Mapping, Sequence

from flask_babel import lazy_gettext as _

from webapp.mail.diagnosis.smtp_rules import CHECK_PORT, NO_COMMON_MECHANISM, TOO_MANY_ATTEMPTS
from webapp.mail.transcript import Stage
from webapp.mail.transport.rejections import SESSION_STAGES, Party, party, without_addresses
from webapp.providers import Diagnosis, DiagnosisRule, Failure

SUBMIT_ELSEWHERE = _(
    "Or send through your mail provider's server for authenticated sending: port 587 or 465, with a user name and "
    "password."
)
SET_UP_DOMAIN = _(
    "Add the SPF and DKIM records that your mail provider names to the DNS of the Mail From address's domain."
)
SEND_REPLY = _("If that doesn't help, send the reply to whoever runs the server.")

BAD_CREDENTIALS = Diagnosis(
    _("The server rejected the user name or password."),
    [
        _("Enter the password again."),
        _("Check the user name: most servers expect the full email address."),
        _("Check whether the service requires a special password (app password, API key, SMTP password). Many do."),
    ],
)
PASSWORD_HAS_SPACES = Diagnosis(
    BAD_CREDENTIALS.cause,
    [
        _("The password contains spaces. If it's shown in groups, as app passwords are, enter it without the spaces."),
        *BAD_CREDENTIALS.steps,
    ],
)
PASSWORD_NOT_ASCII = Diagnosis(
    BAD_CREDENTIALS.cause,
    [
        _("The password contains characters outside ASCII, such as é or §, which some servers don't accept."),
        *BAD_CREDENTIALS.steps,
    ],
)
PASSWORDS_OFF = Diagnosis(
    _("The mail service no longer accepts passwords for this mailbox."),
    [
        _("Choose Office 365 as the provider if the mailbox is Microsoft's, and set Authentication to OAuth2."),
        _(
            "For a personal Outlook account (such as outlook.com, hotmail.com or live.com), enter consumers as the "
            "tenant ID and smtp-mail.outlook.com as the host."
        ),
    ],
)
NEEDS_AUTHENTICATION = Diagnosis(
    _("The server requires authentication before it relays email."),
    [
        _("Set Authentication to Password, and enter a user name and password."),
        _("Or allow this machine's IP address on the server."),
    ],
)
RELAY_DENIED = Diagnosis(
    _("The server accepted the sign-in, but doesn't relay email to other domains on this connection."),
    [
        _("Use the server's port for authenticated sending: usually 587 with STARTTLS, or 465 with TLS."),
        _("If it's your own server, allow signed-in users to relay."),
    ],
)
NEEDS_TLS = Diagnosis(
    _("The server requires an encrypted connection."), [_("Set Security to STARTTLS.")], fix={"security": "starttls"}
)
AUTHENTICATION_OFF = Diagnosis(
    _("Authentication is turned off on this port."),
    [_("Use the server's port for sending programs: usually 587 with STARTTLS, or 465 with TLS.")],
    fix={"security": "starttls", "port": "587"},
)
SENDER_NOT_ALLOWED = Diagnosis(
    _("The signed-in account isn't allowed to send from the Mail From address."),
    [_("Set Mail From to the account's own address, or allow the account to send as that address.")],
)
SENDER_REJECTED = Diagnosis(
    _("The server rejected the Mail From address."),
    [_("Set Mail From to an address that this server sends for, usually that of the signed-in account."), SEND_REPLY],
)
UNKNOWN_SENDER_DOMAIN = Diagnosis(
    _("The domain of the Mail From address doesn't exist on the internet."),
    [_("Set Mail From to an address in a real domain.")],
)
DOMAIN_NOT_AUTHENTICATED = Diagnosis(
    _("The domain of the Mail From address doesn't confirm that this server sends for it (SPF, DKIM or DMARC)."),
    [SET_UP_DOMAIN, _("Or set Mail From to an address in a domain that your mail provider is set up for.")],
)
SENDER_BLOCKED = Diagnosis(
    _("The mail service has blocked the sending account, or hasn't activated it yet."),
    [_("Sign in to the service's website and look for a notice, or ask its support.")],
)
BAD_HELO = Diagnosis(
    _("The server rejected the host name that Mailroom sends in its greeting (EHLO)."),
    [_("Use a real host name in the public URL (Settings → General): Mailroom sends it in its greeting.")],
)
NO_REVERSE_DNS = Diagnosis(
    _("This machine's IP address has no reverse DNS entry, and the server requires one."),
    [_("Send through your provider's server, or set up a reverse DNS entry for this machine.")],
)
MACHINE_REFUSED = Diagnosis(
    _("The server doesn't accept email from this machine's IP address."),
    [
        _("If its reply, below, names a block list, ask that list to remove this machine's IP address."),
        _("If it's your own server or your provider's, allow this machine's IP address there."),
        SUBMIT_ELSEWHERE,
    ],
)
LIMIT_REACHED = Diagnosis(
    _("The account has reached a sending limit of the mail service."),
    [
        _("You don't need to do anything if it's rare: waiting emails are retried automatically."),
        _("If it happens often, ask the service for a higher limit."),
    ],
)
NOT_VERIFIED = Diagnosis(
    _("The mail service has not verified the Mail From address or, for a new account, the recipient's."),
    [
        _("On the service's website, verify the Mail From address or its domain."),
        _("If the account may only send to verified recipients, ask the service to lift that restriction."),
    ],
)
UNKNOWN_RECIPIENT = Diagnosis(_("The server doesn't know this recipient."), [_("Check the address for typos.")])
RECIPIENT_REJECTED = Diagnosis(
    _("The server doesn't accept email for this recipient."),
    [_("Check the address for typos."), _("Ask the recipient, or whoever runs their mail server.")],
)
MAILBOX_FULL = Diagnosis(_("The recipient's mailbox is full."), [_("Ask the recipient to make room in it.")])
TAKEN_FOR_SPAM = Diagnosis(
    _("The server took this message for spam or objected to its content."),
    [
        SET_UP_DOMAIN,
        _("Check that the domain of the public URL is not on a block list: the links in emails start with it."),
        SEND_REPLY,
    ],
)
GREYLISTED = Diagnosis(
    _("The server deliberately delays first-time senders (greylisting)."),
    [_("You don't need to do anything: the next attempt, in a few minutes, should work.")],
)
TEMPORARY_PROBLEM = Diagnosis(
    _("The server reports a temporary problem and can't accept email at the moment."),
    [_("Wait a few minutes, then test again. Waiting emails are retried automatically.")],
)
COMES_TOO_OFTEN = Diagnosis(TEMPORARY_PROBLEM.cause, [TOO_MANY_ATTEMPTS])
TOO_BIG = Diagnosis(_("The message is too large for the server."), [_("Raise the size limit on the server.")])
BAD_SEQUENCE = Diagnosis(_("The server doesn't understand Mailroom's commands."), [CHECK_PORT])
REJECTED = Diagnosis(
    _("The server permanently rejected the message. Its reply, below, says why."),
    [SEND_REPLY],
)
REFUSED = Diagnosis(_("The server refused to continue. Its reply, below, says why."), [SEND_REPLY])

# Replies that say what they are about by their code, at any stage. The first match counts.
CODE_RULES = (
    # Microsoft's: 535 5.7.139, 530 5.7.57 and 550 5.7.30.
    DiagnosisRule("", PASSWORDS_OFF, "basic authentication is"),
    DiagnosisRule("530", NEEDS_TLS, "starttls"),
    DiagnosisRule("534", NEEDS_TLS, "mechanism is too weak"),
    DiagnosisRule("538", NEEDS_TLS),
    DiagnosisRule("535", PASSWORD_HAS_SPACES, code="password_has_spaces"),
    DiagnosisRule("535", PASSWORD_NOT_ASCII, code="password_not_ascii"),
    DiagnosisRule("535", BAD_CREDENTIALS),
    DiagnosisRule("534", BAD_CREDENTIALS),
    DiagnosisRule("530", NEEDS_AUTHENTICATION),
    DiagnosisRule("500", BAD_SEQUENCE),
    DiagnosisRule("502", BAD_SEQUENCE, "command"),
)
# What a rejection means by whom it is about. The first match counts; the last one of each matches anything.
PARTY_RULES: Mapping[Party, Sequence[tuple[str, Diagnosis]]] = {
    Party.EHLO: [("", BAD_HELO)],
    Party.MACHINE: [("cannot find your|reverse|ptr|rdns", NO_REVERSE_DNS), ("", MACHINE_REFUSED)],
    Party.SENDER: [
        ("domain not found|domain of sender address does not exist", UNKNOWN_SENDER_DOMAIN),
        (
            r"\bspf\b|sender policy framework|dkim|dmarc|required authentication level|unauthenticated",
            DOMAIN_NOT_AUTHENTICATED,
        ),
        ("blocked|bad outbound sender|unusual|abuse|activated", SENDER_BLOCKED),
        (
            "not owned|send as|no permission|sendasdenied|senddenied|relaying disallowed|authori[sz]ed|allowed to send"
            "|not one of",
            SENDER_NOT_ALLOWED,
        ),
        ("", SENDER_REJECTED),
    ],
    Party.AUTHENTICATION: [("", NEEDS_AUTHENTICATION)],
    Party.LIMIT: [
        ("not verified", NOT_VERIFIED),
        ("connections|too many .*(login|sign-?in|auth|attempt|fail)", COMES_TOO_OFTEN),
        ("", LIMIT_REACHED),
    ],
    Party.RECIPIENT: [
        (r"\bfull\b|quota|\d [45]\.2\.2 ", MAILBOX_FULL),
        (r"unknown|no such|not found|not exist|\d 5\.1\.1 ", UNKNOWN_RECIPIENT),
        ("", RECIPIENT_REJECTED),
    ],
    Party.CONTENT: [("", TAKEN_FOR_SPAM)],
    Party.SIZE: [("", TOO_BIG)],
}


def diagnose_reply(failure: Failure, settings: Mapping[str, str]) -> Diagnosis:
    """Return the diagnosis of what a mail server replied."""
    signed_in = settings.get("authentication", "none") != "none"
    for rule in CODE_RULES:
        if rule.matches(failure):
            return _unless_done(rule.diagnosis, settings.get("security", "none") != "none", signed_in)
    text = without_addresses(failure.reply)
    if failure.stage == Stage.AUTH and re.match("503.*auth", text):
        return AUTHENTICATION_OFF
    if failure.stage == Stage.AUTH and text.startswith("504"):
        return NO_COMMON_MECHANISM
    about = party(failure.stage, failure.reply)
    if about is Party.AUTHENTICATION and signed_in and re.search("relay|rcpthosts", text):
        return RELAY_DENIED
    for phrases, diagnosis in PARTY_RULES.get(about, ()):
        if re.search(phrases, text):
            return _unless_done(diagnosis, False, signed_in)
    if failure.reply.startswith("4"):
        return GREYLISTED if re.search("gr[ae]y-?list", text) else TEMPORARY_PROBLEM
    return REJECTED if failure.stage in SESSION_STAGES else REFUSED


def _unless_done(diagnosis: Diagnosis, encrypted: bool, signed_in: bool) -> Diagnosis:
    """Return the diagnosis, unless it asks for what the settings hold already."""
    done = (diagnosis is NEEDS_TLS and encrypted) or (diagnosis is NEEDS_AUTHENTICATION and signed_in)
    return REFUSED if done else diagnosis
