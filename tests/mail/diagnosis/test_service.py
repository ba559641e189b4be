"""Real replies and errors, and the diagnosis that an administrator is shown."""

import pytest
from flask import Flask

from plugins import google, office365_diagnoses, office365_oauth2, sendgrid
from webapp.mail.diagnosis import reply_texts, smtp_rules, tls_texts
from webapp.mail.diagnosis.service import diagnose
from webapp.providers import Diagnosis, Failure, Text

pytestmark = pytest.mark.one_database

STORE = "STOREDRV.Submission.Exception"
GOOGLE = [
    ("auth", "535 5.7.8 Username and Password not accepted. For more information, go to\n5.7.8  https://x", google.BAD_PASSWORD),
    ("auth", "534 5.7.9 Application-specific password required. For more information", google.NEEDS_APP_PASSWORD),
    ("auth", "534 5.7.14 <https://accounts.google.com/signin>\n5.7.14 x> Please log in via your web browser", google.SUSPICIOUS),
    ("auth", "534 5.7.9 Please log in with your web browser and then try again. For more\n5.7.9 x", google.SUSPICIOUS),
    ("auth", "454 4.7.0 Too many login attempts, please try again later. x - gsmtp", google.TOO_OFTEN),
    ("data", "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail", google.DAILY_LIMIT),
    ("mail", "530 5.7.0 Must issue a STARTTLS command first. x - gsmtp", google.WANTS_TLS),
    ("data", "550 5.7.1 Invalid credentials for relay [192.0.2.1]. The IP address you've registered in your", google.RELAY_NOT_SET_UP),
    ("mail", "450 4.2.1 Peak SMTP relay limit exceeded for customer. This is a temporary error.", google.TOO_FAST),
    ("ehlo", "421 4.7.0 Try again later, closing connection. (EHLO) x - gsmtp", reply_texts.BAD_HELO),
]  # fmt: skip
OFFICE365 = [
    ("auth", "535 5.7.3 Authentication unsuccessful [AM0PR01CA0001.PROD.OUTLOOK.COM]", office365_diagnoses.NOT_ACCEPTED),
    ("auth", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.", office365_diagnoses.TENANT_OFF),
    ("auth", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.", office365_diagnoses.MAILBOX_OFF),
    ("auth", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [X]", office365_diagnoses.PASSWORDS_OFF),
    ("auth", "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. [X]", office365_diagnoses.WRONG_PASSWORD),
    ("auth", "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be", office365_diagnoses.POLICY_BLOCKS),
    ("auth", "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy.", office365_diagnoses.DEFAULTS),
    ("mail", "530 5.7.57 Client not authenticated to send mail. [X]", office365_diagnoses.NO_SIGN_IN),
    ("mail", "530 5.7.57 Client not authenticated to send mail. Error: 535 5.7.139 basic authentication is disabled.", office365_diagnoses.PASSWORDS_OFF),
    ("auth", "550 5.7.30 Basic authentication is not supported for Client Submission.", office365_diagnoses.PASSWORDS_OFF),
    ("data", "550 5.7.60 SMTP; Client does not have permissions to send as this sender [X]", office365_diagnoses.SEND_AS),
    ("data", "554 5.2.252 SendAsDenied; a@example.org not allowed to send as b@example.org; STOREDRV", office365_diagnoses.SEND_AS),
    ("data", f"554 5.2.0 {STORE}:SendAsDeniedException.MapiExceptionSendAsDenied; Failed", office365_diagnoses.SEND_AS),
    ("data", f"554 5.2.0 {STORE}:SubmissionQuotaExceededException", office365_diagnoses.QUOTA),
    ("data", f"554 5.2.2 mailbox full; {STORE}:QuotaExceededException", office365_diagnoses.MAILBOX_FULL),
    ("data", "432 4.3.2 Concurrent connections limit exceeded.", office365_diagnoses.BUSY),
    ("data", "550 5.1.8 Access denied, bad outbound sender AS(42004)", office365_diagnoses.RESTRICTED),
    ("data", "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP.", office365_diagnoses.NO_TRAFFIC),
]  # fmt: skip
SENDGRID = [
    ("auth", "535 Authentication failed: The provided authorization grant is invalid", sendgrid.BAD_KEY),
    ("auth", "451 Authentication failed: Maximum credits exceeded", sendgrid.NO_CREDITS),
    (
        "data",
        "550 The from address does not match a verified Sender Identity. Mail cannot be sent",
        sendgrid.UNVERIFIED_SENDER,
    ),
]
CUSTOM = [
    ("auth", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", reply_texts.PASSWORDS_OFF),
    ("mail", "530 5.7.57 Not authenticated. 535 5.7.139 basic authentication is disabled.", reply_texts.PASSWORDS_OFF),
    ("auth", "550 5.7.30 Basic authentication is not supported for Client Submission.", reply_texts.PASSWORDS_OFF),
]
MICROSOFT = "smtp.office365.com"
KNOWN_HOSTS = [
    ("smtp.gmail.com", "auth", "535 5.7.8 Username and Password not accepted.", google.BAD_PASSWORD),
    (MICROSOFT, "auth", "535 5.7.139 SmtpClientAuthentication is disabled for the Tenant.", office365_diagnoses.TENANT_OFF),
    (MICROSOFT, "auth", "535 5.7.139 The request did not meet the criteria to be", office365_diagnoses.POLICY_BLOCKS),
    (MICROSOFT, "auth", "535 5.7.139 basic authentication is disabled.", reply_texts.PASSWORDS_OFF),
    ("SMTP.SendGrid.net", "auth", "535 Authentication failed: The provided authorization grant is invalid", sendgrid.BAD_KEY),
    ("smtp.sendgrid.net", "auth", "535 Something new", sendgrid.BAD_KEY),
    ("mail.example.org", "auth", "535 5.7.8 Authentication failed", reply_texts.BAD_CREDENTIALS),
]  # fmt: skip
REPLIES = [
    (provider, *reply)
    for provider, replies in {"google": GOOGLE, "office365": OFFICE365, "sendgrid": SENDGRID, "custom": CUSTOM}.items()
    for reply in replies
]
# Security, stage, code.
ERRORS = [
    ("tls", "tls", "tls_not_offered", smtp_rules.STARTTLS_PORT),
    ("starttls", "greeting", "timeout", smtp_rules.TLS_PORT),
    ("tls", "greeting", "timeout", smtp_rules.NO_REPLY),
    ("starttls", "connect", "timeout", smtp_rules.CONNECTION_TIMEOUT),
    ("starttls", "auth", "timeout", smtp_rules.SLOW_AUTHENTICATION),
    ("starttls", "connect", "connection_refused", smtp_rules.CONNECTION_REFUSED),
    ("starttls", "lookup", "host_not_found", smtp_rules.HOST_NOT_FOUND),
    ("starttls", "lookup", "name_service_unavailable", smtp_rules.NAME_SERVICE_FAILED),
    ("starttls", "lookup", "host_invalid", smtp_rules.INVALID_HOST),
    ("starttls", "connect", "network_unreachable", smtp_rules.UNREACHABLE),
    ("starttls", "tls", "starttls_not_offered", smtp_rules.NO_STARTTLS),
    ("tls", "tls", "tls_version", tls_texts.TLS_VERSION),
    ("tls", "tls", "connection_closed", tls_texts.TLS_FAILED),
    ("starttls", "auth", "connection_closed", smtp_rules.CONNECTION_CLOSED),
    ("none", "auth", "authentication_not_offered", smtp_rules.NO_AUTHENTICATION),
    ("starttls", "auth", "authentication_not_offered", smtp_rules.NO_AUTHENTICATION_HERE),
    ("tls", "auth", "authentication_not_offered", smtp_rules.NO_AUTHENTICATION_HERE),
    ("none", "greeting", "not_smtp", smtp_rules.NOT_SMTP),
    ("starttls", "mail", "sender_needs_smtputf8", smtp_rules.SENDER_NEEDS_SMTPUTF8),
    ("starttls", "mail", "timeout", smtp_rules.BROKE_OFF_AT_MAIL),
    ("starttls", "mail", "connection_closed", smtp_rules.BROKE_OFF_AT_MAIL),
    ("starttls", "rcpt", "timeout", smtp_rules.BROKE_OFF_AT_RCPT),
    ("starttls", "rcpt", "connection_closed", smtp_rules.BROKE_OFF_AT_RCPT),
    ("starttls", "data", "timeout", smtp_rules.BROKE_OFF_AT_DATA),
    ("starttls", "data", "connection_closed", smtp_rules.BROKE_OFF_AT_DATA),
    ("starttls", "data", "unconfirmed", smtp_rules.UNCONFIRMED),
    ("none", "proxy", "proxy_refused", smtp_rules.PROXY_FAILED),
    ("starttls", "lookup", "private_host", smtp_rules.PRIVATE_HOST),
    ("starttls", "proxy", "private_host", smtp_rules.PRIVATE_HOST),
    ("starttls", "connect", "port_not_allowed", smtp_rules.PORT_NOT_ALLOWED),
    ("tls", "greeting", "client_certificate_required", tls_texts.CLIENT_CERTIFICATE_REQUIRED),
    ("tls", "greeting", "client_certificate_rejected", tls_texts.CLIENT_CERTIFICATE_REJECTED),
    ("tls", "tls", "tls_refused", tls_texts.TLS_REFUSED),
    ("tls", "tls", "tls_outdated", tls_texts.TLS_OUTDATED),
    ("tls", "connect", "connection_blocked", smtp_rules.CONNECTION_BLOCKED),
]


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    """Nothing here changes it."""
    return shared_app


def cause_of(provider: str, settings: dict[str, str], failure: Failure) -> Text:
    """Return the cause that an administrator is shown."""
    diagnosis = diagnose(provider, settings, failure)
    assert diagnosis is not None
    return diagnosis.cause


@pytest.mark.parametrize(("provider", "stage", "reply", "expected"), REPLIES)
def test_a_known_reply_has_its_diagnosis(
    app: Flask, provider: str, stage: str, reply: str, expected: Diagnosis
) -> None:
    with app.test_request_context():
        assert cause_of(provider, {"authentication": "password"}, Failure(stage, reply=reply)) == expected.cause


@pytest.mark.parametrize(
    ("stage", "reply", "expected"),
    [
        ("auth", "535 5.7.139 SmtpClientAuthentication is disabled for the Tenant.", office365_diagnoses.TENANT_OFF),
        ("auth", "535 5.7.139 SmtpClientAuthentication is disabled for the Mailbox.", office365_diagnoses.MAILBOX_OFF),
        (
            "auth",
            "535 5.7.139 the request did not meet the criteria to be authenticated.",
            office365_oauth2.CONDITIONAL,
        ),
        (
            "data",
            "554 5.2.252 SendAsDenied; a@x.example not allowed to send as b@x.example",
            office365_diagnoses.SEND_AS,
        ),
    ],
)
def test_what_is_not_wrong_with_a_token_is_told_from_the_reply(
    app: Flask, stage: str, reply: str, expected: Diagnosis
) -> None:
    failure = Failure(stage, "token_as_expected" if stage == "auth" else "", reply=reply)
    with app.test_request_context():
        assert cause_of("office365", {"authentication": "client_credentials"}, failure) == expected.cause


@pytest.mark.parametrize(("host", "stage", "reply", "expected"), KNOWN_HOSTS)
def test_a_provider_explains_its_servers_replies_under_custom_where_nothing_better_is_known(
    app: Flask, host: str, stage: str, reply: str, expected: Diagnosis
) -> None:
    with app.test_request_context():
        settings = {"authentication": "password", "host": host}
        assert cause_of("custom", settings, Failure(stage, reply=reply)) == expected.cause


@pytest.mark.parametrize(("security", "stage", "code", "expected"), ERRORS)
def test_a_failure_without_a_reply_is_diagnosed_by_its_code(
    app: Flask, security: str, stage: str, code: str, expected: Diagnosis
) -> None:
    with app.test_request_context():
        assert diagnose("custom", {"security": security}, Failure(stage, code)) == expected


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
@pytest.mark.parametrize("stage", ["greeting", "ehlo", "mail", "rcpt", "data"])
def test_a_server_that_takes_its_time_may_be_given_more(app: Flask, security: str, stage: str) -> None:
    with app.test_request_context():
        diagnosis = diagnose("custom", {"security": security}, Failure(stage, "timeout"))
    assert diagnosis is not None
    assert smtp_rules.TAKE_MORE_TIME in diagnosis.steps


def test_an_unknown_failure_has_a_diagnosis_too(app: Flask) -> None:
    with app.test_request_context():
        diagnosis = diagnose("gone", {}, Failure("data", "", {"error": "something new"}))
    assert diagnosis is not None
    assert "doesn't recognize" in str(diagnosis.cause)


def test_a_failure_before_any_server_was_asked_has_no_diagnosis(app: Flask) -> None:
    with app.test_request_context():
        assert diagnose("custom", {}, Failure("settings", "no_mail_server")) is None


@pytest.mark.parametrize("diagnosis", [reply_texts.PASSWORDS_OFF, office365_diagnoses.PASSWORDS_OFF])
def test_where_passwords_are_off_the_steps_lead_to_oauth2_also_for_personal_accounts(diagnosis: Diagnosis) -> None:
    steps = " ".join(str(step) for step in diagnosis.steps)
    assert "et Authentication to OAuth2" in steps
    assert "enter consumers as the tenant ID" in steps


def test_an_app_password_that_google_rejects_leads_to_the_administrators_switch_and_oauth2(app: Flask) -> None:
    failure = Failure("auth", "password_well_formed", reply="535 5.7.8 Username and Password not accepted.")
    with app.test_request_context():
        assert cause_of("google", {"authentication": "password"}, failure) == google.APP_PASSWORD_REJECTED.cause
    steps = " ".join(str(step) for step in google.APP_PASSWORD_REJECTED.steps)
    assert "administrator has turned them off" in steps
    assert "set Authentication to OAuth2" in steps
