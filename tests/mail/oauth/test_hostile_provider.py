"""Malicious and broken replies of providers break no page and cause no wait."""

import time
from typing import Any

import pytest

from tests.mail.page import PAGE
from tests.mail.server_page.authorization import START, authorize, oauth_form, return_with
from tests.support.authorization import ACCOUNT, CLIENT_ID, AuthorizationServer
from tests.support.browser import Browser
from tests.support.grants import GrantOwner
from tests.support.tokens import unsigned
from webapp.mail.oauth.errors import TokenRefused

# Not accepted by databases: half of a surrogate pair, and NUL.
BROKEN = "\ud800\x00"


@pytest.mark.parametrize("description", [" " * 200_000, "A Client Secret+with/signs " * 7_000])
@pytest.mark.one_database
def test_an_endless_error_description_takes_no_time(owner: GrantOwner, description: str) -> None:
    owner.save()
    owner.provider.answers = {"error": "invalid_grant", "error_description": description}
    started = time.thread_time()
    with pytest.raises(TokenRefused) as caught:
        owner.authorize()
    assert time.thread_time() - started < 2
    assert len(str(caught.value)) <= 1000


@pytest.mark.parametrize(
    "values",
    [
        {"scope": f"mail.send {BROKEN}"},
        {"id_token": unsigned({"aud": CLIENT_ID, "sub": BROKEN})},
        {"id_token": unsigned({"aud": CLIENT_ID, "email": BROKEN})},
        {"id_token": unsigned({"aud": CLIENT_ID, "email": BROKEN, "upn": ACCOUNT})},
    ],
)
def test_invalid_text_is_left_out_of_a_grant(
    values: dict[str, Any], administrator: Browser, provider: AuthorizationServer
) -> None:
    provider.answers = values
    page = return_with(administrator, authorize(administrator, provider))
    assert "Access token status: Generated" in page.text


INVALID_CODES = [
    {"user_code": BROKEN},
    {"device_code": BROKEN},
    {"user_code": "AB\u202eCD"},
    {"verification_uri": f"https://provider.example/{'a' * 3000}"},
    {"verification_uri": "javascript:alert(1)"},
    {"expires_in": 0},
    {"expires_in": -(10**11)},
    {"interval": "soon"},
]


@pytest.mark.one_database
def test_an_invalid_device_code_is_reported_on_the_page(
    administrator: Browser, provider: AuthorizationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = provider.device
    for values in INVALID_CODES:
        monkeypatch.setattr(provider, "device", lambda *asked, values=values: given(*asked) | values)
        page = administrator.post(START, **oauth_form(provider, authentication="device_code"))
        assert (page.status_code, page.request.path) == (200, PAGE)
        assert "The reply to the device code request can" in page.text
