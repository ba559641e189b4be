"""What real rejections concern, and who else may take the message."""

import pytest

from webapp.mail.transcript import Stage
from webapp.mail.transport import rejections
from webapp.mail.transport.errors import DeliveryError, Scope

SERVER, MESSAGE, RECIPIENT = Scope.SERVER, Scope.MESSAGE, Scope.RECIPIENT
STORE = "STOREDRV.Submission.Exception"
SPAMHAUS = "Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org"
REJECTIONS = [
    # The EHLO name.
    ("rcpt", "504 5.5.2 <x>: Helo command rejected: need fully-qualified hostname", SERVER),
    ("rcpt", "450 4.7.1 <app.example>: Helo command rejected: Host not found", SERVER),
    ("rcpt", "550 Access denied - Invalid HELO name (See RFC2821 4.1.3)", SERVER),
    ("rcpt", "554 5.7.1 Service unavailable; Helo command [x] blocked using dbl.spamhaus.org", SERVER),
    # This machine.
    ("rcpt", "550 5.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]", SERVER),
    ("rcpt", "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]", SERVER),
    ("rcpt", "450 4.7.1 Client host rejected: cannot find your reverse hostname", SERVER),
    ("data", "550 5.7.25 The IP address sending this message has no PTR record", SERVER),
    ("rcpt", "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied", SERVER),
    ("rcpt", f"554 5.7.1 {SPAMHAUS}", SERVER),
    ("rcpt", f"450 4.7.1 {SPAMHAUS}", SERVER),
    ("rcpt", "550 5.7.606 Access denied, banned sending IP [192.0.2.1]", SERVER),
    ("rcpt", "550 Blocked, see https://www.spamcop.net/bl.shtml?192.0.2.1", SERVER),
    ("rcpt", "550 5.7.1 Your host is blacklisted", SERVER),
    ("rcpt", "550 5.7.1 Bad reputation", SERVER),
    ("rcpt", "550 #5.7.1 Your access to submit messages to this system has been rejected", SERVER),
    ("rcpt", "554 Blocked", SERVER),
    ("rcpt", "554 5.7.1 rejected as spam", SERVER),
    ("data", "550 5.7.1 Message rejected due to the very low reputation of the sending IP", SERVER),
    ("data", "550 5.7.1 The IP you're using to send mail is not authorized to\n5.7.1 send", SERVER),
    ("data", "550 5.7.0 Mail relay denied 192.0.2.1. Invalid credentials for relay for", SERVER),
    ("data", "550 5.7.0 Mail sending is blocked from this server.", SERVER),
    # The sender.
    ("rcpt", "450 4.1.8 <m@internal>: Sender address rejected: Domain not found", SERVER),
    ("rcpt", "550 5.1.8 <m@internal>: Sender address rejected: Domain not found", SERVER),
    ("mail", "553 5.1.8 <m@x>... Domain of sender address m@x does not exist", SERVER),
    ("mail", "553 5.7.1 <m@example.org>: Sender address rejected: not owned by user", SERVER),
    ("rcpt", "550 5.7.1 Sender address rejected: not owned by user m", SERVER),
    ("rcpt", "553 5.7.0 Unauthorized use of sender address (msg ID = 7f)", SERVER),
    ("data", "553 Relaying disallowed as m@example.org", SERVER),
    ("data", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", SERVER),
    ("data", f"554 5.2.0 {STORE}:SendAsDeniedException", SERVER),
    ("data", "550 5.7.0 From address is not one of your addresses.", SERVER),
    ("data", "554 Access denied: User arn is not authorized to perform ses:SendRawEmail", SERVER),
    ("data", "403 You are not authorized to send from that email address", SERVER),
    ("data", "550 User has no permission", SERVER),
    ("data", "550 The from address does not match a verified Sender Identity.", SERVER),
    ("rcpt", "550 5.1.0 <m@x>: Sender address rejected: User unknown in local table", SERVER),
    ("rcpt", "550 Sender verify failed", SERVER),
    ("data", "550 5.7.1 Low reputation of the sending domain", SERVER),
    ("rcpt", "550 5.7.1 Sender is blocked", SERVER),
    ("mail", "550 Request failed; Mailbox unavailable", SERVER),
    ("rcpt", "550 5.7.1 <e@x>: Recipient address rejected: rejected due to SPF", SERVER),
    ("rcpt", "550 5.7.23 Rejected: Sender Policy Framework violation", SERVER),
    ("data", "550 5.7.26 This message fails to pass authentication checks (SPF)", SERVER),
    ("data", "550 5.7.26 Unauthenticated email from example.org is not accepted", SERVER),
    ("data", "550 5.7.26 The sender is unauthenticated. Authenticate with SPF or DKIM", SERVER),
    ("data", "550 5.1.8 Access denied, bad outbound sender AS(42004)", SERVER),
    ("data", "550 5.7.501 Access denied, spam abuse detected.", SERVER),
    ("data", "550 5.4.6 Unusual sending activity detected.", SERVER),
    ("mail", "502 5.7.0 Your SMTP account is not yet activated.", SERVER),
    # Authentication.
    ("rcpt", "554 5.7.1 <eve@example.org>: Relay access denied", SERVER),
    ("rcpt", "454 4.7.1 <eve@example.org>: Relay access denied", SERVER),
    ("rcpt", "550 5.7.1 Relaying denied", SERVER),
    ("rcpt", "550 relay not permitted", SERVER),
    ("rcpt", "553 sorry, that domain isn't in my list of allowed rcpthosts", SERVER),
    ("mail", "553 5.7.1 <m@x>: Sender address rejected: not logged in", SERVER),
    ("mail", "550 Unauthenticated senders not allowed", SERVER),
    ("mail", "503 AUTH first", SERVER),
    ("mail", "530 Authentication required", SERVER),
    ("mail", "530 5.7.0 Must issue a STARTTLS command first", SERVER),
    # The recipient.
    ("rcpt", "550 5.1.1 <eve@example.org>: User unknown in virtual mailbox table", RECIPIENT),
    ("rcpt", "550 5.1.1 <e@x>: Recipient address rejected: User unknown in relay recipient table", RECIPIENT),
    ("rcpt", "550 No such user here", RECIPIENT),
    ("rcpt", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", RECIPIENT),
    ("rcpt", "554 5.7.1 <eve@example.org>: Recipient address rejected: Access denied", RECIPIENT),
    ("rcpt", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup", RECIPIENT),
    ("rcpt", "504 5.5.2 <eve>: Recipient address rejected: need fully-qualified address", RECIPIENT),
    ("rcpt", "552 5.2.2 <eve@example.org>: user is over quota", RECIPIENT),
    ("rcpt", "452 4.2.2 <eve@example.org>: mailbox full", MESSAGE),
    ("rcpt", "452 4.2.2 The recipient's inbox is out of storage space.", MESSAGE),
    ("rcpt", "553 5.3.0 <eve@example.org>... Mailbox quota exceeded", RECIPIENT),
    ("rcpt", "450 4.2.0 <eve@example.org>: Recipient address rejected: Greylisted", MESSAGE),
    ("rcpt", "450 4.7.1 Client host rejected: Greylisted, try again in 300 seconds", MESSAGE),
    # The message.
    ("data", "554 rejected as spam", RECIPIENT),
    ("data", "554 5.7.1 Message rejected as spam. If you are the sender, contact us", RECIPIENT),
    ("data", "550 5.7.1 Our system has detected that this message is likely unsolicited mail", RECIPIENT),
    ("data", "552 5.7.0 Blocked because its content presents a potential security issue", RECIPIENT),
    ("data", "552 5.3.4 Error: message file too big", RECIPIENT),
    ("mail", "552 5.3.4 Message size exceeds fixed limit", RECIPIENT),
    ("data", "552-5.2.3 Your message exceeded Google's message size limits", RECIPIENT),
    # Limits of the account.
    ("data", "550 5.4.5 Daily user sending limit exceeded.", MESSAGE),
    ("data", f"554 5.2.0 {STORE}:SubmissionQuotaExceededException", MESSAGE),
    ("data", f"554 5.2.2 mailbox full; {STORE}:QuotaExceededException", MESSAGE),
    ("rcpt", "450 4.7.1 Error: too much mail from 192.0.2.1", MESSAGE),
    ("data", "454 Throttling failure: Maximum sending rate exceeded", MESSAGE),
    ("data", "550 5.1.90 Your message can't be sent because you've reached your daily limit", MESSAGE),
    ("data", "554 Message rejected: Email address is not verified. The following identities", SERVER),
    ("data", "432 4.3.2 Concurrent connections limit exceeded.", MESSAGE),
    # Nothing is said.
    ("mail", "502 5.5.2 Error: command not recognized", SERVER),
    ("rcpt", "503 5.5.1 Error: need MAIL command", SERVER),
    ("rcpt", "550 #5.7.1 No", SERVER),
    ("rcpt", "550 5.7.0 No", SERVER),
    ("rcpt", "554 5.7.1 Access denied", SERVER),
    ("rcpt", "550 No thanks", RECIPIENT),
    ("rcpt", "421 4.3.2 Service not active", SERVER),
    ("data", "451 4.3.0 Something new", MESSAGE),
    ("data", "554 5.6.0 Something new", RECIPIENT),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "reply", "scope"), REJECTIONS)
def test_a_rejection_concerns_whom_its_words_are_about(stage: str, reply: str, scope: Scope) -> None:
    assert rejections.scope(Stage(stage), reply) is scope


@pytest.mark.parametrize("address", ["relay@limit.example", "sender@spamhaus.example", "helo.your.ip@example.org"])
def test_the_words_of_an_address_say_nothing(address: str) -> None:
    reply = f"550 <{address}>: we don't know {address}"
    assert rejections.scope(Stage.RCPT, reply) is Scope.RECIPIENT


@pytest.mark.parametrize(
    ("stage", "reply", "expected"),
    [
        ("mail", "530 5.7.0 Authentication required", True),
        ("mail", "550 5.7.1 Sender is not verified", True),
        ("data", "454 Throttling failure: Maximum sending rate exceeded", True),
        ("data", "550 5.4.5 Daily user sending limit exceeded.", True),
        ("rcpt", "421 4.3.2 Service not active", True),
        ("mail", "550 Something new", True),
        ("rcpt", "550 5.1.1 User unknown", False),
        ("rcpt", "450 4.2.0 Greylisted for 300 seconds", False),
        ("data", "554 rejected as spam", False),
        ("mail", "552 5.3.4 Message size exceeds fixed limit", False),
        ("data", "554 Something new", False),
    ],
)
def test_another_server_may_take_what_this_one_rejects_because_of_who_sends(
    stage: str, reply: str, expected: bool
) -> None:
    error = DeliveryError(Stage(stage), reply=reply, scope=rejections.scope(Stage(stage), reply))
    assert rejections.may_be_sent_elsewhere(error) is expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("553 5.7.1 <orders@shop.example>: Sender address rejected: not owned by user", Scope.RECIPIENT),
        ("450 4.1.8 <orders@shop.example>: Sender address rejected: Domain not found", Scope.MESSAGE),
        ("530 5.7.0 Authentication required", Scope.SERVER),
    ],
)
def test_a_rejected_sender_of_its_own_concerns_that_message_only(reply: str, expected: Scope) -> None:
    error = DeliveryError(Stage.MAIL, reply=reply)
    assert rejections.scope_of_own_sender(error) is expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("530 5.7.0 Authentication required", True),
        ("550 5.7.1 Sender is not verified", False),
        ("550 Something new", False),
        ("", False),
    ],
)
def test_no_message_is_the_cause_of_a_missing_sign_in(reply: str, expected: bool) -> None:
    assert rejections.concerns_everyone("mail", reply) is expected
