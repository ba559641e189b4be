"""What providers really say when they give no token, and what people are told."""

import json

import pytest

from webapp.core.app_state import AppState
from webapp.core.http_client import Response
from webapp.mail.diagnosis import token_rules
from webapp.mail.diagnosis.service import diagnose_grant
from webapp.mail.models import MailServer
from webapp.mail.oauth import responses, words
from webapp.mail.oauth.errors import OAuthError, TokenRefused, Unreached
from webapp.providers.registry import get_providers

pytestmark = pytest.mark.one_database

TRACE = "\r\nTrace ID: 0e1b\r\nCorrelation ID: 77aa\r\nTimestamp: 2026-11-23 06:00:00Z"
GOOGLE = [
    ("invalid_grant", "Token has been expired or revoked.", "every seven days"),
    ("invalid_grant", "Bad Request", "made with another one, or used twice"),
    ("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)", "its date is wrong"),
    ("invalid_grant", "Invalid email or User ID", "no such mailbox"),
    ("invalid_client", "The OAuth client was not found.", "no such client ID"),
    ("unauthorized_client", "Unauthorized", "another one"),
    ("unauthorized_client",
     "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the "
     "scopes requested.", "domain-wide delegation is missing"),
    ("admin_policy_enforced", "", "administrator does not allow"),
    ("access_denied", "", "was declined"),
    ("redirect_uri_mismatch", "Bad Request", "did not understand"),
]  # fmt: skip
MICROSOFT = [
    ("invalid_grant", "AADSTS70008: The provided authorization code or refresh token has expired", "not used for too"),
    ("invalid_grant", "AADSTS700082: The refresh token has expired due to inactivity.", "not used for too long"),
    ("invalid_grant", "AADSTS50173: The provided grant has expired due to it being revoked", "password was changed"),
    ("invalid_client", "AADSTS7000215: Invalid client secret provided.", "the secret's ID was copied"),
    ("invalid_client", "AADSTS7000222: The provided client secret keys for app 'x' are expired.", "has expired."),
    (
        "invalid_client",
        "AADSTS7000218: The request body must contain: 'client_assertion' or 'client_secret'.",
        "to show",
    ),
    ("unauthorized_client", "AADSTS700016: Application with identifier 'x' was not found", "no such application"),
    ("invalid_grant", "AADSTS65001: The user or administrator has not consented", "Nobody has allowed"),
    ("invalid_grant", "AADSTS50076: Due to a configuration change", "second factor"),
    ("interaction_required", "AADSTS50079: Due to a configuration change", "second factor"),
    ("invalid_grant", "AADSTS53003: Access has been blocked by Conditional Access policies.", "Conditional Access"),
    ("invalid_grant", "AADSTS9002313: Invalid request.", "not whole any more"),
    ("invalid_grant", "AADSTS50034: The user account {EmailHidden} does not exist", "does not belong to this tenant"),
    ("invalid_grant", "AADSTS99999999: Nobody knows this number.", "no longer accepts the sign-in"),
]


@pytest.mark.parametrize(
    ("provider", "error", "description", "said"),
    [("google", *one) for one in GOOGLE] + [("office365", *one) for one in MICROSOFT],
)
def test_a_providers_refusal_is_explained(
    parts: AppState, provider: str, error: str, description: str, said: str
) -> None:
    body = {"error": error, "error_description": description + TRACE}
    with pytest.raises(TokenRefused) as caught:
        responses.tokens(Response(400, {}, json.dumps(body).encode()), "client")
    assert "Trace" not in caught.value.words
    server = MailServer(provider=provider, authentication="authorization_code", username="mailroom@mailroom.example")
    diagnosis = diagnose_grant(get_providers(), server, caught.value)
    assert said in str(diagnosis.cause)
    assert diagnosis.steps


def test_what_we_say_ourselves_is_explained(parts: AppState) -> None:
    server = MailServer(provider="custom", authentication="authorization_code", username="")
    sentences = [text for name, text in vars(words).items() if name.isupper()]
    about_the_answer = {words.NOT_JSON, words.NO_REASON, words.NO_ACCESS_TOKEN, words.OTHER_TYPE, words.NO_LIFETIME}
    for text in set(sentences) - about_the_answer - {words.NO_DEVICE_CODE, words.NOT_TYPED}:
        diagnosis = diagnose_grant(get_providers(), server, OAuthError(error=text))
        assert diagnosis is not token_rules.NOT_TOKENS, text


def test_a_token_endpoint_whose_certificate_is_not_believed_is_told_like_such_a_mail_server(parts: AppState) -> None:
    server = MailServer(provider="custom", authentication="authorization_code", username="")
    said = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c)"
    fault = Unreached(error=words.NOT_REACHED % {"error": said})
    assert "Who signed" in str(diagnose_grant(get_providers(), server, fault).cause)


def test_an_interruption_is_said_to_be_one(parts: AppState) -> None:
    server = MailServer(provider="google", authentication="authorization_code", username="")
    fault = TokenRefused("interrupted invalid_grant Token has been expired or revoked.")
    assert "interrupted" in str(diagnose_grant(get_providers(), server, fault).cause)


@pytest.mark.parametrize("secret", ["the-refresh-token-itself", "geheim&geheim"])
def test_a_secret_in_a_refusal_is_blotted_out(secret: str) -> None:
    body = json.dumps({"error": "invalid_grant", "error_description": f"Bad token {secret}\x00<b>"})
    with pytest.raises(TokenRefused) as caught:
        responses.tokens(Response(400, {}, body.encode()), "client", [secret])
    assert caught.value.words == "invalid_grant Bad token ••••••\ufffd<b>"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"access_token": {}}', b'{"a": NaN}']
)
def test_no_answer_breaks_the_reader(body: bytes) -> None:
    for status in (200, 201, 204, 302, 400, 401, 500):
        with pytest.raises(OAuthError) as caught:
            responses.tokens(Response(status, {"date": "yesterday"}, body), "client")
        assert not caught.value.lasting
