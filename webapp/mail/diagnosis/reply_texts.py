"""The explanation of each cause for which mail servers reject email, for every server."""

from collections.abc import Mapping, Sequence

from flask_babel import lazy_gettext as _

from webapp.mail.diagnosis.smtp_rules import NO_COMMON_MECHANISM
from webapp.mail.diagnosis.tls_texts import CHECK_PORT
from webapp.providers import Cause, Diagnosis

SUBMIT_ELSEWHERE = _(
    "Or send through your mail provider's server for authenticated sending: port 587 or 465, with a user name and "
    "password."
)
SET_UP_DOMAIN = _(
    "Add the SPF and DKIM records that your mail provider names to the DNS of the Mail From address's domain."
)
SEND_REPLY = _("If that doesn't help, send the reply to the server's administrator.")
ASK_SERVICE = _("Sign in to the service's website and look for a notice, or ask its support.")
RETRIED = _("Waiting emails are retried automatically. If this was a test, repeat it later.")
SOFTWARE_FAULT = _(
    "If another application handed in this email, correct it there. If it's an email of Mailroom's own, please report "
    "it together with the transcript."
)

BAD_CREDENTIALS = Diagnosis(
    _("The server rejected the user name or password."),
    [
        _("Enter the password again."),
        _("Check the user name: most servers expect the full email address."),
        _("Check whether the service requires a special password (app password, API key, SMTP password). Many do."),
    ],
)
APP_PASSWORD = Diagnosis(
    _("The service doesn't accept the account's regular password here. It requires an app password."),
    [
        _("On the website of the mail service, open the security settings of the account and create an app password."),
        _("Enter it here as the password. Some services call it authorization code or device password."),
        _("If the service offers OAuth2, you can set Authentication to OAuth2 instead."),
    ],
)
CONFIRM_SIGN_IN = Diagnosis(
    _("The service considers this sign-in unusual and wants the account's owner to confirm it in a browser."),
    [
        _("Sign in to the account in a browser, confirm that it was you, then test again."),
        *APP_PASSWORD.steps[:1],
    ],
)
AUTHENTICATION_OFF = Diagnosis(
    _("Authentication is turned off on this port."),
    [_("Use the server's port for sending programs: usually 587 with STARTTLS, or 465 with TLS.")],
    fix={"security": "starttls", "port": "587"},
)
SIGN_IN_NOT_ALLOWED = Diagnosis(
    _("The service doesn't allow this account to sign in by SMTP, although the password may be correct."),
    [
        _("In the account's settings on the service's website, allow sending by SMTP (also called POP3/IMAP access)."),
        _("If an organization manages the account, ask its administrator whether a policy blocks the sign-in."),
        _("If the service offers OAuth2, set Authentication to OAuth2."),
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
TOKEN = Diagnosis(
    _("The server rejected the access token."),
    [
        _("Check that the token belongs to the user name, and that its scopes allow sending by SMTP."),
        _("Get a new token: choose “Generate access token”, or create one on the service's website."),
    ],
)
RELAY_DENIED = Diagnosis(
    _("The server doesn't relay email to other domains for this connection."),
    [
        _("Use the server's port for authenticated sending: usually 587 with STARTTLS, or 465 with TLS."),
        _("If it's your own server, allow signed-in users or this machine's IP address to relay."),
    ],
)
RELAY_DENIED_SIGNED_IN = Diagnosis(
    _("The server accepted the sign-in, but doesn't relay email to other domains on this connection."),
    [
        _("Use the server's port for authenticated sending: usually 587 with STARTTLS, or 465 with TLS."),
        _("If it's your own server, allow signed-in users to relay."),
    ],
)
NEEDS_TLS = Diagnosis(
    _("The server requires an encrypted connection."), [_("Set Security to STARTTLS.")], fix={"security": "starttls"}
)
NO_TLS = Diagnosis(
    _("The server offers encryption, but can't start it."),
    [
        _("Ask the server's administrator to check its TLS settings and certificate."),
        _("Until then, try its port for TLS from the start, usually 465."),
    ],
)
ACCOUNT_BLOCKED = Diagnosis(
    _("The mail service has blocked or restricted the sending account, or hasn't activated it yet."),
    [
        ASK_SERVICE,
        _("If the service suspects spam, change the account's password: somebody else may be using it."),
    ],
)
NOT_PAID = Diagnosis(
    _("The mail service has stopped the sending account because of an unpaid bill or an expired plan."),
    [_("Sign in to the service's website and look at the billing page.")],
)
TEST_ACCOUNT = Diagnosis(
    _("The account at the mail service is for testing only: it may send to few recipients, or not at all."),
    [
        _("On the service's website, complete the activation of the account, or upgrade its plan."),
        _("Until then, add the recipients that you test with to the allowed ones."),
    ],
)
MANY_ATTEMPTS = Diagnosis(
    _("The server refuses sign-ins for a while, after too many attempts."),
    [
        _("Wait ten minutes, then test once."),
        _("If it happens at the first attempt, the password is probably the wrong kind: create an app password."),
    ],
)
MACHINE_REFUSED = Diagnosis(
    _("The server doesn't accept connections or email from this machine's IP address."),
    [
        _("If it's your own server or your provider's, allow this machine's IP address there."),
        SUBMIT_ELSEWHERE,
    ],
)
ON_BLOCK_LIST = Diagnosis(
    _("This machine's IP address is on a block list, or has a bad reputation."),
    [
        _("If its reply, below, names a block list, ask that list to remove this machine's IP address."),
        SUBMIT_ELSEWHERE,
    ],
)
BAD_HELO = Diagnosis(
    _("The server rejected the host name that Mailroom sends in its greeting (EHLO)."),
    [_("Use a real host name in the public URL (Settings → General): Mailroom sends it in its greeting.")],
)
NO_REVERSE_DNS = Diagnosis(
    _("This machine's IP address has no reverse DNS entry that fits, and the server requires one."),
    [_("Send through your provider's server, or set up a reverse DNS entry for this machine.")],
)
SENDER_NOT_ALLOWED = Diagnosis(
    _("The server doesn't let this account send from the Mail From address."),
    [
        _("Set Mail From to the account's own address, or allow the account to send as that address."),
        _("If the service verifies senders, verify the address or its domain on the service's website."),
    ],
)
NOT_VERIFIED = Diagnosis(
    _("The mail service has not verified the Mail From address or, for a new account, the recipient's."),
    [
        _("On the service's website, verify the Mail From address or its domain."),
        _("If the account may only send to verified recipients, ask the service to lift that restriction."),
    ],
)
UNKNOWN_SENDER_DOMAIN = Diagnosis(
    _("The server doesn't accept the domain of the Mail From address: it has no DNS records, or is on a block list."),
    [_("Set Mail From to an address in a real domain that receives email.")],
)
SENDER_FULL = Diagnosis(
    _("The mailbox of the sending account is full, so the server can't store a copy of what it sends."),
    [_("Make room in the mailbox, for example in its sent items.")],
)
DOMAIN_NOT_AUTHENTICATED = Diagnosis(
    _("The domain of the Mail From address doesn't confirm that this server sends for it (SPF, DKIM or DMARC)."),
    [SET_UP_DOMAIN, _("Or set Mail From to an address in a domain that your mail provider is set up for.")],
)
UNKNOWN_RECIPIENT = Diagnosis(_("The server doesn't know this recipient."), [_("Check the address for typos.")])
MAILBOX_FULL = Diagnosis(_("The recipient's mailbox is full."), [_("Ask the recipient to make room in it.")])
RECIPIENT_REJECTED = Diagnosis(
    _("The server doesn't accept email for this recipient."),
    [_("Check the address for typos."), _("Ask the recipient, or the administrator of their mail server.")],
)
RECIPIENT_SYNTAX = Diagnosis(
    _("The server says that the recipient's address isn't written correctly."),
    [_("Check the address for typos, spaces and missing parts.")],
)
GREYLISTED = Diagnosis(
    _("The server deliberately delays first-time senders (greylisting)."),
    [_("You don't need to do anything: the next attempt, in a few minutes, should work.")],
)
TOO_FAST = Diagnosis(
    _("Email is sent faster, or over more connections at once, than the server allows."),
    [
        RETRIED,
        _("If it happens often, enter a lower limit per minute or fewer connections for this mail server."),
    ],
)
LIMIT_REACHED = Diagnosis(
    _("The account has reached a sending limit of the mail service."),
    [
        _("You don't need to do anything if it's rare: waiting emails are retried automatically."),
        _("If it happens often, ask the service for a higher limit."),
    ],
)
NO_CREDITS = Diagnosis(
    _("The account's plan at the mail service is used up."),
    [_("Upgrade the plan or buy credits, or wait until the plan renews. Retrying doesn't help before that.")],
)
TOO_MANY_RECIPIENTS = Diagnosis(
    _("The server takes no more recipients for now."),
    [_("Mailroom sends each email to one recipient, so this is a limit over several emails: they are retried later.")],
)
TOO_BIG = Diagnosis(
    _("The message is too large for the server."),
    [_("Send a link instead of a large attachment, or raise the size limit on the server.")],
)
LINE_TOO_LONG = Diagnosis(_("The message has a line that is too long for the server."), [SOFTWARE_FAULT])
TAKEN_FOR_SPAM = Diagnosis(
    _("The server took this message for spam or objected to its content."),
    [
        SET_UP_DOMAIN,
        _("Check that the domain of the public URL is not on a block list: the links in emails start with it."),
        SEND_REPLY,
    ],
)
BAD_HEADER = Diagnosis(_("The server says that a header of the message is missing or invalid."), [SOFTWARE_FAULT])
BAD_CHARACTERS = Diagnosis(
    _("The server objects to line endings or characters in the message, such as a line feed on its own or 8-bit text."),
    [SOFTWARE_FAULT],
)
TEMPORARY_PROBLEM = Diagnosis(
    _("The server reports a problem of its own and can't accept email at the moment."),
    [_("Wait a few minutes, then test again. Waiting emails are retried automatically.")],
)
SIGN_IN_OUT_OF_ORDER = Diagnosis(
    _("The server can't check sign-ins at the moment. It doesn't say that the password is wrong."),
    TEMPORARY_PROBLEM.steps,
)
SERVER_FULL = Diagnosis(
    _("The server has no storage space or resources left."),
    [RETRIED, _("If it's your own server, make room on its disk.")],
)
SERVER_CLOSING = Diagnosis(
    _("The server closed the connection: it's shutting down, or has waited too long."), TEMPORARY_PROBLEM.steps
)
SERVER_CONFIGURATION = Diagnosis(
    _("The server reports a mistake in its own configuration, such as a mail loop."),
    [_("Send the reply, below, to the server's administrator.")],
)
BAD_SEQUENCE = Diagnosis(_("The server doesn't understand Mailroom's commands."), [CHECK_PORT, SEND_REPLY])
NO_UTF8 = Diagnosis(
    _("The server doesn't support addresses with characters outside ASCII."),
    [_("Use addresses with only ASCII characters, or a mail server that supports SMTPUTF8.")],
)
NOT_UNDERSTOOD = Diagnosis(
    _("Mailroom doesn't recognize the server's reply."),
    [_("Look up the reply in the service's documentation, or send it to the server's administrator.")],
    confidence="",
)

TEMPORARY = _("The server's code says that the problem is temporary: waiting emails are retried automatically.")

BY_CAUSE: Mapping[Cause, Diagnosis] = {
    Cause.CREDENTIALS: BAD_CREDENTIALS,
    Cause.APP_PASSWORD_NEEDED: APP_PASSWORD,
    Cause.AUTH_DISABLED: SIGN_IN_NOT_ALLOWED,
    Cause.AUTH_REQUIRED: NEEDS_AUTHENTICATION,
    Cause.AUTH_MECHANISM: NO_COMMON_MECHANISM,
    Cause.TOKEN_REJECTED: TOKEN,
    Cause.TLS_REQUIRED: NEEDS_TLS,
    Cause.TLS_UNAVAILABLE: NO_TLS,
    Cause.ACCOUNT_SUSPENDED: ACCOUNT_BLOCKED,
    Cause.TOO_MANY_ATTEMPTS: MANY_ATTEMPTS,
    Cause.IP_NOT_ALLOWED: MACHINE_REFUSED,
    Cause.IP_BLOCKLISTED: ON_BLOCK_LIST,
    Cause.HOSTNAME_REFUSED: BAD_HELO,
    Cause.RELAY_DENIED: RELAY_DENIED,
    Cause.SENDER_NOT_ALLOWED: SENDER_NOT_ALLOWED,
    Cause.SENDER_DOMAIN: UNKNOWN_SENDER_DOMAIN,
    Cause.SENDER_MAILBOX_FULL: SENDER_FULL,
    Cause.DKIM_SPF_DMARC: DOMAIN_NOT_AUTHENTICATED,
    Cause.RECIPIENT_UNKNOWN: UNKNOWN_RECIPIENT,
    Cause.RECIPIENT_MAILBOX_FULL: MAILBOX_FULL,
    Cause.RECIPIENT_REFUSED: RECIPIENT_REJECTED,
    Cause.RECIPIENT_SYNTAX: RECIPIENT_SYNTAX,
    Cause.GREYLISTED: GREYLISTED,
    Cause.RATE_LIMITED: TOO_FAST,
    Cause.QUOTA_EXCEEDED: LIMIT_REACHED,
    Cause.TOO_MANY_RECIPIENTS: TOO_MANY_RECIPIENTS,
    Cause.MESSAGE_TOO_LARGE: TOO_BIG,
    Cause.LINE_TOO_LONG: LINE_TOO_LONG,
    Cause.CONTENT_REFUSED: TAKEN_FOR_SPAM,
    Cause.HEADER_INVALID: BAD_HEADER,
    Cause.SERVER_BUSY: TEMPORARY_PROBLEM,
    Cause.SERVER_FULL: SERVER_FULL,
    Cause.SERVER_CLOSING: SERVER_CLOSING,
    Cause.CONFIGURATION_SERVER: SERVER_CONFIGURATION,
    Cause.PROTOCOL: BAD_SEQUENCE,
    Cause.SMTPUTF8_UNSUPPORTED: NO_UTF8,
    Cause.NOT_UNDERSTOOD: NOT_UNDERSTOOD,
}
# What a reply says beyond its cause, by the thing that it names (`webapp.mail.replies.concepts`); the first counts.
BY_NAME: Mapping[Cause, Sequence[tuple[str, Diagnosis]]] = {
    Cause.APP_PASSWORD_NEEDED: [("browser", CONFIRM_SIGN_IN)],
    Cause.AUTH_DISABLED: [("basic_auth", PASSWORDS_OFF), ("command", AUTHENTICATION_OFF)],
    Cause.ACCOUNT_SUSPENDED: [("money", NOT_PAID), ("trial", TEST_ACCOUNT)],
    Cause.HOSTNAME_REFUSED: [("hello", BAD_HELO), ("reverse_dns", NO_REVERSE_DNS), ("ip", NO_REVERSE_DNS)],
    Cause.SENDER_NOT_ALLOWED: [("verified", NOT_VERIFIED)],
    Cause.QUOTA_EXCEEDED: [("credits", NO_CREDITS)],
    Cause.HEADER_INVALID: [("bare", BAD_CHARACTERS)],
    Cause.SERVER_BUSY: [("auth", SIGN_IN_OUT_OF_ORDER)],
}
