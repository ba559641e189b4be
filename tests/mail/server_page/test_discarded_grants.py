"""A grant is used with no other settings than those it was obtained with, and the page says so before and after."""

import pytest

from tests.mail.page import PAGE, draft_page, error_at, saved, shown
from tests.mail.server_page.authorization import START, authorize, grant_events, oauth_form, return_with
from tests.support.authorization import AuthorizationServer
from tests.support.browser import Browser
from webapp.core.app_state import AppState

pytestmark = pytest.mark.one_database
DISCARDED = "The access token was discarded"
DRAFT = "Saved as a draft."
WARNING = "discards this access token"
REMOVE = "Remove the saved client secret"


def test_without_the_client_secret_the_settings_are_a_draft(
    administrator: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    return_with(administrator, authorize(administrator, provider))
    assert REMOVE in administrator.get(PAGE).text
    fields = oauth_form(provider, client_secret="", remove_client_secret="y")
    assert DRAFT in administrator.submit(PAGE, "save", **fields).text
    assert shown(state).sealed_secrets == {}
    assert REMOVE not in administrator.get(draft_page(state)).text
    assert set(saved(state).sealed_secrets) == {"client_secret"}


@pytest.mark.parametrize(("authentication", "secret"), [("client_credentials", ""), ("authorization_code", "another")])
def test_a_client_secret_that_is_needed_or_entered_is_not_removed(
    authentication: str, secret: str, administrator: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    fields = oauth_form(provider, authentication=authentication)
    administrator.submit(PAGE, "save", **fields)
    administrator.submit(PAGE, "save", **fields | {"client_secret": secret, "remove_client_secret": "y"})
    assert set(saved(state).sealed_secrets) == {"client_secret"}


def test_saving_without_oauth2_discards_the_grant(
    administrator: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    assert WARNING in return_with(administrator, authorize(administrator, provider)).text
    page = administrator.post(PAGE, save="1", **oauth_form(provider) | {"authentication": "password", "password": "x"})
    assert DISCARDED in page.text
    assert grant_events(state) == ["grant.obtained", "grant.removed"]


def test_a_change_of_what_the_grant_was_obtained_with_keeps_it_in_use(
    administrator: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    return_with(administrator, authorize(administrator, provider))
    page = administrator.post(PAGE, save="1", **oauth_form(provider) | {"scopes": "another"})
    assert DRAFT in page.text
    assert "Access token status: Not generated" in page.text
    assert grant_events(state) == ["grant.obtained"]


def test_the_client_secret_of_another_provider_is_neither_asked_for_nor_kept(
    administrator: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    administrator.post(PAGE, save="1", **oauth_form(provider) | {"provider": "google"})
    assert set(saved(state).sealed_secrets) == {"client_secret"}
    administrator.post(PAGE, save="1", **oauth_form(provider, client_secret=""))
    assert (saved(state).provider, saved(state).sealed_secrets) == ("custom", {})


@pytest.mark.parametrize("chosen", ["google", "sendgrid"])
def test_the_form_of_another_provider_shows_no_grant_but_says_what_becomes_of_it(
    chosen: str, administrator: Browser, provider: AuthorizationServer
) -> None:
    return_with(administrator, authorize(administrator, provider))
    page = administrator.submit(PAGE, "choose", provider=chosen)
    assert "status: Generated" not in page.text
    assert WARNING in page.text


@pytest.mark.parametrize("field", ["token_url", "device_authorization_url", "client_id"])
def test_a_saved_client_secret_is_sent_nowhere_else(
    field: str, administrator: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    fields = oauth_form(provider, authentication="device_code")
    administrator.submit(PAGE, "save", **fields)
    page = administrator.post(START, **fields | {field: "https://attacker.example/", "client_secret": ""})
    assert error_at(page, "client_secret").startswith("Enter “Client secret” again, because you changed ")
    assert saved(state).device_authorization_url == provider.settings["device_authorization_url"]
