"""Real refusals of token endpoints, and the diagnosis that an administrator is shown."""

import json

import pytest
from flask import Flask

from plugins import google, office365_oauth2
from webapp.core.http_client import Response
from webapp.mail.diagnosis import descriptions, token_rules
from webapp.mail.diagnosis.service import diagnose
from webapp.mail.oauth import responses
from webapp.mail.oauth.errors import OAuthError, TokenRefused
from webapp.providers import Diagnosis, Failure

pytestmark = pytest.mark.one_database

SETTINGS = {"authentication": "authorization_code"}
TRACE = "\r\nTrace ID: 0e1b\r\nCorrelation ID: 77aa\r\nTimestamp: 2026-11-23 06:00:00Z"
GOOGLE = [
    ("invalid_grant", "Token has been expired or revoked.", google.GRANT_EXPIRED),
    ("invalid_grant", "Bad Request", google.OTHER_CLIENT),
    ("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)", google.BAD_REQUEST_DATE),
    ("invalid_grant", "Invalid email or User ID", google.NO_MAILBOX),
    ("invalid_client", "The OAuth client was not found.", google.UNKNOWN_CLIENT),
    ("unauthorized_client", "Unauthorized", google.OTHER_CLIENT),
    ("unauthorized_client", "Client is unauthorized to retrieve access tokens using this method", google.NOT_DELEGATED),
    ("admin_policy_enforced", "", google.BLOCKED_BY_ADMINISTRATOR),
    ("access_denied", "", google.DECLINED),
    ("redirect_uri_mismatch", "Bad Request", token_rules.NOT_REGISTERED),
]
MICROSOFT = [
    (
        "invalid_grant",
        "AADSTS70008: The provided authorization code or refresh token",
        office365_oauth2.UNUSED,
    ),
    (
        "invalid_grant",
        "AADSTS700082: The refresh token has expired due to inactivity.",
        office365_oauth2.UNUSED,
    ),
    (
        "invalid_grant",
        "AADSTS50173: The provided grant has expired due to",
        office365_oauth2.GRANT_LOST_WITH_PASSWORD,
    ),
    ("invalid_client", "AADSTS7000215: Invalid client secret provided.", office365_oauth2.SECRET_ID),
    (
        "invalid_client",
        "AADSTS7000222: The provided client secret keys for app",
        office365_oauth2.SECRET_EXPIRED,
    ),
    ("invalid_client", "AADSTS7000218: The request body must contain", office365_oauth2.NOT_PUBLIC),
    ("unauthorized_client", "AADSTS700016: Application with identifier", office365_oauth2.NO_APP),
    ("invalid_grant", "AADSTS65001: The user or administrator has not consented", office365_oauth2.NO_CONSENT),
    ("interaction_required", "AADSTS50079: Due to a configuration change", office365_oauth2.SECOND_FACTOR),
    (
        "invalid_grant",
        "AADSTS53003: Access has been blocked by Conditional Access",
        office365_oauth2.CONDITIONAL,
    ),
    ("invalid_grant", "AADSTS9002313: Invalid request.", office365_oauth2.INCOMPLETE_GRANT),
    ("invalid_grant", "AADSTS50034: The user account does not exist", office365_oauth2.NOT_IN_TENANT),
    (
        "invalid_request",
        "AADSTS50194: Application is not configured as multi-tenant",
        office365_oauth2.ONE_TENANT,
    ),
    ("unauthorized_client", "AADSTS50194: Application is not configured", office365_oauth2.ONE_TENANT),
    ("invalid_request", "AADSTS500113: No reply address is registered", office365_oauth2.NO_REDIRECT_URI),
    ("invalid_client", "AADSTS50011: The redirect URI does not match", office365_oauth2.NO_REDIRECT_URI),
    # The error of 2018, and today's.
    ("invalid_request", "AADSTS90002: Tenant 'x' not found.", office365_oauth2.NO_TENANT),
    ("invalid_tenant", "AADSTS90002: Tenant 'x' not found.", office365_oauth2.NO_TENANT),
    (
        "unauthorized_client",
        "AADSTS9002331: Please use the /consumers endpoint",
        office365_oauth2.PERSONAL_ONLY,
    ),
    ("invalid_grant", "AADSTS99999999: Something new.", token_rules.GRANT_ENDED),
]
CUSTOM = [
    ("invalid_request", "AADSTS50194: Application is not configured as multi-tenant", token_rules.ONE_TENANT),
    ("unauthorized_client", "AADSTS50194: Application is not configured", token_rules.ONE_TENANT),
    ("invalid_tenant", "AADSTS90002: Tenant 'x' not found.", token_rules.NO_TENANT),
    ("invalid_request", "AADSTS500113: No reply address is registered", token_rules.NOT_REGISTERED),
    ("invalid_request", "Invalid parameter: redirect_uri", token_rules.NOT_REGISTERED),
    ("invalid_resource", "The resource is unknown.", token_rules.BAD_SCOPE),
]
# What is wrong with a reply is shown in full, and its diagnosis is the same for all of them.
UNUSABLE_REPLIES = {"code_missing", "no_access_token", "no_device_code", "no_token_lifetime", "not_json",
                    "refused_without_reason", "wrong_token_type"}  # fmt: skip
NOT_OF_THE_PROVIDER = {"8bitmime_not_offered", "code_not_entered", "line_too_long", "message_expired",
                       "no_address_of_family",
                       "no_common_mechanism", "authentication_not_offered", "not_smtp", "out_of_step",
                       "plain_text_after_starttls", "plugin_failed", "reply_too_long", "sender_needs_smtputf8",
                       "smtputf8_not_offered", "starttls_not_offered", "starttls_stripped",
                       "tokens_not_offered", "unconfirmed",
                       "unknown_authentication"}  # fmt: skip


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    """Nothing here changes it."""
    return shared_app


@pytest.mark.parametrize(
    ("provider", "error", "description", "expected"),
    [("google", *one) for one in GOOGLE]
    + [("office365", *one) for one in MICROSOFT]
    + [("custom", *one) for one in CUSTOM],
)
def test_a_known_refusal_has_its_diagnosis(
    app: Flask, provider: str, error: str, description: str, expected: Diagnosis
) -> None:
    body = {"error": error, "error_description": description + TRACE}
    with pytest.raises(TokenRefused) as caught:
        responses.read_tokens(Response(400, {}, json.dumps(body).encode()), "client")
    assert "Trace" not in caught.value.reply
    with app.test_request_context():
        assert diagnose(provider, SETTINGS, caught.value.failure) == expected


def test_every_failure_without_a_reply_has_its_own_diagnosis(app: Flask) -> None:
    codes = {code for code in descriptions.TEXTS if not code.startswith("token_") or code.startswith("token_url")}
    with app.test_request_context():
        unexplained = {
            code for code in codes if diagnose("custom", SETTINGS, Failure("token", code)) is token_rules.UNUSABLE_REPLY
        }
    assert unexplained == UNUSABLE_REPLIES | NOT_OF_THE_PROVIDER


def test_an_interrupted_refresh_is_not_called_an_ended_grant(app: Flask) -> None:
    failure = Failure("token", "refresh_interrupted", reply="invalid_grant Token has been expired or revoked.")
    with app.test_request_context():
        assert diagnose("google", SETTINGS, failure) is token_rules.REFRESH_INTERRUPTED


def test_a_secret_in_a_refusal_is_redacted() -> None:
    secret = "the-refresh-token-itself"
    body = json.dumps({"error": "invalid_grant", "error_description": f"Bad token {secret}\x00<b>"})
    with pytest.raises(TokenRefused) as caught:
        responses.read_tokens(Response(400, {}, body.encode()), "client", [secret])
    assert caught.value.reply == "invalid_grant Bad token ••••••\ufffd<b>"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"access_token": {}}', b'{"a": NaN}',
             b'{"error": ["x"]}']
)  # fmt: skip
def test_no_response_breaks_the_reader(body: bytes) -> None:
    for status in (200, 201, 204, 302, 400, 401, 500):
        with pytest.raises(OAuthError) as caught:
            responses.read_tokens(Response(status, {"date": "yesterday"}, body), "client")
        assert not caught.value.permanent
