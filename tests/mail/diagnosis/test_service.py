"""Real replies, and what an administrator is told about them."""

from typing import Any

import pytest
from flask import Flask

from tests.mail.conftest import opened
from webapp.core.app_state import AppState
from webapp.mail.diagnosis.service import diagnose
from webapp.mail.transcript import Stage
from webapp.mail.transport.errors import DeliveryError
from webapp.providers import Diagnosis
from webapp.providers.registry import get_providers

pytestmark = pytest.mark.one_database

# Provider, stage, the reply as servers give it, words of the cause, words of one of the steps.
REPLIES = [
    ("google", "auth", "535 5.7.8 Username and Password not accepted. For more information, go to\n5.7.8  https://support.google.com/mail/?p=BadCredentials af79cd13 - gsmtp", "ordinary Google password", "2-Step"),
    ("google", "auth", "535 5.7.8 Username and Password not accepted. Learn more at\n5.7.8  https://support.google.com/mail/?p=BadCredentials x - gsmtp", "ordinary Google password", "16 letters"),
    ("google", "auth", "534 5.7.9 Application-specific password required. For more information, go to\n5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor x - gsmtp", "app password", "16 letters"),
    ("google", "auth", "534 5.7.14 <https://accounts.google.com/signin/continue?sarp=1\n5.7.14 x> Please log in via your web browser and\n5.7.14 then try again.", "unusual", "browser"),
    ("google", "auth", "534 5.7.9 Please log in with your web browser and then try again. For more\n5.7.9 information, go to https://support.google.com/mail/?p=WebLoginRequired", "unusual", "browser"),
    ("google", "auth", "454 4.7.0 Too many login attempts, please try again later. x - gsmtp", "Too many sign-ins", "ten minutes"),
    ("google", "data", "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail", "in a day", "24 hours"),
    ("google", "mail", "530 5.7.0 Must issue a STARTTLS command first. x - gsmtp", "encrypted", "STARTTLS"),
    ("office365", "auth", "535 5.7.3 Authentication unsuccessful [AM0PR01CA0001.PROD.OUTLOOK.COM 2026-11-23T10:00:00.000Z 08DD]", "does not accept", "Authenticated SMTP"),
    ("office365", "auth", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. [X]", "whole organisation", "Mail flow"),
    ("office365", "auth", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information. [X]", "this mailbox", "Authenticated SMTP"),
    ("office365", "auth", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [X]", "no longer takes passwords", "Choose OAuth2"),
    ("office365", "auth", "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. [X]", "is wrong", "again"),
    ("office365", "auth", "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator. [X]", "policy", "Sign-in logs"),
    ("office365", "auth", "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator. [X]", "Security defaults", "Choose OAuth2"),
    ("office365", "mail", "530 5.7.57 Client not authenticated to send mail. [X]", "wants a sign-in", "Password"),
    ("office365", "mail", "530 5.7.57 Client not authenticated to send mail. Error: 535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", "no longer takes passwords", "relay"),
    ("office365", "auth", "550 5.7.30 Basic authentication is not supported for Client Submission.", "no longer takes passwords", "relay"),
    ("office365", "data", "550 5.7.60 SMTP; Client does not have permissions to send as this sender [X]", "may not send from", "Send As"),
    ("office365", "data", "554 5.2.252 SendAsDenied; a@example.org not allowed to send as b@example.org; STOREDRV", "may not send from", "Send As"),
    ("office365", "data", "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed", "may not send from", "Send As"),
    ("office365", "data", "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", "in a day", "Wait a day"),
    ("office365", "data", "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded", "is full", "Sent Items"),
    ("office365", "data", "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending", "at once", "retried"),
    ("office365", "mail", "530 5.7.57 Client not authenticated to send mail. Error: 535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.", "is wrong", "again"),
    ("sendgrid", "auth", "535 Authentication failed: The provided authorization grant is invalid, expired, or revoked", "API key", "apikey"),
    ("sendgrid", "auth", "451 Authentication failed: Maximum credits exceeded", "no mails left", "plan"),
    ("sendgrid", "data", "550 The from address does not match a verified Sender Identity. Mail cannot be sent until", "verified sender", "Sender Authentication"),
    ("custom", "auth", "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", "does not accept", "whole e-mail address"),
    ("custom", "auth", "503 5.5.1 Error: authentication not enabled", "switched off", "587"),
    ("custom", "rcpt", "554 5.7.1 <eve@example.org>: Relay access denied", "only from those who sign in", "user name"),
    ("custom", "rcpt", "550 5.1.1 <eve@example.org>: Recipient address rejected: User unknown in virtual mailbox table", "no such recipient", "slip"),
    ("custom", "rcpt", "450 4.1.8 <m@internal>: Sender address rejected: Domain not found", "does not exist", "real domain"),
    ("custom", "rcpt", "504 5.5.2 <x>: Helo command rejected: need fully-qualified hostname", "says hello", "public address"),
    ("google", "ehlo", "421 4.7.0 Try again later, closing connection. (EHLO) x - gsmtp", "says hello", "public address"),
    ("custom", "rcpt", "550 5.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]", "no name in the DNS", "reverse DNS"),
    ("custom", "rcpt", "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]", "no name in the DNS", "reverse DNS"),
    ("custom", "mail", "502 5.7.0 Your SMTP account is not yet activated.", "said no for good", "runs the server"),
    ("custom", "ehlo", "502 5.5.2 Error: command not recognized", "does not understand", "587"),
    ("custom", "rcpt", "450 4.2.0 <eve@example.org>: Recipient address rejected: Greylisted for 300 seconds", "greylisting", "next try"),
    ("custom", "mail", "553 5.7.1 <m@example.org>: Sender address rejected: not owned by user mailroom", "may not send", "Mail From"),
    ("custom", "data", "451 4.3.0 Something new", "passes", "retried"),
    ("custom", "data", "554 5.6.0 Something new", "said no for good", "runs the server"),
]  # fmt: skip

# Security, stage, the system's text, words of the cause, one value of the fix.
ERRORS = [
    ("tls", "tls", "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)", "begins in plain text", ("security", "starttls")),
    ("starttls", "greeting", "timed out", "expects TLS from the first byte", ("security", "tls")),
    ("tls", "greeting", "timed out", "said nothing in time", None),
    ("starttls", "connect", "timed out", "firewall", None),
    ("starttls", "connect", "[Errno 111] Connection refused", "Nothing answers", None),
    ("starttls", "lookup", "[Errno -2] Name or service not known", "finds no host of this name", None),
    ("starttls", "lookup", "[Errno 11001] getaddrinfo failed", "finds no host of this name", None),
    ("starttls", "lookup", "[Errno -3] Temporary failure in name resolution", "cannot look up", None),
    ("starttls", "connect", "[Errno 101] Network is unreachable", "no way to reach", None),
    ("starttls", "tls", "STARTTLS extension not supported by server.", "does not offer STARTTLS", ("port", "465")),
    ("tls", "tls", "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)", "made by the server itself", None),
    ("tls", "tls", "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain (_ssl.c:1006)", "does not trust", None),
    ("tls", "tls", "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:1006)", "Who signed", None),
    ("tls", "tls", "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)", "has expired", None),
    ("tls", "tls", "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, certificate is not valid for 'localhost'. (_ssl.c:1006)", "another host name", None),
    ("tls", "tls", "[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version (_ssl.c:1006)", "no TLS version in common", ("tls_minimum", "1.2")),
    ("tls", "tls", "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol (_ssl.c:1006)", "broke while TLS", None),
    ("starttls", "auth", "The read operation timed out", "hold their answer back", None),
    ("starttls", "auth", "Connection unexpectedly closed", "without a reason", None),
    ("none", "auth", "The server doesn't offer authentication on this connection.", "offers no sign-in", ("security", "starttls")),
    ("none", "greeting", "The reply is not SMTP: 'HTTP/1.1 400 Bad Request'", "other than a mail server", None),
    ("none", "proxy", "The proxy replied 407 Proxy Authentication Required", "proxy", None),
    ("none", "quit", "something quite new", "does not know", None),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "stage", "reply", "cause", "step"), REPLIES)
def test_a_known_reply_is_told_with_its_cause_and_steps(
    provider: str, stage: str, reply: str, cause: str, step: str, app: Flask, parts: AppState
) -> None:
    diagnosis = _diagnosis(app, parts, provider, "starttls", stage, reply=reply)
    assert cause in str(diagnosis.cause)
    assert step in " ".join(str(one) for one in diagnosis.steps)


@pytest.mark.parametrize(("security", "stage", "error", "cause", "fix"), ERRORS)
def test_a_failure_without_a_reply_is_told_too(
    security: str, stage: str, error: str, cause: str, fix: tuple[str, str] | None, app: Flask, parts: AppState
) -> None:
    diagnosis = _diagnosis(app, parts, "custom", security, stage, error=error)
    assert cause in str(diagnosis.cause)
    assert fix is None or fix in diagnosis.fix.items()


def test_the_guides_office_365_troubleshooting_is_there(app: Flask, parts: AppState) -> None:
    steps = " ".join(
        str(s) for s in _diagnosis(app, parts, "office365", "starttls", "auth", reply="535 5.7.3 No").steps
    )
    assert "Manage email apps" in steps
    assert "security defaults" in steps


def _diagnosis(app: Flask, parts: AppState, provider: str, security: str, stage: str, **words: Any) -> Diagnosis:
    server = opened(provider=get_providers()[provider], security=security)
    with app.test_request_context():
        error = DeliveryError(Stage(stage) if stage != "quit" else Stage.DATA, **words)
        diagnosis = diagnose(get_providers(), server, error)
        return Diagnosis(str(diagnosis.cause), [str(step) for step in diagnosis.steps], fix=diagnosis.fix)
