"""What a provider answers that means harm, or is broken: no page fails for it, and nobody waits."""

import time
from typing import Any

import pytest

from tests.mail.page import PAGE
from tests.mail.server_page.authorization import START, authorize, oauth_form, return_with
from tests.support.authorization import ACCOUNT, CLIENT_ID, AuthorizationServer
from tests.support.browser import Browser
from tests.support.grants import GrantOwner
from tests.support.tokens import unsigned
from webapp.mail.models import GrantStatus
from webapp.mail.oauth.errors import TokenRefused

# No text of a database: half of a character, and the character that ends texts.
BROKEN = "\ud800\x00"


@pytest.mark.parametrize("description", [" " * 200_000, "A Client Secret+with/signs " * 7_000])
@pytest.mark.one_database
def test_a_description_without_end_holds_nobody_up(owner: GrantOwner, description: str) -> None:
    owner.save()
    owner.provider.answers = {"error": "invalid_grant", "error_description": description}
    started = time.process_time()
    with pytest.raises(TokenRefused) as caught:
        owner.sign_in()
    assert time.process_time() - started < 2
    assert len(str(caught.value)) <= 1000


@pytest.mark.parametrize(
    "facts",
    [
        {"scope": f"mail.send {BROKEN}"},
        {"id_token": unsigned({"aud": CLIENT_ID, "sub": BROKEN})},
        {"id_token": unsigned({"aud": CLIENT_ID, "email": BROKEN})},
        {"id_token": unsigned({"aud": CLIENT_ID, "email": BROKEN, "upn": ACCOUNT})},
    ],
)
def test_what_is_no_text_is_left_out_of_a_grant(
    facts: dict[str, Any], administrator: Browser, provider: AuthorizationServer
) -> None:
    provider.answers = facts
    page = return_with(administrator, authorize(administrator, provider))
    assert "Access token status: Generated" in page.text


@pytest.mark.parametrize(
    "facts",
    [
        {"user_code": BROKEN}, {"device_code": BROKEN}, {"user_code": "AB\u202eCD"},
        {"verification_uri": f"https://provider.example/{'a' * 3000}"}, {"verification_uri": "javascript:alert(1)"},
        {"expires_in": 0}, {"expires_in": -(10**11)}, {"interval": "soon"},
    ],
)  # fmt: skip
def test_a_device_code_that_is_none_is_told_on_the_form(
    facts: dict[str, Any], administrator: Browser, provider: AuthorizationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = provider.device
    monkeypatch.setattr(provider, "device", lambda *asked: given(*asked) | facts)
    page = administrator.post(START, **oauth_form(provider, authentication="device_code"))
    assert (page.status_code, page.request.path) == (200, PAGE)
    assert "request for a device code cannot be used" in page.text


@pytest.mark.parametrize("date", ["Mon, 23 Nov 99999999999999 10:00:00 GMT", "Mon, 23 Nov 2026 10:00:00 +99999999999"])
@pytest.mark.one_database
def test_a_clock_that_is_none_is_not_read(owner: GrantOwner, date: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner.save()
    owner.provider.answers = {"error": "invalid_grant"}
    monkeypatch.setattr("tests.support.provider_http.Handler.date_time_string", lambda *given: date)
    with pytest.raises(TokenRefused):
        owner.sign_in()
    assert owner.grant.status == GrantStatus.NONE
