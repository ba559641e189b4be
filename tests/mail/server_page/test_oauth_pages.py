"""“Generate access token”: to the provider and back to the form, whatever comes of it."""

import re
from datetime import timedelta

import pytest
import time_machine
from werkzeug.test import TestResponse

from tests.conftest import PUBLIC_URL
from tests.mail.page import PAGE, error_at, saved
from tests.mail.server_page.authorization import DEVICE, START, authorize, grant_events, oauth_form, return_with
from tests.support.authorization import CLIENT_SECRET, AuthorizationServer
from tests.support.browser import PASSWORD, Browser
from webapp.accounts.sessions import reauthentication
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail.doctor.limits import BY_ADMINISTRATOR
from webapp.mail.grants import token_source
from webapp.mail.oauth.errors import OAuthError

pytestmark = pytest.mark.one_database
GENERATED = "Access token status: Generated"


def form_targets(page: TestResponse) -> set[str]:
    """Return where forms of this page may lead, as its policy says."""
    return set(page.headers["Content-Security-Policy"].partition("form-action ")[2].partition(";")[0].split())


def test_the_form_is_saved_and_the_browser_goes_to_the_provider_and_back(
    administrator: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    page = return_with(administrator, authorize(administrator, provider))
    assert page.request.path == PAGE
    assert GENERATED in page.text
    assert provider.account in page.text
    assert grant_events(state) == ["grant.obtained"]
    assert not [token for token in (CLIENT_SECRET, *provider.access, *provider.refresh) if token in page.text]


def test_saved_settings_need_only_the_button(administrator: Browser, provider: AuthorizationServer) -> None:
    administrator.submit(PAGE, "save", **oauth_form(provider))
    answer = administrator.post(START, follow=False)
    assert answer.status_code == 303
    assert answer.location.startswith(f"{provider.url}/authorize?")


def test_a_request_without_a_csrf_token_starts_nothing(
    administrator: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    administrator.submit(PAGE, "save", **oauth_form(provider))
    for fields in ({}, oauth_form(provider, host="smtp.attacker.example")):
        administrator.client.post(START, data=fields)
    assert (saved(state).host, provider.asked) == ("smtp.example.org", [])


@pytest.mark.parametrize(("chosen", "leads_on"), [("google", True), ("custom", True), ("sendgrid", False)])
def test_only_a_page_for_a_provider_with_oauth2_lets_forms_lead_elsewhere(
    chosen: str, leads_on: bool, administrator: Browser
) -> None:
    allowed = form_targets(administrator.submit(PAGE, "choose", provider=chosen))
    assert ("https:" in allowed) == leads_on
    assert "'self'" in allowed


def test_entering_the_password_in_between_still_leads_to_the_provider(
    administrator: Browser, provider: AuthorizationServer
) -> None:
    fields = oauth_form(provider) | {"csrf_token": administrator.csrf_token()}
    with time_machine.travel(clock.now() + reauthentication.VALID_FOR):
        asked = administrator.client.post(START, data=fields)
        assert {"'self'", "https:"} <= form_targets(asked)
        assert {"'self'", "https:"} <= form_targets(administrator.submit_on(asked, current_password="wrong"))
        held = re.search(r'name="saved_form" value="([^"]+)"', asked.text)
        again = {"saved_form": held and held[1], "current_password": PASSWORD, "csrf_token": fields["csrf_token"]}
        answer = administrator.client.post(START, data=again)
    assert answer.location.startswith(f"{provider.url}/authorize?")


def test_the_url_that_an_error_is_shown_at_can_be_opened_again(administrator: Browser) -> None:
    assert administrator.get(START).request.path == PAGE


def test_a_browser_that_uses_another_url_of_mailroom_is_stopped_before_it_leaves(
    administrator: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    administrator.submit(PAGE, "save", **oauth_form(provider))
    fields = {"csrf_token": administrator.csrf_token()}
    headers = {"Origin": "http://10.0.0.5:8000"}
    page = administrator.client.post(START, data=fields, headers=headers, follow_redirects=True)
    assert "where you aren't signed in" in page.get_data(as_text=True).replace("&#39;", "'")
    assert PUBLIC_URL in page.text
    assert grant_events(state) == ["grant.refused"]


@pytest.mark.parametrize("grant_type", ["client_credentials", "service_account"])
def test_a_grant_without_a_person_is_generated_without_leaving_the_page(
    grant_type: str, administrator: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    fields = oauth_form(
        provider, authentication=grant_type, service_account_key=provider.key_file, client_secret=CLIENT_SECRET
    )
    page = administrator.post(START, **fields)
    assert GENERATED in page.text
    assert "PRIVATE KEY" not in page.text + str(saved(state).sealed_secrets)


def test_an_administrator_can_ask_for_twenty_tokens_in_ten_minutes(
    administrator: Browser, provider: AuthorizationServer
) -> None:
    administrator.submit(PAGE, "save", **oauth_form(provider, authentication="client_credentials"))
    for _ in range(BY_ADMINISTRATOR.times):
        assert GENERATED in administrator.post(START).text
    asked = len(provider.asked)
    assert "Too many attempts. Try again in" in administrator.post(START).text
    assert len(provider.asked) == asked


def test_a_code_entered_on_another_device_generates_the_token(
    administrator: Browser, provider: AuthorizationServer
) -> None:
    page = administrator.post(START, **oauth_form(provider, authentication="device_code"))
    code = page.text.partition('class="device-code" dir="ltr">')[2].partition("<")[0]
    assert "been entered yet." in administrator.post(DEVICE).text
    provider.type_code(code)
    with time_machine.travel(clock.now() + timedelta(seconds=6), tick=False):
        assert GENERATED in administrator.post(DEVICE).text


def test_a_script_that_waits_for_the_code_gets_json(administrator: Browser, provider: AuthorizationServer) -> None:
    administrator.post(START, **oauth_form(provider, authentication="device_code"))
    fields = {"csrf_token": administrator.csrf_token()}
    answer = administrator.client.post(DEVICE, data=fields, headers={"Accept": "application/json"})
    assert answer.json == {"waiting": True}


@pytest.mark.parametrize(("key", "error"), [("", "“Service account key (JSON)”"), ("no json", "JSON")])
def test_a_missing_or_bad_key_file_is_reported_and_never_shown(
    key: str, error: str, administrator: Browser, provider: AuthorizationServer
) -> None:
    fields = oauth_form(provider, authentication="service_account", service_account_key=key, client_secret="")
    page = administrator.submit(PAGE, "save", **fields)
    assert error in error_at(page, "service_account_key")
    assert "Your last entry was kept." not in page.text
    assert not key or key not in page.text.partition("<form")[2]


def test_a_grant_that_has_ended_says_what_to_do(
    administrator: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    return_with(administrator, authorize(administrator, provider))
    provider.revoke()
    with pytest.raises(OAuthError):
        token_source.for_server(saved(state), state).refresh()
    page = administrator.get(PAGE)
    assert "Access token status: Needs attention" in page.text
    assert "The provider no longer accepts the OAuth2 authorization" in page.text
    assert ">Generate access token</button>" in page.text


def test_the_button_has_the_name_that_the_steps_beside_it_use(
    administrator: Browser, provider: AuthorizationServer
) -> None:
    query = authorize(administrator, provider)
    assert ">Update access token</button>" in return_with(administrator, query).text
    page = return_with(administrator, query)
    assert "“Generate access token”" in page.text
    assert ">Generate access token</button>" in page.text
