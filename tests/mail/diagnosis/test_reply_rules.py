"""Real replies, whom they are about, what happens to the message, and the diagnosis that an administrator is shown."""

import time

import pytest

from webapp.mail.diagnosis import reply_rules as rules
from webapp.mail.diagnosis.smtp_rules import NO_COMMON_MECHANISM
from webapp.mail.transcript import Stage
from webapp.mail.transport import rejections
from webapp.mail.transport.errors import Scope
from webapp.providers import Diagnosis, Failure

SERVER, MESSAGE, RECIPIENT = Scope.SERVER, Scope.MESSAGE, Scope.RECIPIENT
STORE = "STOREDRV.Submission.Exception"
SPAMHAUS = "Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org"
# Of a session that isn't signed in.
SESSION = [
    # The EHLO name.
    ("rcpt", "504 5.5.2 <x>: Helo command rejected: need fully-qualified hostname", rules.BAD_HELO, SERVER),
    ("rcpt", "450 4.7.1 <app.example>: Helo command rejected: Host not found", rules.BAD_HELO, SERVER),
    ("rcpt", "550 Access denied - Invalid HELO name (See RFC2821 4.1.3)", rules.BAD_HELO, SERVER),
    ("rcpt", "554 5.7.1 Service unavailable; Helo command [x] blocked using dbl.spamhaus.org", rules.BAD_HELO, SERVER),
    # This machine.
    ("rcpt", "550 5.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]", rules.NO_REVERSE_DNS, SERVER),
    ("rcpt", "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]", rules.NO_REVERSE_DNS, SERVER),
    ("rcpt", "450 4.7.1 Client host rejected: cannot find your reverse hostname", rules.NO_REVERSE_DNS, SERVER),
    ("data", "550 5.7.25 The IP address sending this message has no PTR record", rules.NO_REVERSE_DNS, SERVER),
    ("rcpt", "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied", rules.MACHINE_REFUSED, SERVER),
    ("rcpt", f"554 5.7.1 {SPAMHAUS}", rules.MACHINE_REFUSED, SERVER),
    ("rcpt", f"450 4.7.1 {SPAMHAUS}", rules.MACHINE_REFUSED, SERVER),
    ("rcpt", "550 5.7.606 Access denied, banned sending IP [192.0.2.1]", rules.MACHINE_REFUSED, SERVER),
    ("rcpt", "550 Blocked, see https://www.spamcop.net/bl.shtml?192.0.2.1", rules.MACHINE_REFUSED, SERVER),
    ("rcpt", "550 5.7.1 Your host is blacklisted", rules.MACHINE_REFUSED, SERVER),
    ("rcpt", "550 5.7.1 Bad reputation", rules.MACHINE_REFUSED, SERVER),
    ("rcpt", "550 #5.7.1 Your access to submit messages to this system has been rejected", rules.MACHINE_REFUSED, SERVER),
    ("rcpt", "554 Blocked", rules.MACHINE_REFUSED, SERVER),
    ("rcpt", "554 5.7.1 rejected as spam", rules.MACHINE_REFUSED, SERVER),
    ("data", "550 5.7.1 Message rejected due to the very low reputation of the sending IP", rules.MACHINE_REFUSED, SERVER),
    ("data", "550 5.7.1 The IP you're using to send mail is not authorized to\n5.7.1 send", rules.MACHINE_REFUSED, SERVER),
    ("data", "550 5.7.0 Mail relay denied 192.0.2.1. Invalid credentials for relay for", rules.MACHINE_REFUSED, SERVER),
    ("data", "550 5.7.0 Mail sending is blocked from this server.", rules.MACHINE_REFUSED, SERVER),
    # The sender.
    ("rcpt", "450 4.1.8 <m@internal>: Sender address rejected: Domain not found", rules.UNKNOWN_SENDER_DOMAIN, SERVER),
    ("rcpt", "550 5.1.8 <m@internal>: Sender address rejected: Domain not found", rules.UNKNOWN_SENDER_DOMAIN, SERVER),
    ("mail", "553 5.1.8 <m@x>... Domain of sender address m@x does not exist", rules.UNKNOWN_SENDER_DOMAIN, SERVER),
    ("mail", "553 5.7.1 <m@example.org>: Sender address rejected: not owned by user", rules.SENDER_NOT_ALLOWED, SERVER),
    ("rcpt", "550 5.7.1 Sender address rejected: not owned by user m", rules.SENDER_NOT_ALLOWED, SERVER),
    ("rcpt", "553 5.7.0 Unauthorized use of sender address (msg ID = 7f)", rules.SENDER_NOT_ALLOWED, SERVER),
    ("data", "553 Relaying disallowed as m@example.org", rules.SENDER_NOT_ALLOWED, SERVER),
    ("data", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", rules.SENDER_NOT_ALLOWED, SERVER),
    ("data", f"554 5.2.0 {STORE}:SendAsDeniedException", rules.SENDER_NOT_ALLOWED, SERVER),
    ("data", "550 5.7.0 From address is not one of your addresses.", rules.SENDER_NOT_ALLOWED, SERVER),
    ("data", "554 Access denied: User arn is not authorized to perform ses:SendRawEmail", rules.SENDER_NOT_ALLOWED, SERVER),
    ("data", "403 You are not authorized to send from that email address", rules.SENDER_NOT_ALLOWED, SERVER),
    ("data", "550 User has no permission", rules.SENDER_NOT_ALLOWED, SERVER),
    ("data", "550 The from address does not match a verified Sender Identity.", rules.SENDER_REJECTED, SERVER),
    ("rcpt", "550 5.1.0 <m@x>: Sender address rejected: User unknown in local table", rules.SENDER_REJECTED, SERVER),
    ("rcpt", "550 Sender verify failed", rules.SENDER_REJECTED, SERVER),
    ("data", "550 5.7.1 Low reputation of the sending domain", rules.SENDER_REJECTED, SERVER),
    ("rcpt", "550 5.7.1 Sender is blocked", rules.SENDER_BLOCKED, SERVER),
    ("mail", "550 Request failed; Mailbox unavailable", rules.SENDER_REJECTED, SERVER),
    ("rcpt", "550 5.7.1 <e@x>: Recipient address rejected: rejected due to SPF", rules.DOMAIN_NOT_AUTHENTICATED, SERVER),
    ("rcpt", "550 5.7.23 Rejected: Sender Policy Framework violation", rules.DOMAIN_NOT_AUTHENTICATED, SERVER),
    ("data", "550 5.7.26 This message fails to pass authentication checks (SPF)", rules.DOMAIN_NOT_AUTHENTICATED, SERVER),
    ("data", "550 5.7.26 Unauthenticated email from example.org is not accepted", rules.DOMAIN_NOT_AUTHENTICATED, SERVER),
    ("data", "550 5.7.26 The sender is unauthenticated. Authenticate with SPF or DKIM", rules.DOMAIN_NOT_AUTHENTICATED, SERVER),
    ("data", "550 5.1.8 Access denied, bad outbound sender AS(42004)", rules.SENDER_BLOCKED, SERVER),
    ("data", "550 5.7.501 Access denied, spam abuse detected.", rules.SENDER_BLOCKED, SERVER),
    ("data", "550 5.4.6 Unusual sending activity detected.", rules.SENDER_BLOCKED, SERVER),
    ("mail", "502 5.7.0 Your SMTP account is not yet activated.", rules.SENDER_BLOCKED, SERVER),
    # Authentication.
    ("rcpt", "554 5.7.1 <eve@example.org>: Relay access denied", rules.NEEDS_AUTHENTICATION, SERVER),
    ("rcpt", "454 4.7.1 <eve@example.org>: Relay access denied", rules.NEEDS_AUTHENTICATION, SERVER),
    ("rcpt", "550 5.7.1 Relaying denied", rules.NEEDS_AUTHENTICATION, SERVER),
    ("rcpt", "550 relay not permitted", rules.NEEDS_AUTHENTICATION, SERVER),
    ("rcpt", "553 sorry, that domain isn't in my list of allowed rcpthosts", rules.NEEDS_AUTHENTICATION, SERVER),
    ("mail", "553 5.7.1 <m@x>: Sender address rejected: not logged in", rules.NEEDS_AUTHENTICATION, SERVER),
    ("mail", "550 Unauthenticated senders not allowed", rules.NEEDS_AUTHENTICATION, SERVER),
    ("mail", "503 AUTH first", rules.NEEDS_AUTHENTICATION, SERVER),
    ("mail", "530 Authentication required", rules.NEEDS_AUTHENTICATION, SERVER),
    ("mail", "530 5.7.0 Must issue a STARTTLS command first", rules.NEEDS_TLS, SERVER),
    # The recipient.
    ("rcpt", "550 5.1.1 <eve@example.org>: User unknown in virtual mailbox table", rules.UNKNOWN_RECIPIENT, RECIPIENT),
    ("rcpt", "550 5.1.1 <e@x>: Recipient address rejected: User unknown in relay recipient table", rules.UNKNOWN_RECIPIENT, RECIPIENT),
    ("rcpt", "550 No such user here", rules.UNKNOWN_RECIPIENT, RECIPIENT),
    ("rcpt", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", rules.UNKNOWN_RECIPIENT, RECIPIENT),
    ("rcpt", "554 5.7.1 <eve@example.org>: Recipient address rejected: Access denied", rules.RECIPIENT_REJECTED, RECIPIENT),
    ("rcpt", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup", rules.RECIPIENT_REJECTED, RECIPIENT),
    ("rcpt", "504 5.5.2 <eve>: Recipient address rejected: need fully-qualified address", rules.RECIPIENT_REJECTED, RECIPIENT),
    ("rcpt", "552 5.2.2 <eve@example.org>: user is over quota", rules.MAILBOX_FULL, RECIPIENT),
    ("rcpt", "452 4.2.2 <eve@example.org>: mailbox full", rules.MAILBOX_FULL, MESSAGE),
    ("rcpt", "452 4.2.2 The recipient's inbox is out of storage space.", rules.MAILBOX_FULL, MESSAGE),
    ("rcpt", "553 5.3.0 <eve@example.org>... Mailbox quota exceeded", rules.MAILBOX_FULL, RECIPIENT),
    ("rcpt", "450 4.2.0 <eve@example.org>: Recipient address rejected: Greylisted", rules.GREYLISTED, MESSAGE),
    ("rcpt", "450 4.7.1 Client host rejected: Greylisted, try again in 300 seconds", rules.GREYLISTED, MESSAGE),
    # The message.
    ("data", "554 rejected as spam", rules.TAKEN_FOR_SPAM, RECIPIENT),
    ("data", "554 5.7.1 Message rejected as spam. If you are the sender, contact us", rules.TAKEN_FOR_SPAM, RECIPIENT),
    ("data", "550 5.7.1 Our system has detected that this message is likely unsolicited mail", rules.TAKEN_FOR_SPAM, RECIPIENT),
    ("data", "552 5.7.0 Blocked because its content presents a potential security issue", rules.TAKEN_FOR_SPAM, RECIPIENT),
    ("data", "552 5.3.4 Error: message file too big", rules.TOO_BIG, RECIPIENT),
    ("mail", "552 5.3.4 Message size exceeds fixed limit", rules.TOO_BIG, SERVER),
    ("data", "552-5.2.3 Your message exceeded Google's message size limits", rules.TOO_BIG, RECIPIENT),
    # Limits of the account.
    ("data", "550 5.4.5 Daily user sending limit exceeded.", rules.LIMIT_REACHED, MESSAGE),
    ("data", f"554 5.2.0 {STORE}:SubmissionQuotaExceededException", rules.LIMIT_REACHED, MESSAGE),
    ("data", f"554 5.2.2 mailbox full; {STORE}:QuotaExceededException", rules.LIMIT_REACHED, MESSAGE),
    ("rcpt", "450 4.7.1 Error: too much mail from 192.0.2.1", rules.LIMIT_REACHED, MESSAGE),
    ("data", "454 Throttling failure: Maximum sending rate exceeded", rules.LIMIT_REACHED, MESSAGE),
    ("data", "550 5.1.90 Your message can't be sent because you've reached your daily limit", rules.LIMIT_REACHED, MESSAGE),
    ("data", "554 Message rejected: Email address is not verified. The following identities", rules.NOT_VERIFIED, MESSAGE),
    ("data", "432 4.3.2 Concurrent connections limit exceeded.", rules.COMES_TOO_OFTEN, MESSAGE),
    # Nothing is said.
    ("mail", "502 5.5.2 Error: command not recognized", rules.BAD_SEQUENCE, SERVER),
    ("rcpt", "503 5.5.1 Error: need MAIL command", rules.REJECTED, SERVER),
    ("rcpt", "550 #5.7.1 No", rules.REJECTED, SERVER),
    ("rcpt", "550 5.7.0 No", rules.REJECTED, SERVER),
    ("rcpt", "554 5.7.1 Access denied", rules.REJECTED, SERVER),
    ("rcpt", "550 No thanks", rules.REJECTED, RECIPIENT),
    ("rcpt", "421 4.3.2 Service not active", rules.TEMPORARY_PROBLEM, SERVER),
    ("data", "451 4.3.0 Something new", rules.TEMPORARY_PROBLEM, MESSAGE),
    ("data", "554 5.6.0 Something new", rules.REJECTED, RECIPIENT),
]  # fmt: skip
# Before any message.
START = [
    ("greeting", f"554 5.7.1 {SPAMHAUS}", rules.MACHINE_REFUSED),
    ("greeting", "554 No SMTP service here", rules.MACHINE_REFUSED),
    ("greeting", "421 Too many connections, try again later", rules.TEMPORARY_PROBLEM),
    ("greeting", "421 4.7.0 Too many connections from 192.0.2.1", rules.COMES_TOO_OFTEN),
    ("greeting", "421 4.3.2 The maximum number of concurrent connections has exceeded a limit", rules.COMES_TOO_OFTEN),
    ("ehlo", "501 Syntactically invalid argument(s)", rules.BAD_HELO),
    ("ehlo", "550 5.7.1 HELO rejected", rules.BAD_HELO),
    ("ehlo", "421 4.7.0 Try again later, closing connection. (EHLO) x - gsmtp", rules.BAD_HELO),
    ("ehlo", "502 5.5.2 Error: command not recognized", rules.BAD_SEQUENCE),
    ("auth", "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", rules.BAD_CREDENTIALS),
    ("auth", "503 5.5.1 Error: authentication not enabled", rules.AUTHENTICATION_OFF),
    ("auth", "534 5.7.9 Authentication mechanism is too weak", rules.NEEDS_TLS),
    ("auth", "538 5.7.11 Encryption required for requested authentication mechanism", rules.NEEDS_TLS),
    ("auth", "504 5.5.4 Unrecognized authentication type", NO_COMMON_MECHANISM),
    ("auth", "454 4.7.0 Temporary authentication failure", rules.TEMPORARY_PROBLEM),
    ("auth", "421 4.7.0 Too many failed logins, closing", rules.COMES_TOO_OFTEN),
    ("auth", "451 Authentication failed: Maximum credits exceeded", rules.LIMIT_REACHED),
    ("auth", "550 5.7.1 No", rules.REFUSED),
    ("auth", "525 5.7.1 Unauthorized IP address", rules.MACHINE_REFUSED),
    ("auth", "554 5.1.8 Sender Address Blocked", rules.SENDER_BLOCKED),
    ("tls", "454 4.7.0 TLS not available due to local problem", rules.TEMPORARY_PROBLEM),
]


@pytest.mark.parametrize(("stage", "reply", "expected", "scope"), SESSION)
def test_a_rejection_names_the_true_party_and_has_its_scope(
    stage: str, reply: str, expected: Diagnosis, scope: Scope
) -> None:
    assert rules.diagnose_reply(Failure(stage, reply=reply), {"authentication": "none"}) is expected
    assert rejections.scope(Stage(stage), reply) is scope


@pytest.mark.parametrize(("stage", "reply", "expected"), START)
def test_a_refusal_before_any_message_names_the_true_party(stage: str, reply: str, expected: Diagnosis) -> None:
    assert rules.diagnose_reply(Failure(stage, reply=reply), {}) is expected


@pytest.mark.parametrize("address", ["relay@limit.example", "sender@spamhaus.example", "helo.your.ip@example.org"])
def test_the_words_of_an_address_say_nothing(address: str) -> None:
    reply = f"550 <{address}>: we don't know {address}"
    assert rejections.scope(Stage.RCPT, reply) is Scope.RECIPIENT


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("554 5.7.1 <eve@example.org>: Relay access denied", rules.RELAY_DENIED),
        ("553 5.7.1 <m@x>: Sender address rejected: not logged in", rules.REFUSED),
        ("530 5.7.1 Authentication required", rules.REFUSED),
    ],
)
def test_who_is_signed_in_is_not_told_to_sign_in(reply: str, expected: Diagnosis) -> None:
    assert rules.diagnose_reply(Failure("rcpt", reply=reply), {"authentication": "password"}) is expected


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("reply", ["538 5.7.11 Encryption required", "534 5.7.9 Authentication mechanism is too weak"])
def test_who_uses_encryption_is_not_told_to_use_it(reply: str, security: str) -> None:
    assert rules.diagnose_reply(Failure("auth", reply=reply), {"security": security}) is rules.REFUSED


@pytest.mark.parametrize(
    ("code", "expected"),
    [("password_has_spaces", rules.PASSWORD_HAS_SPACES), ("password_not_ascii", rules.PASSWORD_NOT_ASCII)],
)
def test_an_odd_password_is_the_first_thing_to_check(code: str, expected: Diagnosis) -> None:
    assert rules.diagnose_reply(Failure("auth", code, reply="535 5.7.8 Rejected"), {}) is expected


@pytest.mark.parametrize("line", ["x" * 4000, "<" * 4000, "@" * 4000])
def test_a_very_long_reply_is_understood_in_no_time(line: str) -> None:
    started = time.process_time()
    assert rejections.scope(Stage.RCPT, f"550 5.1.1 No such user {f'{line} ' * 200}") is Scope.RECIPIENT
    assert time.process_time() - started < 1
