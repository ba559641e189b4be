"""A grant is dropped with what it was gained with, and the page says so before and after."""

import pytest

from tests.mail.grants.page import START, back, begun, trail, typed
from tests.mail.page import PAGE, error_at, saved
from tests.support.authorization import AuthorizationServer
from tests.support.browser import Browser
from webapp.core.app_state import AppState

pytestmark = pytest.mark.one_database


def test_a_saved_client_secret_can_be_removed_and_the_grant_goes_with_it(
    administrator: Browser, provider: AuthorizationServer, parts: AppState
) -> None:
    back(administrator, begun(administrator, provider))
    assert "Remove the saved client secret" in administrator.get(PAGE).text
    without = typed(provider, client_secret="", remove_client_secret="y")
    assert "The access token was dropped" in administrator.submit(PAGE, "save", **without).text
    assert saved(parts).sealed_secrets == {}
    assert "Remove the saved client secret" not in administrator.get(PAGE).text


@pytest.mark.parametrize(("authentication", "secret"), [("client_credentials", ""), ("authorization_code", "another")])
def test_a_client_secret_that_is_needed_or_typed_is_not_removed(
    authentication: str, secret: str, administrator: Browser, provider: AuthorizationServer, parts: AppState
) -> None:
    fields = typed(provider, authentication=authentication)
    administrator.submit(PAGE, "save", **fields)
    administrator.submit(PAGE, "save", **fields | {"client_secret": secret, "remove_client_secret": "y"})
    assert set(saved(parts).sealed_secrets) == {"client_secret"}


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "another"}, {"client_secret": "another"}, {"scopes": "another"},
        {"username": "b@mailroom.example"},
        {"authorize_url": "https://other.example/a"}, {"token_url": "https://other.example/t"},
        {"authentication": "password", "password": "secret"},
        {"provider": "google", "host": "smtp.gmail.com"},
    ],
)  # fmt: skip
def test_a_change_of_what_it_was_made_for_drops_it_and_says_so(
    change: dict[str, str], administrator: Browser, provider: AuthorizationServer, parts: AppState
) -> None:
    page = back(administrator, begun(administrator, provider))
    assert "this access token is dropped" in page.text
    page = administrator.post(PAGE, save="1", **typed(provider) | change)
    assert "The access token was dropped" in page.text
    assert ("Generate a new one" in page.text) == ("authentication" not in change)
    assert trail(parts) == ["grant.obtained", "grant.removed"]


def test_the_client_secret_of_another_provider_is_neither_asked_for_nor_kept(
    administrator: Browser, provider: AuthorizationServer, parts: AppState
) -> None:
    administrator.post(PAGE, save="1", **typed(provider) | {"provider": "google"})
    assert set(saved(parts).sealed_secrets) == {"client_secret"}
    administrator.post(PAGE, save="1", **typed(provider, client_secret=""))
    assert (saved(parts).provider, saved(parts).sealed_secrets) == ("custom", {})


@pytest.mark.parametrize("chosen", ["google", "sendgrid"])
def test_a_look_at_another_provider_shows_no_grant_of_this_one_and_says_that_saving_drops_it(
    chosen: str, administrator: Browser, provider: AuthorizationServer
) -> None:
    back(administrator, begun(administrator, provider))
    page = administrator.submit(PAGE, "choose", provider=chosen)
    assert "status: generated" not in page.text
    assert "this access token is dropped" in page.text


def test_another_timeout_keeps_it(administrator: Browser, provider: AuthorizationServer, parts: AppState) -> None:
    back(administrator, begun(administrator, provider))
    page = administrator.submit(PAGE, "save", timeout="30")
    assert "Access token status: Generated" in page.text
    assert trail(parts) == ["grant.obtained"]


@pytest.mark.parametrize("field", ["token_url", "device_authorization_url", "client_id"])
def test_a_saved_client_secret_is_shown_to_nobody_else(
    field: str, administrator: Browser, provider: AuthorizationServer, parts: AppState
) -> None:
    administrator.submit(PAGE, "save", **typed(provider, authentication="device_code"))
    elsewhere = {field: "https://attacker.example/", "client_secret": ""}
    page = administrator.post(START, **typed(provider, authentication="device_code") | elsewhere)
    assert "Type this again" in error_at(page, "client_secret")
    assert saved(parts).device_authorization_url == provider.settings["device_authorization_url"]
