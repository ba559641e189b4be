"""Failures described in the reader's language."""

import pytest
from flask import Flask

from webapp.core import i18n
from webapp.core.i18n import END_OF_ISOLATE, ISOLATE
from webapp.mail.diagnosis.descriptions import describe
from webapp.providers import Failure


@pytest.mark.one_database
def test_a_failure_is_described_in_the_readers_language(app: Flask) -> None:
    with app.test_request_context(), i18n.use_language("ar"):
        text = describe(Failure("token", "wrong_account", {"account": "eve"}))
        assert f"{ISOLATE}eve{END_OF_ISOLATE}" in text


@pytest.mark.parametrize("code", ["token_url_unreachable", "not_json", "proxy_refused", "cannot_unseal"])
@pytest.mark.one_database
def test_a_providers_error_is_not_taken_for_one_of_mailrooms(code: str, app_context: None) -> None:
    assert describe(Failure("token", code, {}, f"{code} says the provider")) == f"{code} says the provider"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("400", "isn't valid for this mailbox"),
        ("invalid_token", "isn't valid"),
        ("odd", "The mail server's reason: odd"),
    ],
)
@pytest.mark.one_database
def test_the_reason_for_rejecting_a_token_is_a_sentence(status: str, words: str, app_context: None) -> None:
    reason = {"auth_status": status, "auth_scope": "mail.send"}
    text = describe(Failure("auth", "token_expired", reason, "535 5.7.8 Rejected"))
    assert text.startswith("535 5.7.8 Rejected\n")
    assert words in text
    assert "It requires the scope mail.send." in text
    assert text.endswith("The access token has expired.")
